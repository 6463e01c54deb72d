import type { Slide } from '../../../kernel/ports/deck-renderer.ts'
import { fitPoints } from '../fit.ts'
import type { Stage } from '../stage.ts'
import { drawGround, drawHeading, WHITE } from '../stage.ts'
import { PAGE } from '../theme.ts'

type Of<Kind extends Slide['kind']> = Extract<Slide, { kind: Kind }>

/** The first slide: what the deck is about, large, on deep ground. */
export function drawTitle(stage: Stage, { title, subtitle }: Of<'title'>): void {
  const { pptx, slide, palette, font } = stage
  drawGround(stage, 'right')
  const box = { w: 8.4, h: 2.3 }
  slide.addText(title, {
    ...{ x: PAGE.margin, y: 1.95, ...box, margin: 0, valign: 'bottom' },
    ...{ fontFace: font, bold: true, color: WHITE, fontSize: fitPoints([title], box, 48, 26) },
  })
  slide.addShape(pptx.ShapeType.rect, {
    ...{ x: PAGE.margin, y: 4.5, w: 1.3, h: 0.07 },
    fill: { color: palette.accent },
    line: { color: palette.accent, width: 0 },
  })
  if (!subtitle) return
  const below = { w: 8, h: 1.3 }
  slide.addText(subtitle, {
    ...{ x: PAGE.margin, y: 4.75, ...below, margin: 0, valign: 'top' },
    ...{ fontFace: font, color: 'DDE3EC', fontSize: fitPoints([subtitle], below, 20, 13) },
  })
}

/** What comes, numbered, in one column or two. */
export function drawAgenda(stage: Stage, { title, items }: Of<'agenda'>): void {
  const { pptx, slide, palette, font } = stage
  drawHeading(stage, title)
  const columns = items.length > 5 ? 2 : 1
  const perColumn = Math.ceil(items.length / columns)
  const width = (PAGE.width - 2 * PAGE.margin - (columns - 1) * 0.7) / columns
  const height = Math.min(1.05, (PAGE.bottom - PAGE.top) / perColumn)
  const texts = { w: width - 1.1, h: height - 0.2 }
  const points = Math.min(...items.map((item) => fitPoints([item], texts, 21, 11)))
  for (const [index, item] of items.entries()) {
    const x = PAGE.margin + Math.floor(index / perColumn) * (width + 0.7)
    const y = PAGE.top + (index % perColumn) * height
    slide.addText(String(index + 1).padStart(2, '0'), {
      ...{ x, y, w: 0.95, h: height - 0.12, margin: 0, valign: 'middle' },
      ...{ fontFace: font, bold: true, color: palette.accent, fontSize: Math.min(30, points + 9) },
    })
    slide.addText(item, {
      ...{ x: x + 1, y, w: texts.w, h: height - 0.12, margin: 0, valign: 'middle' },
      ...{ fontFace: font, color: palette.ink, fontSize: points },
    })
    slide.addShape(pptx.ShapeType.line, {
      ...{ x, y: y + height - 0.06, w: width, h: 0 },
      line: { color: 'DFE4EA', width: 0.75 },
    })
  }
}

/** A new part: its number behind its name. */
export function drawSection(stage: Stage, { title, text }: Of<'section'>, number: number): void {
  const { pptx, slide, palette, font } = stage
  drawGround(stage, 'left')
  slide.addText(String(number).padStart(2, '0'), {
    ...{ x: 5.2, y: 1.2, w: 7.3, h: 1.9, margin: 0, align: 'right', valign: 'bottom' },
    ...{ fontFace: font, bold: true, color: palette.accent, fontSize: 88 },
  })
  const box = { w: 8.2, h: 1.4 }
  slide.addText(title, {
    ...{ x: 4.3, y: 3.2, ...box, margin: 0, align: 'right', valign: 'middle' },
    ...{ fontFace: font, bold: true, color: WHITE, fontSize: fitPoints([title], box, 40, 22) },
  })
  slide.addShape(pptx.ShapeType.rect, {
    ...{ x: 11.2, y: 4.75, w: 1.3, h: 0.07 },
    fill: { color: palette.accent },
    line: { color: palette.accent, width: 0 },
  })
  if (!text) return
  const below = { w: 7.4, h: 1.5 }
  slide.addText(text, {
    ...{ x: 5.1, y: 4.95, ...below, margin: 0, align: 'right', valign: 'top' },
    ...{ fontFace: font, color: 'DDE3EC', fontSize: fitPoints([text], below, 18, 12) },
  })
}

/** The last slide. */
export function drawClosing(stage: Stage, { title, text }: Of<'closing'>): void {
  const { slide, font, palette, pptx } = stage
  drawGround(stage, 'right')
  const box = { w: 8.6, h: 2 }
  slide.addText(title, {
    ...{ x: PAGE.margin, y: 2.2, ...box, margin: 0, valign: 'bottom' },
    ...{ fontFace: font, bold: true, color: WHITE, fontSize: fitPoints([title], box, 54, 26) },
  })
  slide.addShape(pptx.ShapeType.rect, {
    ...{ x: PAGE.margin, y: 4.45, w: 1.3, h: 0.07 },
    fill: { color: palette.accent },
    line: { color: palette.accent, width: 0 },
  })
  if (!text) return
  const below = { w: 8.2, h: 1.8 }
  slide.addText(text, {
    ...{ x: PAGE.margin, y: 4.75, ...below, margin: 0, valign: 'top' },
    ...{ fontFace: font, color: 'DDE3EC', fontSize: fitPoints([text], below, 20, 12) },
  })
}
