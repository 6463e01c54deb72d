/** Parts that the furry animals share, so that a cat, a dog and a fox are plainly from one hand. */
import { type Hex, lighten, mix } from '../../color.ts'
import { circle, ellipse, path } from '../../svg.ts'
import { type Canvas, rounded } from '../canvas.ts'

export type Fur = {
  base: Hex
  /** Belly, muzzle and paws. */
  pale: Hex
  /** Stripes, patches, tips. */
  mark: Hex
  iris: Hex
  inner: Hex
  nose: Hex
}

/** The colours of a coat in the light of the picture. */
export const furIn = (canvas: Canvas, fur: Fur): Fur => ({
  base: canvas.tone(fur.base),
  pale: canvas.tone(fur.pale),
  mark: canvas.tone(fur.mark),
  iris: mix(fur.iris, canvas.palette.ambient, canvas.palette.ambience * 0.4),
  inner: canvas.tone(fur.inner),
  nose: canvas.tone(fur.nose),
})

export const dark = '#2b2230'

/** A pair of big shining eyes, `gap` from the middle. */
export const eyes = (canvas: Canvas, gap: number, y: number, r: number, iris: Hex): string =>
  [-1, 1]
    .map((side) => {
      const x = gap * side
      const ring = canvas.look.flat
        ? iris
        : canvas.defs.linear([
            [0, lighten(iris, -0.2)],
            [1, lighten(iris, 0.1)],
          ])
      return (
        ellipse(x, y, r * 1.1, r * 1.24, { fill: dark }) +
        ellipse(x, y + r * 0.08, r * 0.94, r * 1.06, { fill: ring }) +
        ellipse(x, y - r * 0.02, r * 0.66, r * 0.86, { fill: '#1d1722' }) +
        circle(x - r * 0.3, y - r * 0.45, r * 0.36, { fill: '#ffffff' }) +
        circle(x + r * 0.34, y + r * 0.44, r * 0.16, { fill: '#ffffff', alpha: 0.85 })
      )
    })
    .join('')

/** Closed, contented eyes. */
export const closedEyes = (gap: number, y: number, r: number): string =>
  [-1, 1]
    .map((side) => path(`M${gap * side - r} ${y}q${r} ${r * 0.95} ${2 * r} 0`, { stroke: dark, width: 3.6 }))
    .join('')

/** Black button eyes, for the simpler animals. */
export const buttonEyes = (gap: number, y: number, r: number): string =>
  [-1, 1]
    .map(
      (side) =>
        ellipse(gap * side, y, r, r * 1.12, { fill: dark }) +
        circle(gap * side - r * 0.32, y - r * 0.4, r * 0.34, { fill: '#ffffff' }),
    )
    .join('')

/** A small nose with the mouth of a smiling cat below it. */
export const noseAndMouth = (y: number, nose: Hex, size = 1): string =>
  path(
    `M${-7 * size} ${y - 4 * size}q${7 * size} ${-4 * size} ${14 * size} 0q${-1 * size} ${6 * size} ${-7 * size} ${9 * size}q${-6 * size} ${-3 * size} ${-7 * size} ${-9 * size}z`,
    { fill: nose },
  ) +
  path(
    `M0 ${y + 4 * size}v${4 * size}m0 0q${-1 * size} ${8 * size} ${-9 * size} ${7 * size}q${-5 * size} ${-1 * size} ${-6 * size} ${-5 * size}M0 ${y + 8 * size}q${1 * size} ${8 * size} ${9 * size} ${7 * size}q${5 * size} ${-1 * size} ${6 * size} ${-5 * size}`,
    { stroke: dark, width: 2.6 * Math.sqrt(size) },
  )

export const blush = (canvas: Canvas, gap: number, y: number, r = 11): string =>
  [-1, 1]
    .map((side) => ellipse(gap * side, y, r, r * 0.62, { fill: canvas.tone('#f0788a'), alpha: 0.34 }))
    .join('')

