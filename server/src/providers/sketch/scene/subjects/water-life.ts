/** Fish, whales and boats. */
import { type Hex, lighten, mix } from '../../color.ts'
import { circle, ellipse, path, place } from '../../svg.ts'
import { type Canvas, lit, rounded } from '../canvas.ts'
import type { Draw } from './drawing.ts'
import { dark } from './plush.ts'

/** A fish seen from the side, swimming left, about 190 long around (0, 0). */
export const fish = (canvas: Canvas, color: Hex, patch: Hex): string => {
  const body = 'M-92 2C-74 -44 -10 -58 44 -18C58 -8 66 -4 72 0C64 8 56 14 44 22C-6 58 -72 46 -92 2Z'
  return (
    path('M62 0C84 -40 116 -52 128 -46C120 -24 112 -10 112 2C114 16 122 30 126 48C108 50 84 34 62 4Z', {
      fill: lit(canvas, patch, 0.06),
    }) +
    path('M74 -2C94 -14 108 -30 116 -38M74 4C94 14 108 28 114 38M78 1h28', {
      stroke: lighten(patch, 0.1),
      width: 2.6,
      alpha: 0.7,
    }) +
    path('M-40 -40C-24 -78 22 -80 36 -66C34 -48 40 -36 46 -20Z', { fill: patch }) +
    path('M-10 42C-6 66 14 74 26 66C20 54 22 44 22 34Z', { fill: patch }) +
    path(body, { fill: rounded(canvas, color, 0.09) }) +
    `<g ${canvas.defs.clip(body)}>` +
    path('M-34 -60C-22 -30 -10 -20 14 -24C30 -28 34 -50 20 -60ZM30 30C30 10 44 -6 70 0L60 40Z', {
      fill: patch,
    }) +
    ellipse(-20, 40, 70, 20, { fill: '#fff8ee', alpha: 0.5 }) +
    path('M-46 -38q12 38 0 76', { stroke: lighten(color, -0.12), width: 3, alpha: 0.6 }) +
    [0, 1, 2]
      .map((row) =>
        path([0, 1, 2].map((i) => `M${-18 + i * 22 + (row % 2) * 10} ${-10 + row * 13}q9 6 0 13`).join(''), {
          stroke: lighten(color, -0.12),
          width: 2.2,
          alpha: 0.5,
        }),
      )
      .join('') +
    '</g>' +
    path('M-24 10C-4 8 8 18 8 32C-8 34 -22 26 -24 10Z', { fill: patch, alpha: 0.95 }) +
    circle(-64, -8, 9.5, { fill: '#fffdf6' }) +
    circle(-65.5, -8, 6.4, { fill: dark }) +
    circle(-67.4, -10.4, 2.3, { fill: '#fff' }) +
    ellipse(-60, 10, 8, 5, { fill: '#f0788a', alpha: 0.4 }) +
    path('M-89 9q8 7 15 3', { stroke: dark, width: 2.6 })
  )
}

export const drawFish: Draw = ({ canvas, random, color }) => {
  const base = canvas.tone(color ?? random.pick(['#f58a4b', '#f7b84b', '#ef6a6a', '#fbf3ea', '#5f9fe0']))
  const patch = canvas.tone(
    color === undefined ? random.pick(['#fff3e2', '#e2553c', '#f7d06a']) : mix(color, '#fff3e2', 0.6),
  )
  return {
    svg: place(fish(canvas, base, patch), { x: -8, y: -66, turn: random.between(-10, 10) }),
    width: 230,
    height: 140,
  }
}

export const drawWhale: Draw = ({ canvas, color }) => {
  const base = canvas.tone(color ?? '#4d7fb0')
  const pale = canvas.tone('#eef4f6')
  const outline =
    'M-138 -64C-142 -122 -78 -152 -14 -140C44 -130 66 -86 98 -82C112 -82 120 -96 122 -114C124 -126 116 -134 104 -144C122 -150 140 -142 146 -126C158 -140 176 -142 188 -132C178 -122 166 -120 158 -106C150 -62 116 -22 40 -14C-40 -6 -132 -6 -138 -64Z'
  const svg =
    path('M-46 -150C-48 -172 -66 -178 -78 -170M-44 -150C-44 -176 -26 -182 -14 -174', {
      stroke: '#e8f6fb',
      width: 7,
      alpha: 0.9,
    }) +
    path(outline, { fill: lit(canvas, base, 0.12) }) +
    `<g ${canvas.defs.clip(outline)}>` +
    path('M-142 -58C-100 -32 -20 -36 40 -40C80 -44 100 -40 110 -20L40 10H-150Z', { fill: pale }) +
    path('M-118 -36q60 26 140 12M-112 -26q60 22 120 12M-96 -17q46 14 84 8', {
      stroke: lighten(pale, -0.14),
      width: 3,
    }) +
    '</g>' +
    path('M-32 -40C-26 -14 -2 4 18 4C16 -14 8 -32 -2 -44Z', { fill: lighten(base, -0.07) }) +
    circle(-92, -68, 7.4, { fill: dark }) +
    circle(-94.4, -70.6, 2.6, { fill: '#fff' }) +
    ellipse(-84, -52, 10, 6, { fill: '#f0788a', alpha: 0.35 }) +
    path('M-116 -56q10 8 22 2', { stroke: dark, width: 3 }) +
    [
      [-40, -120],
      [-20, -112],
      [-58, -112],
      [4, -108],
    ]
      .map(([x, y]) => circle(x ?? 0, y ?? 0, 3.4, { fill: '#fff', alpha: 0.4 }))
      .join('')
  return { svg, width: 330, height: 180 }
}

export const drawBoat: Draw = ({ canvas, random, color }) => {
  const hull = canvas.tone(random.pick(['#8a4f3d', '#a8623f', '#4c5f7d']))
  const sail = canvas.tone(color ?? '#fdf6e8')
  const trim = canvas.tone(canvas.palette.accents[0])
  const svg =
    path('M-4 -222V-36', { stroke: canvas.tone('#5b4033'), width: 6 }) +
    path('M4 -216C58 -170 84 -110 90 -58C60 -50 30 -50 4 -54Z', {
      fill: canvas.defs.linear(
        [
          [0, lighten(sail, 0.02)],
          [1, lighten(sail, -0.13)],
        ],
        70,
      ),
    }) +
    path('M-12 -200C-44 -160 -64 -110 -78 -62C-54 -54 -34 -52 -12 -54Z', {
      fill: lit(canvas, mix(sail, trim, color === undefined ? 0.55 : 0.2), 0.1),
    }) +
    path('M8 -150Q48 -140 72 -122M7 -104Q50 -98 84 -90', {
      stroke: lighten(sail, -0.14),
      width: 2.4,
      alpha: 0.7,
    }) +
    path('M-3 -222l30 9l-30 10z', { fill: trim }) +
    path('M-104 -40H112C104 -16 88 0 70 4H-68C-86 0 -100 -16 -104 -40Z', { fill: lit(canvas, hull, 0.14) }) +
    path('M-104 -40H112L109 -30H-102Z', { fill: canvas.tone('#f7ecd8') })
  return { svg, width: 216, height: 224 }
}
