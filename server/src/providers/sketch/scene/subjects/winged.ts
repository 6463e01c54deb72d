/** Things that fly: birds, butterflies, balloons, lanterns, rockets and astronauts. */
import { type Hex, lighten, mix } from '../../color.ts'
import { circle, ellipse, path, place, rect } from '../../svg.ts'
import { type Canvas, lit, rounded } from '../canvas.ts'
import type { Draw } from './drawing.ts'
import { dark } from './plush.ts'

const birdColors: readonly [Hex, ...Hex[]] = ['#5f9fd0', '#ef8a62', '#f0bc4a', '#7fb069', '#d9708c']

export const drawBird: Draw = ({ canvas, random, color }) => {
  const base = canvas.tone(color ?? random.pick(birdColors))
  const belly = canvas.tone(mix(color ?? '#f6d7b0', '#fff3e2', 0.7))
  const twig = canvas.tone('#7b5a45')
  const leaf = (x: number, y: number, turn: number): string =>
    place(path('M0 0C10 -16 34 -16 44 0C34 10 10 10 0 0Z', { fill: canvas.palette.leaf[1] }), { x, y, turn })
  const body =
    'M-58 -96C-62 -134 -30 -152 0 -142C34 -132 58 -100 74 -64C60 -36 22 -26 -10 -32C-40 -40 -56 -64 -58 -96Z'
  const svg =
    path('M-110 -6C-40 -34 30 -20 120 -44', { stroke: twig, width: 10 }) +
    leaf(-96, -14, -42) +
    leaf(84, -38, 22) +
    leaf(104, -40, -50) +
    path('M52 -74L128 -46L118 -30L48 -50Z', { fill: lighten(base, -0.1) }) +
    path(body, { fill: rounded(canvas, base, 0.1) }) +
    `<g ${canvas.defs.clip(body)}>` +
    ellipse(-22, -52, 46, 42, { fill: belly }) +
    '</g>' +
    path('M2 -100C34 -104 66 -80 82 -48C50 -46 14 -56 2 -100Z', { fill: lighten(base, -0.08) }) +
    path('M18 -86C36 -84 56 -70 66 -56M12 -78C28 -70 42 -60 52 -54', {
      stroke: lighten(base, 0.08),
      width: 3,
    }) +
    path('M-56 -112L-82 -102L-56 -97Z', { fill: canvas.tone('#efa53e') }) +
    circle(-36, -112, 7.5, { fill: dark }) +
    circle(-38.4, -114.6, 2.7, { fill: '#fff' }) +
    ellipse(-38, -94, 8, 5, { fill: canvas.tone('#f0788a'), alpha: 0.45 }) +
    path('M-12 -32l-3 12M10 -30l1 9', { stroke: canvas.tone('#b9763a'), width: 4.5 })
  return { svg, width: 230, height: 150 }
}

/** A butterfly seen from above, wings spread. */
export const butterfly = (canvas: Canvas, color: Hex): string => {
  const light = mix(color, '#fff6e8', 0.55)
  const wing = (s: number): string =>
    path(`M0 -4C${14 * s} -60 ${66 * s} -78 ${82 * s} -56C${92 * s} -34 ${58 * s} -4 0 4Z`, {
      fill: rounded(canvas, color, 0.08),
    }) +
    path(`M0 4C${38 * s} 0 ${66 * s} 22 ${58 * s} 46C${46 * s} 66 ${12 * s} 46 0 8Z`, {
      fill: rounded(canvas, lighten(color, -0.06), 0.08),
    }) +
    path(
      `M${12 * s} -14C${28 * s} -44 ${58 * s} -58 ${70 * s} -48C${74 * s} -34 ${48 * s} -14 ${12 * s} -10Z`,
      { fill: light, alpha: 0.75 },
    ) +
    path(`M${14 * s} 12C${32 * s} 12 ${48 * s} 26 ${45 * s} 40C${36 * s} 48 ${20 * s} 34 ${14 * s} 12Z`, {
      fill: light,
      alpha: 0.6,
    }) +
    circle(68 * s, -56, 4, { fill: light }) +
    circle(50 * s, 50, 3.4, { fill: light })
  return (
    wing(1) +
    wing(-1) +
    path('M0 -20V34', { stroke: dark, width: 7 }) +
    circle(0, -24, 5.5, { fill: dark }) +
    path('M-1 -28C-6 -42 -16 -48 -20 -46M1 -28C6 -42 16 -48 20 -46', { stroke: dark, width: 2.2 })
  )
}

