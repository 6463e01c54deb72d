/** The cat: the subject that the documents' sample prompts ask for, so it gets poses and coats. */
import { type Hex, lighten, mix, toOklch } from '../../color.ts'
import type { Random } from '../../random.ts'
import { circle, ellipse, path, place } from '../../svg.ts'
import { type Canvas, lit, rounded } from '../canvas.ts'
import type { Draw, Drawing } from './drawing.ts'
import {
  blush,
  closedEyes,
  collar,
  eyes,
  type Fur,
  furIn,
  noseAndMouth,
  sittingBody,
  whiskers,
} from './plush.ts'

type Pattern = 'plain' | 'tabby' | 'tuxedo' | 'calico' | 'points'
type Coat = Fur & { pattern: Pattern }

const common = { inner: '#f4b8b4', nose: '#e58a8c' }

const coats: readonly [Coat, ...Coat[]] = [
  { ...common, pattern: 'tabby', base: '#f0a04e', pale: '#fff3e2', mark: '#cf7427', iris: '#7fb04a' },
  { ...common, pattern: 'tabby', base: '#a9a6a4', pale: '#f6f3ee', mark: '#6f6a6c', iris: '#e0b23c' },
  { ...common, pattern: 'calico', base: '#fbf4ea', pale: '#fffaf3', mark: '#e6954a', iris: '#6fa8c9' },
  { ...common, pattern: 'tuxedo', base: '#45414c', pale: '#fbf7f1', mark: '#2e2a34', iris: '#e6c04a' },
  { ...common, pattern: 'points', base: '#f3e6d4', pale: '#fbf3e8', mark: '#7d5c4c', iris: '#5b9fd6' },
  { ...common, pattern: 'plain', base: '#fbf6ef', pale: '#ffffff', mark: '#eadfd2', iris: '#5fa9c4' },
  { ...common, pattern: 'tabby', base: '#c9a27c', pale: '#fff1e0', mark: '#8e6748', iris: '#88b25a' },
]

/** The coat asked for, nearest in kind: black gives a tuxedo, orange a tabby. */
const coatOf = (random: Random, color: Hex | undefined): Coat => {
  if (color === undefined) return random.pick(coats)
  const { l, c } = toOklch(color)
  const base = l < 0.35 ? '#403c47' : color
  const pattern: Pattern = l < 0.35 ? 'tuxedo' : l > 0.93 ? 'plain' : 'tabby'
  return {
    ...common,
    pattern,
    base,
    pale: mix(color, '#fffaf3', l > 0.93 ? 0.6 : 0.86),
    mark: lighten(base, -0.16),
    iris: c > 0.1 ? '#7fb04a' : '#e6c04a',
  }
}

const headOutline = 'M-61 6C-64 -30 -38 -51 0 -51C38 -51 64 -30 61 6C59 36 31 49 0 49C-31 49 -59 36 -61 6Z'

const ears = (canvas: Canvas, fur: Coat): string => {
  const outer = fur.pattern === 'points' || fur.pattern === 'tuxedo' ? fur.mark : fur.base
  const one = (side: number, fill: Hex): string =>
    path(
      `M${-58 * side} -4C${-65 * side} -40 ${-63 * side} -68 ${-56 * side} -82Q${-51 * side} -90 ${-43 * side} -84C${-29 * side} -73 ${-16 * side} -60 ${-6 * side} -44Z`,
      { fill: lit(canvas, fill, 0.08) },
    ) +
    path(
      `M${-51 * side} -24C${-54 * side} -46 ${-53 * side} -62 ${-49 * side} -70C${-38 * side} -62 ${-28 * side} -53 ${-21 * side} -42Z`,
      { fill: fur.inner },
    ) +
    path(
      `M${-50 * side} -24Q${-40 * side} -40 ${-38 * side} -52M${-44 * side} -26Q${-34 * side} -38 ${-31 * side} -47`,
      { stroke: fur.pale, width: 2.4, alpha: 0.65 },
    )
  return one(1, outer) + one(-1, fur.pattern === 'calico' ? fur.mark : outer)
}

