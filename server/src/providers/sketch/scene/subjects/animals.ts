/** Other furry and feathered animals that stand on the ground. */
import { type Hex, lighten, mix, toOklch } from '../../color.ts'
import { circle, ellipse, path, place } from '../../svg.ts'
import { lit, rounded } from '../canvas.ts'
import type { Draw } from './drawing.ts'
import {
  blush,
  buttonEyes,
  closedEyes,
  collar,
  dark,
  eyes,
  type Fur,
  furIn,
  noseAndMouth,
  sittingBody,
} from './plush.ts'

const recolored = (fur: Fur, color: Hex | undefined): Fur => {
  if (color === undefined) return fur
  const { l } = toOklch(color)
  const base = l < 0.35 ? '#45414c' : color
  return { ...fur, base, mark: lighten(base, -0.14), pale: mix(base, '#fffaf3', 0.86) }
}

const roundHead = 'M-58 4C-60 -32 -36 -50 0 -50C36 -50 60 -32 58 4C56 36 30 49 0 49C-30 49 -56 36 -58 4Z'

const snout = (fur: Fur): string =>
  ellipse(0, 25, 27, 21, { fill: fur.pale }) +
  ellipse(0, 13, 10.5, 7.6, { fill: dark }) +
  ellipse(-3, 10.5, 3.4, 1.9, { fill: '#ffffff', alpha: 0.55 }) +
  path('M0 20v6q-2 9 -12 8M0 26q2 9 12 8', { stroke: dark, width: 2.8 })

const dogs: readonly [Fur, ...Fur[]] = [
  { base: '#e0a060', pale: '#fff5e6', mark: '#b9763a', iris: '#6b4a32', inner: '#f0b9a8', nose: dark },
  { base: '#f4ead9', pale: '#fffaf2', mark: '#b98a5e', iris: '#5a4334', inner: '#f0b9a8', nose: dark },
  { base: '#8d6748', pale: '#f6e6d0', mark: '#5f4330', iris: '#4a3528', inner: '#e8a79a', nose: dark },
]

export const drawDog: Draw = ({ canvas, random, color, action }) => {
  const fur = furIn(canvas, recolored(random.pick(dogs), color))
  const ear = (side: number): string =>
    path(
      `M${34 * side} -44C${66 * side} -50 ${82 * side} -14 ${74 * side} 20C${70 * side} 36 ${54 * side} 34 ${50 * side} 18C${48 * side} -4 ${44 * side} -20 ${34 * side} -44Z`,
      { fill: lit(canvas, fur.mark, 0.08) },
    )
  const face =
    path(roundHead, { fill: rounded(canvas, fur.base, 0.08) }) +
    `<g ${canvas.defs.clip(roundHead)}>` +
    path('M-6 -54C-10 -10 -34 14 -30 34C-20 56 20 56 30 34C34 14 10 -10 6 -54Z', {
      fill: fur.pale,
      alpha: 0.92,
    }) +
    '</g>' +
    ear(1) +
    ear(-1) +
    (action === 'sleep' ? closedEyes(27, 0, 10) : buttonEyes(26, -2, 9.5)) +
    path('M-33 -20q6 -5 12 -2M33 -20q-6 -5 -12 -2', { stroke: fur.mark, width: 3 }) +
    snout(fur) +
    (random.chance(0.6) ? path('M-8 35C-8 52 8 52 8 35Z', { fill: canvas.tone('#f0808c') }) : '') +
    blush(canvas, 41, 22)
  const svg =
    path('M46 -16C84 -14 100 -44 92 -70', { stroke: fur.base, width: 20 }) +
    path('M93 -64L92 -72', { stroke: fur.pale, width: 18 }) +
    sittingBody(canvas, fur, action === 'play') +
    collar(canvas, canvas.palette.accents[0]) +
    place(face, { x: 0, y: -124, turn: random.between(-8, 8) })
  return { svg, width: 170, height: 182 }
}