export const drawButterfly: Draw = ({ canvas, random, color }) => {
  const fill = canvas.tone(color ?? random.pick(['#f0904a', '#5f8fe0', '#b679d6', '#ef7a92', '#f2c14e']))
  return {
    svg: place(butterfly(canvas, fill), { x: 0, y: -70, turn: random.between(-28, 28) }),
    width: 170,
    height: 140,
  }
}

export const drawBalloon: Draw = ({ canvas, random, color }) => {
  const [a, b, c] = canvas.palette.accents
  const main = canvas.tone(color ?? a)
  const stripe = canvas.tone(
    color === undefined ? random.pick([b, c, '#fff3e0']) : mix(color, '#fff3e0', 0.75),
  )
  const outline =
    'M0 -270C74 -270 112 -214 104 -158C98 -118 52 -84 34 -62H-34C-52 -84 -98 -118 -104 -158C-112 -214 -74 -270 0 -270Z'
  const gores = (x: number, w: number): string =>
    `M${x - w} -62C${(x - w) * 3} -120 ${(x - w) * 3.4} -230 0 -274C${(x + w) * 3.4} -230 ${(x + w) * 3} -120 ${x + w} -62Z`
  const svg =
    path('M-30 -60L-18 -26M30 -60L18 -26M-10 -62L-8 -26M10 -62L8 -26', {
      stroke: canvas.tone('#6b4c3a'),
      width: 2.4,
    }) +
    path(outline, { fill: main }) +
    `<g ${canvas.defs.clip(outline)}>` +
    path(gores(0, 9), { fill: stripe }) +
    path(
      'M-26 -62C-80 -110 -100 -220 0 -274C-64 -230 -62 -120 -18 -62ZM26 -62C80 -110 100 -220 0 -274C64 -230 62 -120 18 -62Z',
      { fill: stripe },
    ) +
    path('M-112 -160Q0 -108 112 -160V-178Q0 -128 -112 -178Z', { fill: canvas.tone(b), alpha: 0.9 }) +
    path('M20 -280C120 -260 130 -140 40 -56L120 -60V-280Z', { fill: lighten(main, -0.24), alpha: 0.26 }) +
    ellipse(-54, -214, 18, 38, { fill: '#ffffff', alpha: 0.28 }, 24) +
    '</g>' +
    path('M-20 -28H20L16 -2Q0 3 -16 -2Z', { fill: lit(canvas, canvas.tone('#a8754a'), 0.12) }) +
    path('M-21 -28H21', { stroke: canvas.tone('#6b4c3a'), width: 5 })
  return { svg, width: 212, height: 272 }
}

export const drawLantern: Draw = ({ canvas, random, color }) => {
  const red = color ?? random.pick(['#d8423a', '#e2553c', '#e8743a'])
  const gold = canvas.tone('#e8b84a')
  const glow = canvas.defs.radial([
    [0, '#ffd98a', 0.75],
    [0.45, '#ffb45a', 0.28],
    [1, '#ff9a4a', 0],
  ])
  const body = 'M-34 -168C-84 -160 -92 -78 -34 -68H34C92 -78 84 -160 34 -168Z'
  const svg =
    circle(0, -118, 165, { fill: glow }) +
    path('M0 -236V-176', { stroke: gold, width: 3.5 }) +
    path(body, {
      fill: canvas.defs.radial([
        [0, '#ffd27a'],
        [0.4, mix(red, '#ffb04a', 0.45)],
        [1, red],
      ]),
    }) +
    path(
      'M-14 -168C-40 -150 -40 -86 -14 -68M14 -168C40 -150 40 -86 14 -68M-30 -168C-64 -150 -64 -86 -30 -68M30 -168C64 -150 64 -86 30 -68',
      { stroke: lighten(red, -0.08), width: 2.4, alpha: 0.7 },
    ) +
    rect(-36, -176, 72, 12, { fill: gold }, 4) +
    rect(-36, -72, 72, 12, { fill: gold }, 4) +
    path('M0 -60V-44M-9 -36L-11 0M-3 -36L-4 4M3 -36L4 4M9 -36L11 0', {
      stroke: canvas.tone(red),
      width: 3.4,
    }) +
    circle(0, -42, 7, { fill: gold })
  return { svg, width: 190, height: 238 }
}

