import { fitPoints } from './fit.ts'
import type { Pptx, PptxSlide } from './pptxgen.ts'
import type { Palette } from './theme.ts'
import { PAGE } from './theme.ts'

/** What every kind of slide draws with. */
export type Stage = {
  pptx: Pptx
  slide: PptxSlide
  palette: Palette
  font: string
  deckTitle: string
  /** Counted from 1. */
  page: number
}

export const WHITE = 'FFFFFF'

/** The heading of a slide with content, the deck's title at its foot and its number. */
export function drawHeading({ pptx, slide, palette, font, deckTitle, page }: Stage, title: string): void {
  slide.background = { color: WHITE }
  slide.addShape(pptx.ShapeType.rect, {
    ...{ x: PAGE.margin, y: 0.72, w: 0.11, h: 0.62 },
    fill: { color: palette.accent },
    line: { color: palette.accent, width: 0 },
  })
  const box = { w: PAGE.width - 2 * PAGE.margin - 0.3, h: 0.95 }
  slide.addText(title, {
    ...{ x: PAGE.margin + 0.3, y: 0.55, ...box, margin: 0, valign: 'middle' },
    ...{ fontFace: font, bold: true, color: palette.ink, fontSize: fitPoints([title], box, 30, 18) },
  })
  slide.addText(deckTitle.length > 40 ? `${deckTitle.slice(0, 40)}…` : deckTitle, {
    ...{ x: PAGE.margin, y: 6.98, w: 9, h: 0.3, margin: 0, valign: 'middle' },
    ...{ fontFace: font, color: palette.quiet, fontSize: 10 },
  })
  slide.addText(String(page), {
    ...{
      x: PAGE.width - PAGE.margin - 1,
      y: 6.98,
      w: 1,
      h: 0.3,
      margin: 0,
      align: 'right',
      valign: 'middle',
    },
    ...{ fontFace: font, color: palette.quiet, fontSize: 10 },
  })
}

/** The ground of slides without content of their own: deep colour with circles that give it depth. */
export function drawGround({ pptx, slide, palette }: Stage, at: 'right' | 'left'): void {
  slide.background = { color: palette.deep }
  const x = (inches: number): number => (at === 'right' ? inches : PAGE.width - inches)
  const circle = (center: number, y: number, size: number, color: string, transparency: number): void => {
    slide.addShape(pptx.ShapeType.ellipse, {
      ...{ x: x(center) - size / 2, y: y - size / 2, w: size, h: size },
      fill: { color, transparency },
      line: { color, width: 0, transparency: 100 },
    })
  }
  circle(12.3, 1.1, 5.4, palette.primary, 25)
  circle(10.9, 5.9, 3.1, palette.second, 62)
  circle(12.75, 4.55, 1.5, palette.accent, 12)
  circle(9.55, 6.95, 0.55, palette.third, 20)
}