const rabbits: readonly [Fur, ...Fur[]] = [
  { base: '#fbf5ee', pale: '#ffffff', mark: '#e9ddd0', iris: '#a8585f', inner: '#f6c0c0', nose: '#ec9aa0' },
  { base: '#cfae8e', pale: '#fdf3e6', mark: '#a98764', iris: '#6b4a32', inner: '#f0b9b0', nose: '#d98a8a' },
  { base: '#b5b3bb', pale: '#f8f6f4', mark: '#8f8c98', iris: '#4d4a66', inner: '#f0bcc0', nose: '#dc9298' },
]

export const drawRabbit: Draw = ({ canvas, random, color, action }) => {
  const fur = furIn(canvas, recolored(random.pick(rabbits), color))
  const ear = (turn: number): string =>
    place(
      path('M-15 0C-24 -44 -20 -100 0 -106C20 -100 24 -44 15 0Z', { fill: lit(canvas, fur.base, 0.06) }) +
        path('M-7 -8C-13 -44 -11 -84 0 -90C11 -84 13 -44 7 -8Z', { fill: fur.inner }),
      { x: turn > 0 ? 22 : -22, y: -36, turn },
    )
  const face =
    ear(-12) +
    ear(random.chance(0.4) ? 34 : 12) +
    path(roundHead, { fill: rounded(canvas, fur.base, 0.06) }) +
    ellipse(-9, 26, 14, 11, { fill: fur.pale }) +
    ellipse(9, 26, 14, 11, { fill: fur.pale }) +
    (action === 'sleep' ? closedEyes(27, 2, 10) : eyes(canvas, 28, 0, 11, fur.iris)) +
    noseAndMouth(17, fur.nose, 0.85) +
    blush(canvas, 41, 22)
  const svg =
    circle(56, -20, 17, { fill: fur.pale }) +
    sittingBody(canvas, fur) +
    place(face, { x: 0, y: -118, turn: random.between(-5, 5) })
  return { svg, width: 140, height: 262 }
}

export const drawFox: Draw = ({ canvas, random, color, action }) => {
  const fur = furIn(
    canvas,
    recolored(
      { base: '#e5783a', pale: '#fff3e4', mark: '#4a3430', iris: '#b8842e', inner: '#4a3430', nose: dark },
      color,
    ),
  )
  const ear = (s: number): string =>
    path(
      `M${-56 * s} -8C${-66 * s} -44 ${-62 * s} -76 ${-54 * s} -90C${-34 * s} -78 ${-16 * s} -62 ${-6 * s} -42Z`,
      { fill: fur.base },
    ) +
    path(
      `M${-60 * s} -58C${-60 * s} -72 ${-58 * s} -82 ${-54 * s} -90C${-46 * s} -85 ${-38 * s} -79 ${-31 * s} -72Q${-46 * s} -68 ${-60 * s} -58Z`,
      { fill: fur.mark },
    ) +
    path(
      `M${-49 * s} -24C${-53 * s} -44 ${-51 * s} -56 ${-48 * s} -62C${-38 * s} -58 ${-28 * s} -50 ${-21 * s} -42Z`,
      { fill: '#f3d3b8', alpha: 0.8 },
    )
  const shape =
    'M-62 2C-58 -34 -34 -48 0 -48C34 -48 58 -34 62 2L76 16L58 24C44 40 22 50 0 52C-22 50 -44 40 -58 24L-76 16Z'
  const face =
    ear(1) +
    ear(-1) +
    path(shape, { fill: rounded(canvas, fur.base, 0.08) }) +
    `<g ${canvas.defs.clip(shape)}>` +
    path('M0 22C-8 -6 -30 -4 -48 8L-84 10L-60 60H60L84 10L48 8C30 -4 8 -6 0 22Z', { fill: fur.pale }) +
    '</g>' +
    (action === 'sleep' ? closedEyes(28, 0, 10) : buttonEyes(28, 0, 9)) +
    ellipse(0, 26, 9, 6.6, { fill: dark }) +
    path('M0 32v5q-2 6 -10 5M0 37q2 6 10 5', { stroke: dark, width: 2.6 }) +
    blush(canvas, 44, 22)
  const brush =
    'M38 -6C78 6 130 -18 124 -72C122 -96 108 -112 98 -116C98 -92 84 -78 70 -62C56 -46 44 -30 38 -6Z'
  const svg =
    path(brush, { fill: lit(canvas, fur.base, 0.1) }) +
    path('M124 -78C121 -97 108 -112 98 -116C98 -104 94 -95 88 -86Q104 -90 108 -78Q116 -84 124 -78Z', {
      fill: fur.pale,
    }) +
    sittingBody(canvas, { ...fur, pale: fur.pale }) +
    place(face, { x: 0, y: -122, turn: random.between(-6, 6) })
  return { svg, width: 200, height: 212 }
}