const faceMarks = (fur: Coat): string => {
  switch (fur.pattern) {
    case 'tabby':
      return (
        path('M0 -52v22M-15 -51q2 12 6 19M15 -51q-2 12 -6 19', { stroke: fur.mark, width: 6.5 }) +
        path('M-64 4q14 1 20 6M-62 20q12 -3 19 0M64 4q-14 1 -20 6M62 20q-12 -3 -19 0', {
          stroke: fur.mark,
          width: 5,
        }) +
        path('M-5 -26C-14 6 -34 20 -26 36C-16 52 16 52 26 36C34 20 14 6 5 -26Z', {
          fill: fur.pale,
          alpha: 0.95,
        })
      )
    case 'tuxedo':
      return path('M0 -40C-8 -8 -36 14 -32 34C-22 54 22 54 32 34C36 14 8 -8 0 -40Z', { fill: fur.pale })
    case 'calico':
      return (
        path('M4 -56C40 -58 72 -34 66 8C44 14 22 2 14 -14C8 -28 2 -40 4 -56Z', { fill: fur.mark }) +
        path('M-70 -26C-58 -50 -34 -58 -18 -52C-16 -34 -30 -18 -48 -12Z', { fill: '#5b4f55', alpha: 0.9 })
      )
    case 'points':
      return (
        ellipse(0, 20, 40, 36, { fill: fur.mark, alpha: 0.3 }) +
        ellipse(0, 24, 27, 25, { fill: fur.mark, alpha: 0.42 })
      )
    case 'plain':
      return ''
  }
}

/** The head around (0, 0), about 124 wide. `sleepy` closes the eyes. */
const head = (canvas: Canvas, fur: Coat, sleepy: boolean): string =>
  ears(canvas, fur) +
  path('M-58 8L-71 17L-57 20L-66 31L-50 31ZM58 8L71 17L57 20L66 31L50 31Z', { fill: fur.base }) +
  path(headOutline, { fill: rounded(canvas, fur.base, 0.07) }) +
  `<g ${canvas.defs.clip(headOutline)}>${faceMarks(fur)}` +
  ellipse(-10, 27, 15, 12, { fill: fur.pale }) +
  ellipse(10, 27, 15, 12, { fill: fur.pale }) +
  '</g>' +
  (sleepy ? closedEyes(27, 6, 11) : eyes(canvas, 27, 2, 13, fur.iris)) +
  noseAndMouth(19, fur.nose) +
  blush(canvas, 42, 24) +
  whiskers(canvas, 20)

const tail = (fur: Coat, d: string, width = 18): string => {
  const line = path(d, {
    stroke: fur.pattern === 'points' || fur.pattern === 'tuxedo' ? fur.mark : fur.base,
    width,
  })
  if (fur.pattern === 'tabby' || fur.pattern === 'calico') {
    return (
      line +
      path(d, { stroke: fur.mark, width, extra: 'stroke-dasharray="8 15" style="stroke-linecap:butt"' })
    )
  }
  return line
}

const sideMarks = (fur: Coat): string => {
  if (fur.pattern === 'tabby') {
    return path('M-62 -46q12 0 18 6M-64 -30q10 -2 16 3M62 -46q-12 0 -18 6M64 -30q-10 -2 -16 3', {
      stroke: fur.mark,
      width: 5.5,
    })
  }
  return fur.pattern === 'calico' ? ellipse(46, -34, 16, 20, { fill: fur.mark }) : ''
}

const sit = (canvas: Canvas, random: Random, fur: Coat, reaching: boolean): Drawing => {
  const curve = random.pick([
    'M46 -12C92 -2 108 -38 92 -64C84 -78 92 -92 104 -90',
    'M46 -12C88 0 112 -30 106 -66C104 -84 84 -88 80 -74',
    'M46 -12C86 4 100 -20 94 -50C88 -80 104 -98 116 -88',
  ])
  const turn = reaching ? 9 : random.between(-5, 5)
  const svg =
    tail(fur, curve) +
    sittingBody(canvas, fur, reaching) +
    sideMarks(fur) +
    collar(canvas, random.pick(canvas.palette.accents)) +
    place(head(canvas, fur, false), { x: 0, y: -122, turn })
  return { svg, width: 180, height: 210 }
}