export const drawRocket: Draw = ({ canvas, color }) => {
  const red = canvas.tone(color ?? canvas.palette.accents[0])
  const shell = canvas.tone('#f7f3ee')
  const svg = place(
    path('M-20 -2C-32 34 -14 62 0 92C14 62 32 34 20 -2Z', {
      fill: canvas.defs.linear([
        [0, '#fff2b8'],
        [0.4, '#ffb347'],
        [1, '#ff6a4a', 0],
      ]),
    }) +
      path('M-34 -52C-66 -36 -68 -2 -60 14L-28 -10ZM34 -52C66 -36 68 -2 60 14L28 -10Z', {
        fill: lit(canvas, red, 0.12),
      }) +
      path('M0 -200C44 -160 52 -76 28 -2H-28C-52 -76 -44 -160 0 -200Z', {
        fill: canvas.defs.linear(
          [
            [0, lighten(shell, 0.02)],
            [0.55, shell],
            [1, lighten(shell, -0.16)],
          ],
          90,
        ),
      }) +
      path('M0 -200C22 -180 34 -156 38 -134Q0 -148 -38 -134C-34 -156 -22 -180 0 -200Z', { fill: red }) +
      circle(0, -96, 23, { fill: lighten(shell, -0.2) }) +
      circle(0, -96, 17, { fill: lit(canvas, '#4fa9d6', 0.16) }) +
      path('M-10 -102q4 -9 13 -9', { stroke: '#fff', width: 3.6, alpha: 0.8 }) +
      rect(-7, -40, 14, 46, { fill: red }, 7) +
      rect(-26, -8, 52, 11, { fill: lighten(shell, -0.3) }, 5),
    { x: 0, y: -70, turn: 20 },
  )
  return { svg, width: 190, height: 270 }
}

export const drawAstronaut: Draw = ({ canvas, color }) => {
  const suit = canvas.tone(color ?? '#f5f3f0')
  const shade = lighten(suit, -0.12)
  const band = canvas.tone(canvas.palette.accents[0])
  const svg = place(
    path('M36 -60C96 -70 110 -10 170 -40', { stroke: '#d8dcea', width: 4, alpha: 0.8 }) +
      rect(-46, -112, 92, 84, { fill: lighten(suit, -0.2) }, 18) +
      path('M-22 -30C-30 -8 -36 8 -32 26M22 -30C28 -10 44 0 46 20', { stroke: shade, width: 31 }) +
      path('M-34 -84C-64 -76 -80 -98 -88 -118M34 -84C62 -70 74 -52 80 -34', { stroke: suit, width: 27 }) +
      circle(-90, -122, 15, { fill: band }) +
      circle(82, -30, 15, { fill: band }) +
      rect(-38, -108, 76, 92, { fill: rounded(canvas, suit, 0.1) }, 28) +
      rect(-20, -74, 40, 26, { fill: shade }, 6) +
      circle(-9, -61, 4.4, { fill: band }) +
      circle(5, -61, 4.4, { fill: '#5fb0e0' }) +
      circle(0, -148, 50, { fill: rounded(canvas, suit, 0.1) }) +
      path('M-36 -148C-36 -176 36 -176 36 -148C36 -122 -36 -122 -36 -148Z', {
        fill: canvas.defs.linear(
          [
            [0, '#2a3f7a'],
            [0.6, '#141d42'],
            [1, '#7a4a9a'],
          ],
          30,
        ),
      }) +
      path('M-24 -156Q-18 -166 -6 -167', { stroke: '#ffffff', width: 5, alpha: 0.85 }) +
      circle(16, -140, 3, { fill: '#fff', alpha: 0.8 }) +
      path('M-44 12h24M34 8h24', { stroke: band, width: 8 }),
    { x: 0, y: -44, turn: -14 },
  )
  return { svg, width: 240, height: 240 }
}

/** A few far birds as pen strokes. */
export const farBird = (x: number, y: number, size: number, color: Hex): string =>
  path(
    `M${x - size} ${y - size * 0.34}q${size * 0.6} ${-size * 0.26} ${size} ${size * 0.34}q${size * 0.4} ${-size * 0.6} ${size} ${-size * 0.34}`,
    { stroke: color, width: Math.max(1.6, size * 0.15), alpha: 0.75 },
  )