const bearLike =
  (panda: boolean): Draw =>
  ({ canvas, random, color, action }) => {
    const base: Fur = panda
      ? { base: '#fbf7ef', pale: '#ffffff', mark: '#38343f', iris: dark, inner: '#38343f', nose: dark }
      : { base: '#a5764e', pale: '#f3ddc0', mark: '#7f5738', iris: dark, inner: '#d9a986', nose: dark }
    const fur = furIn(canvas, panda ? base : recolored(base, color))
    const limb = panda ? fur.mark : fur.base
    const ear = (s: number): string =>
      circle(44 * s, -40, 21, { fill: limb }) +
      circle(44 * s, -38, 11, { fill: panda ? lighten(fur.mark, 0.1) : fur.inner })
    const patch = (s: number): string => ellipse(27 * s, 0, 15, 20, { fill: fur.mark }, 24 * s)
    const face =
      ear(1) +
      ear(-1) +
      path(roundHead, { fill: rounded(canvas, fur.base, 0.07) }) +
      (panda ? patch(1) + patch(-1) : '') +
      (action === 'sleep' ? closedEyes(26, 0, 9) : buttonEyes(26, 0, panda ? 7.5 : 8.5)) +
      (panda && action !== 'sleep'
        ? circle(-28.5, -3, 3, { fill: '#fff' }) + circle(23.5, -3, 3, { fill: '#fff' })
        : '') +
      snout(fur) +
      blush(canvas, 42, 22)
    const body = 'M-34 -92C-66 -66 -76 -26 -62 -6C-50 6 50 6 62 -6C76 -26 66 -66 34 -92Z'
    const svg =
      path(body, { fill: rounded(canvas, fur.base, 0.1) }) +
      ellipse(0, -36, 40, 36, { fill: fur.pale }) +
      ellipse(0, -78, 44, 14, { fill: lighten(fur.base, -0.3), alpha: 0.22 }) +
      path('M-46 -76C-66 -58 -62 -38 -40 -34M46 -76C66 -58 62 -38 40 -34', { stroke: limb, width: 27 }) +
      ellipse(-46, -10, 27, 19, { fill: limb }) +
      ellipse(46, -10, 27, 19, { fill: limb }) +
      ellipse(-47, -10, 15, 11, { fill: lighten(limb, 0.12) }) +
      ellipse(47, -10, 15, 11, { fill: lighten(limb, 0.12) }) +
      (panda
        ? path('M-52 -22L-6 -74', { stroke: canvas.tone('#7db05a'), width: 8 }) +
          path('M-8 -72q10 -18 26 -14q-6 14 -26 14M-14 -66q-18 -8 -20 -22q18 4 20 22', {
            fill: canvas.tone('#5f9a4a'),
          })
        : '') +
      place(face, { x: 0, y: -122, turn: random.between(-7, 7) })
    return { svg, width: 160, height: 186 }
  }

export const drawBear: Draw = bearLike(false)
export const drawPanda: Draw = bearLike(true)