const loaf = (canvas: Canvas, fur: Coat, sleepy: boolean): Drawing => {
  const outline =
    'M-84 -6C-96 -54 -58 -84 -6 -86C56 -88 102 -54 92 -8C90 2 82 1 74 0L-70 0C-78 1 -83 0 -84 -6Z'
  const svg =
    path(outline, { fill: rounded(canvas, fur.base, 0.12) }) +
    `<g ${canvas.defs.clip(outline)}>` +
    (fur.pattern === 'tabby'
      ? path('M34 -92q-6 18 2 30M54 -88q-6 16 2 28M74 -78q-6 14 0 24', { stroke: fur.mark, width: 7 })
      : '') +
    (fur.pattern === 'calico' ? ellipse(52, -66, 32, 28, { fill: fur.mark }) : '') +
    ellipse(-32, -34, 62, 26, { fill: lighten(fur.base, -0.28), alpha: 0.26 }) +
    '</g>' +
    tail(fur, sleepy ? 'M84 -14C70 6 30 -2 -2 -8' : 'M86 -12C112 -8 124 -34 112 -54', 19) +
    ellipse(-54, -5, 16, 8, { fill: fur.pale }) +
    ellipse(-20, -5, 16, 8, { fill: fur.pale }) +
    place(head(canvas, fur, sleepy), { x: -36, y: sleepy ? -56 : -80, turn: sleepy ? -7 : -3 })
  return { svg, width: 210, height: sleepy ? 146 : 170 }
}

const walk = (canvas: Canvas, random: Random, fur: Coat): Drawing => {
  const outline =
    'M-66 -88C-34 -96 28 -98 64 -88C88 -78 88 -46 68 -38C30 -30 -36 -30 -64 -40C-86 -52 -86 -82 -66 -88Z'
  const leg = (d: string, far: boolean): string =>
    path(d, { stroke: far ? lighten(fur.base, -0.1) : fur.base, width: 22 })
  const paw = (x: number): string => ellipse(x - 4, -6, 15, 8.5, { fill: fur.pale })
  const svg =
    tail(fur, 'M72 -78C108 -86 116 -124 98 -146C90 -158 100 -170 112 -166') +
    leg('M-40 -46C-36 -28 -30 -20 -28 -10', true) +
    leg('M44 -46C38 -30 34 -22 32 -10', true) +
    path(outline, { fill: rounded(canvas, fur.base, 0.11) }) +
    `<g ${canvas.defs.clip(outline)}>` +
    ellipse(0, -34, 60, 14, { fill: fur.pale, alpha: 0.8 }) +
    (fur.pattern === 'tabby'
      ? path('M0 -102q-8 20 0 34M22 -102q-8 20 0 34M44 -100q-8 20 0 34', { stroke: fur.mark, width: 7 })
      : '') +
    (fur.pattern === 'calico' ? ellipse(34, -80, 30, 24, { fill: fur.mark }) : '') +
    ellipse(-66, -66, 44, 34, { fill: lighten(fur.base, -0.28), alpha: 0.11 }) +
    '</g>' +
    leg('M-62 -48C-68 -30 -70 -22 -70 -10', false) +
    leg('M66 -50C74 -34 70 -22 72 -10', false) +
    paw(-72) +
    paw(70) +
    paw(-30) +
    paw(30) +
    place(head(canvas, fur, false), { x: -66, y: -108, scale: 0.96, turn: random.between(-6, 2) })
  return { svg, width: 230, height: 200 }
}

/** A ball of wool with its thread, to play with. */
const wool = (canvas: Canvas, x: number, color: Hex): string => {
  const line = { stroke: lighten(color, -0.12), width: 2.2 }
  return (
    path(`M${x} -4C${x + 20} 4 ${x + 34} -6 ${x + 48} 0S${x + 74} 4 ${x + 84} -4`, {
      stroke: color,
      width: 3,
    }) +
    circle(x, -22, 23, { fill: rounded(canvas, color, 0.12) }) +
    path(
      `M${x - 19} -32q18 -8 34 8M${x - 22} -22q18 -8 36 10M${x - 6} -44q18 14 12 42M${x + 8} -43q14 16 8 38`,
      line,
    )
  )
}

/** Draws a cat in a pose that suits what it is said to do; coat, tail and pose vary by seed. */
export const drawCat: Draw = ({ canvas, random, color, action }) => {
  const coat = coatOf(random, color)
  const fur: Coat = { ...furIn(canvas, coat), pattern: coat.pattern }
  if (action === 'sleep') return loaf(canvas, fur, true)
  if (action === 'walk') return walk(canvas, random, fur)
  if (action === 'play') {
    const drawing = random.chance(0.55) ? sit(canvas, random, fur, true) : walk(canvas, random, fur)
    const toy = wool(canvas, -112, canvas.tone(canvas.palette.accents[0]))
    return random.chance(0.5) ? { ...drawing, svg: drawing.svg + toy } : drawing
  }
  const roll = random.next()
  if (roll < 0.56) return sit(canvas, random, fur, false)
  if (roll < 0.68) return sit(canvas, random, fur, true)
  return roll < 0.86 ? loaf(canvas, fur, false) : walk(canvas, random, fur)
}
