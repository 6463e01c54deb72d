import type { Slide } from '../../../kernel/ports/deck-renderer.ts'
import { fitPoints, heightOf } from '../fit.ts'
import type { Stage } from '../stage.ts'
import { drawHeading, WHITE } from '../stage.ts'
import { PAGE } from '../theme.ts'

type Bullets = Extract<Slide, { kind: 'bullets' }>
type Bullet = Bullets['bullets'][number]

const GAP = 0.3
/** Body text: a little lighter than headings. */
const BODY = '3D4757'

/** Points of a talk: as cards while they are few and have something to say, otherwise as a list. */
export function drawBullets(stage: Stage, { title, bullets }: Bullets): void {
  drawHeading(stage, title)
  const hasPoints = bullets.some(({ points = [] }) => points.length > 0)
  if (bullets.length >= 2 && bullets.length <= 6 && (hasPoints || bullets.length <= 4))
    drawCards(stage, bullets)
  else drawList(stage, bullets)
}

function drawCards(stage: Stage, bullets: readonly Bullet[]): void {
  const { pptx, slide, palette, font } = stage
  const columns = bullets.length === 3 || bullets.length > 4 ? 3 : 2
  const rows = Math.ceil(bullets.length / columns)
  const width = (PAGE.width - 2 * PAGE.margin - (columns - 1) * GAP) / columns
  const room = (PAGE.bottom - PAGE.top - (rows - 1) * GAP) / rows
  const inner = { w: width - 0.7, h: room - 0.7 }
  const headWidth = inner.w - 0.75
  const smallest = (sizes: readonly number[]): number => Math.min(...sizes)
  // One size for all cards, or they would look like different slides.
  const head = smallest(
    bullets.map(({ text, points = [] }) =>
      fitPoints([text], { w: headWidth, h: points.length > 0 ? inner.h * 0.45 : inner.h }, 22, 11),
    ),
  )
  const headHeight = ({ text }: Bullet): number => Math.max(0.6, heightOf([text], headWidth, head) + 0.05)
  const rest = smallest(
    bullets.map((bullet) => {
      const box = { w: inner.w - 0.25, h: inner.h - headHeight(bullet) - 0.3 }
      return fitPoints(bullet.points ?? [], box, Math.min(18, head), 8)
    }),
  )
  const contentHeight = (bullet: Bullet): number => {
    const { points = [] } = bullet
    const below = points.length > 0 ? 0.3 + heightOf(points, inner.w - 0.25, rest) + points.length * 0.09 : 0
    return headHeight(bullet) + below
  }
  // No taller than what stands in them needs: empty cards look unfinished.
  const height = Math.min(room, Math.max(1.5, ...bullets.map(contentHeight)) + 0.75)
  for (const [index, bullet] of bullets.entries()) {
    const x = PAGE.margin + (index % columns) * (width + GAP)
    const y = PAGE.top + Math.floor(index / columns) * (height + GAP)
    const ground = index % 2 === 0 ? palette.primary : palette.accent
    slide.addShape(pptx.ShapeType.roundRect, {
      ...{ x, y, w: width, h: height, rectRadius: 0.09 },
      fill: { color: palette.tint },
      line: { color: palette.tint, width: 0 },
    })
    slide.addText(String(index + 1), {
      ...{ shape: pptx.ShapeType.ellipse, x: x + 0.35, y: y + 0.32, w: 0.56, h: 0.56, margin: 0 },
      ...{ fill: { color: ground }, align: 'center', valign: 'middle' },
      ...{ fontFace: font, bold: true, color: WHITE, fontSize: 15 },
    })
    slide.addText(bullet.text, {
      ...{ x: x + 1.1, y: y + 0.3, w: headWidth, h: headHeight(bullet), margin: 0, valign: 'middle' },
      ...{ fontFace: font, bold: true, color: palette.ink, fontSize: head },
    })
    const { points = [] } = bullet
    if (points.length === 0) continue
    const top = 0.5 + headHeight(bullet)
    slide.addText(
      points.map((point) => ({ text: point, options: { bullet: { indent: 14 }, breakLine: true } })),
      {
        ...{ x: x + 0.35, y: y + top, w: inner.w, h: height - top - 0.2, margin: 0, valign: 'top' },
        ...{ fontFace: font, color: BODY, fontSize: rest, paraSpaceAfter: 5 },
      },
    )
  }
}

function drawList(stage: Stage, bullets: readonly Bullet[]): void {
  const { slide, palette, font, pptx } = stage
  const columns = bullets.length > 6 ? 2 : 1
  const perColumn = Math.ceil(bullets.length / columns)
  const width = (PAGE.width - 2 * PAGE.margin - (columns - 1) * 0.6) / columns
  const height = Math.min(bullets.length > 1 ? 1.6 : 4, (PAGE.bottom - PAGE.top) / perColumn)
  const box = { w: width - 0.5, h: height - 0.18 }
  const size = Math.min(
    ...bullets.map(({ text, points = [] }) =>
      fitPoints([text, ...points], box, bullets.length > 1 ? 22 : 30, 9),
    ),
  )
  for (const [index, { text, points = [] }] of bullets.entries()) {
    const x = PAGE.margin + Math.floor(index / perColumn) * (width + 0.6)
    const y = PAGE.top + (index % perColumn) * height
    slide.addShape(pptx.ShapeType.rect, {
      ...{ x, y: y + 0.13, w: 0.16, h: 0.16 },
      fill: { color: palette.accent },
      line: { color: palette.accent, width: 0 },
    })
    slide.addText(
      [
        { text, options: { bold: points.length > 0, color: palette.ink, breakLine: points.length > 0 } },
        ...points.map((point, at) => ({
          text: point,
          options: { color: BODY, fontSize: Math.max(8, size - 4), breakLine: at < points.length - 1 },
        })),
      ],
      {
        x: x + 0.42,
        y,
        w: box.w,
        h: box.h,
        margin: 0,
        valign: 'top',
        fontFace: font,
        fontSize: size,
        paraSpaceAfter: 6,
      },
    )
  }
}