export const drawOwl: Draw = ({ canvas, color }) => {
  const base = canvas.tone(color ?? '#9a7454')
  const pale = canvas.tone('#f7e9d2')
  const body =
    'M0 -172C54 -172 74 -128 70 -84C66 -34 44 -6 0 -6C-44 -6 -66 -34 -70 -84C-74 -128 -54 -172 0 -172Z'
  const feathers = [0, 1, 2]
    .map((row) => [-1, 0, 1].map((i) => `M${i * 20 - 9} ${-66 + row * 17}q9 10 18 0`).join(''))
    .join('')
  const svg =
    path('M-90 -6C-30 2 40 -2 96 -8', { stroke: canvas.tone('#6b4c3a'), width: 13 }) +
    path('M-56 -150L-62 -190L-22 -166ZM56 -150L62 -190L22 -166Z', { fill: base }) +
    path(body, { fill: rounded(canvas, base, 0.1) }) +
    ellipse(0, -56, 40, 44, { fill: pale }) +
    path(feathers, { stroke: lighten(pale, -0.18), width: 3 }) +
    path(
      'M-68 -98C-82 -60 -66 -26 -42 -16C-44 -48 -50 -76 -68 -98ZM68 -98C82 -60 66 -26 42 -16C44 -48 50 -76 68 -98Z',
      { fill: lighten(base, -0.1) },
    ) +
    circle(-26, -124, 29, { fill: pale }) +
    circle(26, -124, 29, { fill: pale }) +
    place(eyes(canvas, 25, 0, 15, '#eaae3c'), { x: 0, y: -124 }) +
    path('M-8 -112L8 -112L0 -96Z', { fill: canvas.tone('#eba33f') }) +
    path('M-22 -8v8M-14 -8v8M14 -8v8M22 -8v8', { stroke: canvas.tone('#eba33f'), width: 6 })
  return { svg, width: 180, height: 190 }
}

export const drawPenguin: Draw = ({ canvas, color }) => {
  const coat = canvas.tone(color ?? '#37415c')
  const pale = canvas.tone('#fffaf1')
  const beak = canvas.tone('#f2a541')
  const scarf = canvas.tone(canvas.palette.accents[0])
  const body =
    'M0 -184C48 -184 62 -146 64 -104C68 -50 58 -6 0 -6C-58 -6 -68 -50 -64 -104C-62 -146 -48 -184 0 -184Z'
  const svg =
    ellipse(-26, -5, 24, 9, { fill: beak }) +
    ellipse(26, -5, 24, 9, { fill: beak }) +
    path(
      'M-58 -110C-92 -84 -92 -54 -84 -44C-72 -54 -62 -70 -58 -84ZM58 -110C92 -84 92 -54 84 -44C72 -54 62 -70 58 -84Z',
      { fill: lighten(coat, -0.05) },
    ) +
    path(body, { fill: rounded(canvas, coat, 0.1) }) +
    path(
      'M0 -150C14 -166 46 -160 44 -126C50 -70 46 -12 0 -12C-46 -12 -50 -70 -44 -126C-46 -160 -14 -166 0 -150Z',
      { fill: pale },
    ) +
    buttonEyes(20, -134, 8) +
    path('M-11 -120Q0 -128 11 -120Q0 -104 -11 -120Z', { fill: beak }) +
    blush(canvas, 33, -116) +
    path('M-56 -96Q0 -70 56 -96', { stroke: scarf, width: 18 }) +
    path('M30 -84C36 -66 34 -54 38 -40', { stroke: lighten(scarf, -0.05), width: 17 })
  return { svg, width: 180, height: 186 }
}