export const whiskers = (canvas: Canvas, y: number): string => {
  const color = canvas.palette.night ? '#e8ecf8' : '#fffdf8'
  const one = (side: number): string =>
    path(
      `M${34 * side} ${y}q${20 * side} -7 ${42 * side} -8M${34 * side} ${y + 6}q${22 * side} -1 ${44 * side} 3M${33 * side} ${y + 12}q${18 * side} 4 ${38 * side} 13`,
      { stroke: color, width: 1.9, alpha: 0.9 },
    )
  return one(-1) + one(1)
}

/** The pear-shaped body of a small animal that sits and looks at us; the head belongs at about (0, −122). */
export const bodyOutline =
  'M-30 -94C-52 -70 -66 -32 -60 -10C-57 1 -46 1 -36 0L36 0C46 1 57 1 60 -10C66 -32 52 -70 30 -94Z'

/** The sitting body with haunches, bib and front legs; `raised` lifts one front paw. */
export const sittingBody = (canvas: Canvas, fur: Fur, raised = false): string => {
  const body = rounded(canvas, fur.base, 0.11)
  const leg = rounded(canvas, lighten(fur.base, 0.02), 0.07)
  const line = { stroke: lighten(fur.base, -0.17), width: 2.4, alpha: 0.6 }
  const clip = canvas.defs.clip(bodyOutline)
  const left =
    'M-25 -54C-28 -34 -27 -18 -27 -9C-27 2 -3 2 -3 -9C-3 -20 -3 -30 -4 -38C-12 -38 -20 -44 -25 -54Z'
  const right = 'M25 -54C28 -34 27 -18 27 -9C27 2 3 2 3 -9C3 -20 3 -30 4 -38C12 -38 20 -44 25 -54Z'
  const paw = (x: number, r: number): string =>
    ellipse(x, -6, r, 8.4, { fill: fur.pale }) +
    path(`M${x - 4} -4v5M${x + 4} -4v5`, { stroke: lighten(fur.pale, -0.2), width: 1.8 })
  return (
    path(bodyOutline, { fill: body }) +
    `<g ${clip}>` +
    path('M-30 -96C-36 -68 -24 -46 0 -40C24 -46 36 -68 30 -96Z', { fill: fur.pale }) +
    ellipse(0, -82, 46, 15, { fill: lighten(fur.base, -0.28), alpha: 0.26 }) +
    '</g>' +
    ellipse(-44, -25, 21, 26, { fill: leg }) +
    ellipse(44, -25, 21, 26, { fill: leg }) +
    path('M-27 -40q8 14 4 30M27 -40q-8 14 -4 30', line) +
    paw(-45, 17) +
    paw(45, 17) +
    path(left, { fill: leg }) +
    (raised ? '' : path(right, { fill: leg })) +
    path(raised ? 'M-2 -34v28' : 'M0 -34v28', line) +
    paw(-15, 13) +
    (raised ? raisedPaw(fur) : paw(15, 13))
  )
}

const raisedPaw = (fur: Fur): string =>
  path('M24 -66C40 -72 52 -86 58 -104', { stroke: fur.base, width: 23 }) +
  path('M22 -58C38 -62 54 -76 60 -92', { stroke: lighten(fur.base, -0.12), width: 3, alpha: 0.5 }) +
  ellipse(60, -110, 14, 15, { fill: fur.pale }) +
  path('M55 -120v6M61 -122v6M67 -118v5', { stroke: lighten(fur.pale, -0.2), width: 1.8 })

/** A ribbon collar with a bell, below a head at (0, −122). */
export const collar = (canvas: Canvas, color: Hex, y = -78): string =>
  path(`M-33 ${y}Q0 ${y + 22} 33 ${y}`, { stroke: canvas.tone(color), width: 8.5 }) +
  circle(0, y + 14, 7.4, { fill: rounded(canvas, canvas.tone('#f2c14e'), 0.14) }) +
  path(`M-4 ${y + 15}h8M0 ${y + 15}v4`, { stroke: '#7a5a1e', width: 1.5 })