export const drawDeer: Draw = ({ canvas, color }) => {
  const base = canvas.tone(color ?? '#b9814f')
  const pale = canvas.tone('#fbe9d2')
  const horn = canvas.tone('#7a5a42')
  const leg = (x: number, far: boolean, bend: number): string =>
    path(`M${x} -78C${x + bend} -50 ${x - bend} -30 ${x} -4`, {
      stroke: lighten(base, far ? -0.12 : -0.02),
      width: 11,
    }) + path(`M${x} -8v4`, { stroke: dark, width: 11 })
  const antler = (s: number): string =>
    path(
      `M${-58 + 8 * s} -196C${-58 + 20 * s} -222 ${-58 + 40 * s} -232 ${-58 + 42 * s} -262M${-58 + 26 * s} -226C${-58 + 20 * s} -240 ${-58 + 18 * s} -250 ${-58 + 22 * s} -262M${-58 + 38 * s} -238C${-58 + 50 * s} -244 ${-58 + 58 * s} -252 ${-58 + 60 * s} -262`,
      { stroke: horn, width: 6 },
    )
  const svg =
    leg(-28, true, -5) +
    leg(54, true, 5) +
    path('M70 -112q14 -8 16 -22q-18 0 -24 14z', { fill: pale }) +
    path(
      'M-64 -172C-58 -140 -62 -112 -48 -90C-30 -66 44 -66 66 -82C82 -98 78 -124 62 -130C30 -138 2 -128 -22 -136C-34 -144 -36 -160 -40 -178Z',
      { fill: lit(canvas, base, 0.12) },
    ) +
    path('M-50 -92C-30 -68 40 -66 62 -80Q10 -86 -50 -92Z', { fill: pale, alpha: 0.8 }) +
    leg(-42, false, -5) +
    leg(66, false, 6) +
    path(
      'M-74 -198C-88 -194 -102 -176 -98 -168C-88 -160 -66 -164 -52 -168C-38 -174 -36 -192 -44 -200C-52 -206 -66 -204 -74 -198Z',
      { fill: lit(canvas, base, 0.08) },
    ) +
    path('M-46 -198C-30 -214 -18 -212 -14 -206C-20 -194 -34 -190 -44 -190Z', { fill: base }) +
    antler(1) +
    antler(-1) +
    ellipse(-98, -172, 5.5, 4.6, { fill: dark }) +
    circle(-68, -184, 4.6, { fill: dark }) +
    circle(-69.4, -185.6, 1.6, { fill: '#fff' }) +
    [
      [20, -116],
      [34, -108],
      [6, -106],
      [48, -116],
      [26, -98],
    ]
      .map(([x, y]) => circle(x ?? 0, y ?? 0, 4, { fill: pale, alpha: 0.75 }))
      .join('')
  return { svg, width: 210, height: 264 }
}

export const drawCrane: Draw = ({ canvas }) => {
  const white = canvas.tone('#fdfaf4')
  const black = canvas.tone('#3a3740')
  const svg =
    path('M6 -84L2 -4M2 -4l-16 4M2 -4l12 4M22 -84L34 -44L22 -2M22 -2l-16 3M22 -2l12 3', {
      stroke: black,
      width: 4,
    }) +
    path('M-36 -118C-10 -148 48 -136 76 -96C46 -76 -10 -72 -36 -118Z', {
      fill: rounded(canvas, white, 0.07),
    }) +
    path('M22 -112C52 -116 88 -98 104 -66C76 -68 40 -78 22 -112Z', { fill: black }) +
    path('M-28 -112C-52 -138 -18 -170 -34 -202C-38 -212 -48 -214 -54 -208', { stroke: white, width: 14 }) +
    path('M-30 -118C-46 -136 -24 -160 -30 -186', { stroke: black, width: 6, alpha: 0.9 }) +
    ellipse(-49, -209, 13, 9.5, { fill: white }, -10) +
    path('M-58 -214L-92 -206L-58 -205Z', { fill: canvas.tone('#d9a34a') }) +
    path('M-56 -217Q-48 -222 -40 -216', { stroke: canvas.tone('#c8372d'), width: 5 }) +
    circle(-52, -210, 2, { fill: dark })
  return { svg, width: 200, height: 222 }
}
