/**
 * Abstract pictures for prompts that name nothing we can draw: five families, chosen and varied by the hash
 * of the text, so that different words look different and the same words look the same.
 */
import { type Hex, lighten, mix, oklch } from '../color.ts'
import { createNoise } from '../random.ts'
import { type Canvas, rounded } from '../scene/canvas.ts'
import { bloom } from '../scene/subjects/things.ts'
import { circle, ellipse, n, type Point, path, place, rect, smooth } from '../svg.ts'

type Swatches = { paper: Hex; colors: readonly [Hex, ...Hex[]]; dark: Hex; light: Hex }

const schemes: readonly [readonly number[], ...(readonly number[])[]] = [
  [0, 30, 190, 215],
  [0, 40, 60, 200],
  [0, 120, 150, 30],
  [0, -40, -80, 60],
  [0, 180, 200, 30],
  [0, 25, 50, 75],
]

/** Five or six related colours around the picture's own hue. */
const swatches = (canvas: Canvas, asked: readonly Hex[]): Swatches => {
  const { random, palette } = canvas
  const base = random.between(0, 360)
  const scheme = random.pick(schemes)
  const night = palette.night
  const tone = (offset: number, i: number): Hex => {
    const hue = (base + offset + 720) % 360
    // Dark yellows turn to olive and mud, so that part of the circle is kept light.
    const muddy = hue > 75 && hue < 130 ? 0.12 : 0
    return oklch(
      (night ? 0.5 : 0.7) + muddy + (i % 2 === 0 ? 0.06 : -0.08 + muddy * 0.6),
      0.105 + (i % 3) * 0.018,
      hue,
    )
  }
  const own = scheme.map(tone)
  const [first = '#e08a6a', ...rest] = [...asked, ...own].slice(0, 5)
  const colors: [Hex, ...Hex[]] = [asked.length > 0 ? mix(first, own[0] ?? first, 0.12) : first, ...rest]
  return {
    paper: oklch(night ? 0.22 : 0.955, night ? 0.045 : 0.022, asked.length > 0 ? 80 : base + 20),
    colors,
    dark: oklch(night ? 0.16 : 0.33, 0.06, base + 200),
    light: oklch(night ? 0.88 : 0.985, 0.02, base + 40),
  }
}

const backdrop = (canvas: Canvas, from: Hex, to: Hex, angle: number): string =>
  rect(-2, -2, canvas.width + 4, canvas.height + 4, {
    fill: canvas.look.flat
      ? from
      : canvas.defs.linear(
          [
            [0, from],
            [1, to],
          ],
          angle,
        ),
  })

/** Broad silky bands that cross the picture. */
const ribbons = (canvas: Canvas, { paper, colors, light }: Swatches): string => {
  const { random, width, height } = canvas
  const tilt = random.between(-0.35, 0.35)
  const noise = createNoise(random, 2)
  let svg = backdrop(canvas, mix(paper, colors[0], 0.12), mix(paper, colors[1] ?? colors[0], 0.28), 30)
  const count = 9
  for (let i = 0; i < count; i += 1) {
    const base = height * (0.08 + (i / count) * 0.84)
    const thick = height * random.between(0.05, 0.13)
    const top: Point[] = []
    const foot: Point[] = []
    for (let k = 0; k <= 12; k += 1) {
      const x = -80 + ((width + 160) * k) / 12
      const sway = noise(k * 0.34 + i * 0.17) * height * 0.2 + (x - width / 2) * tilt
      const pinch = 0.3 + 0.9 * Math.abs(Math.sin(k * 0.42 + i * 0.5))
      top.push([x, base + sway - thick * pinch])
      foot.push([x, base + sway + thick * pinch])
    }
    const color = colors[i % colors.length] ?? colors[0]
    const fill = canvas.look.flat
      ? color
      : canvas.defs.linear(
          [
            [0, lighten(color, 0.13)],
            [0.45, color],
            [1, mix(lighten(color, -0.12), colors[(i + 1) % colors.length] ?? color, 0.35)],
          ],
          random.between(40, 130),
        )
    svg += path(foot.map(([x, y], k) => `${k === 0 ? 'M' : 'L'}${n(x)} ${n(y + 16)}`).join(''), {
      stroke: '#20143a',
      width: 34,
      alpha: 0.05,
    })
    svg += path(`${smooth(top, false)}L${smooth([...foot].reverse(), false).slice(1)}z`, {
      fill,
      alpha: 0.94,
    })
    for (let s = 1; s < 5; s += 1) {
      svg += path(
        smooth(
          top.map(([x, y], k): Point => [x, y + ((foot[k]?.[1] ?? y) - y) * (s / 5)]),
          false,
        ),
        { stroke: light, width: 1.5, alpha: 0.26 },
      )
    }
  }
  return svg
}

/** Layers of soft dunes below a large sun. */
const dunes = (canvas: Canvas, { paper, colors, light }: Swatches): string => {
  const { random, width, height } = canvas
  const small = Math.min(width, height)
  const sky = mix(paper, colors[0], 0.25)
  let svg = backdrop(canvas, sky, lighten(mix(paper, colors[1] ?? colors[0], 0.4), 0.02), 0)
  const [x, y, r] = [
    width * random.between(0.3, 0.7),
    height * random.between(0.26, 0.38),
    small * random.between(0.13, 0.2),
  ]
  const sun = colors[2] ?? colors[0]
  svg +=
    circle(x, y, r * 2.6, {
      fill: canvas.defs.radial([
        [0, sun, 0.45],
        [1, sun, 0],
      ]),
    }) + circle(x, y, r, { fill: rounded(canvas, lighten(sun, 0.06), 0.08) })
  const layers = 8
  for (let i = 0; i < layers; i += 1) {
    const t = i / (layers - 1)
    const noise = createNoise(random, 2)
    const base = height * (0.42 + t * 0.5)
    const points: Point[] = []
    for (let px = -60; px <= width + 90; px += Math.max(60, width / 60))
      points.push([px, base + noise(px / (310 + 90 * t)) * height * 0.085])
    const color = mix(
      mix(colors[i % 2 === 0 ? 0 : 1] ?? colors[0], light, 0.5 * (1 - t)),
      '#22163a',
      t * 0.42,
    )
    const edge = smooth(points, false)
    svg +=
      path(`${edge}L${n(width + 90)} ${n(height + 10)}L-60 ${n(height + 10)}z`, {
        fill: canvas.look.flat
          ? color
          : canvas.defs.linear([
              [0, lighten(color, 0.05)],
              [0.5, mix(color, sky, 0.12)],
              [1, mix(color, sky, 0.3)],
            ]),
      }) + path(edge, { stroke: light, width: 2, alpha: 0.4 })
  }
  return svg
}

/** A grid of plain shapes, in the manner of the Bauhaus. */
const bauhaus = (canvas: Canvas, { paper, colors, dark, light }: Swatches): string => {
  const { random, width, height } = canvas
  const across = Math.max(2, Math.min(12, Math.round(width / 250)))
  const cell = width / across
  const down = Math.ceil(height / cell)
  const inks = [...colors, dark, light] as const
  let svg = backdrop(canvas, paper, paper, 0)
  for (let row = 0; row < Math.min(down, 40); row += 1) {
    for (let column = 0; column < across; column += 1) {
      const [x, y] = [column * cell, row * cell]
      const [ground, ink, extra] = [
        random.pick([paper, paper, ...colors, dark]),
        random.pick(inks),
        random.pick(inks),
      ]
      svg +=
        rect(x - 0.5, y - 0.5, cell + 1, cell + 1, { fill: ground }) +
        place(
          tile(
            random.int(0, 8),
            ink === ground ? (ground === dark ? light : dark) : ink,
            extra === ground ? light : extra,
          ),
          { x: x + cell / 2, y: y + cell / 2, scale: cell / 100, turn: random.int(0, 3) * 90 },
        )
    }
  }
  return svg
}

/** One tile of the grid, 100 wide around (0, 0). */
const tile = (kind: number, ink: Hex, extra: Hex): string => {
  switch (kind) {
    case 0:
      return path('M-50 -50A100 100 0 0 1 50 50H-50Z', { fill: ink })
    case 1:
      return circle(0, 0, 38, { fill: ink }) + circle(0, 0, 17, { fill: extra })
    case 2:
      return path('M-50 50L50 -50V50Z', { fill: ink })
    case 3:
      return (
        path('M-50 0A50 50 0 0 1 50 0Z', { fill: ink }) + path('M-50 50A50 50 0 0 1 50 50Z', { fill: extra })
      )
    case 4:
      return [-37.5, -12.5, 12.5, 37.5].map((y) => rect(-50, y - 6.25, 100, 12.5, { fill: ink })).join('')
    case 5:
      return path('M-50 -50A50 50 0 0 0 50 -50ZM-50 50A50 50 0 0 1 50 50Z', { fill: ink })
    case 6:
      return [88, 64, 40, 16]
        .map((r, i) =>
          path(`M-50 ${50 - r}A${r} ${r} 0 0 1 ${-50 + r} 50H-50Z`, { fill: i % 2 === 0 ? ink : extra }),
        )
        .join('')
    case 7:
      return path(
        'M0 -50C28 -50 50 -28 50 0C28 0 0 -22 0 -50ZM0 50C-28 50 -50 28 -50 0C-28 0 0 22 0 50ZM50 0C50 28 28 50 0 50C0 28 22 0 50 0ZM-50 0C-50 -28 -28 -50 0 -50C0 -28 -22 0 -50 0Z',
        { fill: ink },
      )
    default:
      return [-30, 0, 30].flatMap((x) => [-30, 0, 30].map((y) => circle(x, y, 8, { fill: ink }))).join('')
  }
}

/** Rings and bodies that circle a middle. */
const orbits = (canvas: Canvas, { paper, colors, dark, light }: Swatches): string => {
  const { random, width, height } = canvas
  const small = Math.min(width, height)
  const [cx, cy] = [width * random.between(0.38, 0.62), height * random.between(0.4, 0.6)]
  const deep = random.chance(0.5)
  const ground = deep ? mix(dark, '#0c1030', 0.35) : paper
  const line = deep ? light : dark
  let svg = backdrop(canvas, ground, mix(ground, colors[0], 0.28), 40)
  for (let i = 0; i < 3; i += 1)
    svg += circle(width * random.next(), height * random.next(), small * random.between(0.2, 0.42), {
      fill: canvas.defs.radial([
        [0, colors[i] ?? colors[0], 0.4],
        [1, colors[i] ?? colors[0], 0],
      ]),
    })
  const tilt = random.between(-30, 30)
  let r = small * 0.12
  const core = colors[0]
  svg += circle(cx, cy, r * 2.4, {
    fill: canvas.defs.radial([
      [0, core, 0.6],
      [1, core, 0],
    ]),
  })
  for (let i = 0; i < 9; i += 1) {
    r += small * random.between(0.04, 0.085)
    const flat = 0.94 - i * 0.015
    const start = random.between(0, 360)
    svg += ellipse(
      cx,
      cy,
      r,
      r * flat,
      {
        stroke: line,
        width: random.pick([1.4, 1.4, 2.6, 5]),
        alpha: 0.45,
        ...(random.chance(0.25) ? { extra: 'stroke-dasharray="2 13"' } : {}),
      },
      tilt,
    )
    for (let k = 0; k < random.int(1, 2); k += 1) {
      const angle = ((start + k * 140) * Math.PI) / 180
      const size = small * random.between(0.01, 0.042)
      const color = random.pick(colors)
      svg += circle(cx + Math.cos(angle) * r, cy + Math.sin(angle) * r * flat, size, {
        fill: rounded(canvas, color, 0.14),
      })
    }
  }
  return (
    svg +
    circle(cx, cy, small * 0.1, { fill: rounded(canvas, lighten(core, 0.05), 0.14) }) +
    ellipse(
      cx - small * 0.03,
      cy - small * 0.035,
      small * 0.022,
      small * 0.014,
      { fill: '#ffffff', alpha: 0.5 },
      -30,
    )
  )
}

/** A pattern of leaves and flowers. */
const botanical = (canvas: Canvas, { paper, colors, dark }: Swatches): string => {
  const { random, width, height } = canvas
  const deep = random.chance(0.4)
  const ground = deep ? mix(dark, '#10202a', 0.3) : paper
  const green = oklch(deep ? 0.6 : 0.56, 0.08, random.between(125, 165))
  let svg = backdrop(canvas, ground, mix(ground, colors[0], 0.16), 60)
  const step = Math.max(150, Math.sqrt((width * height) / 110))
  for (let row = 0; row * step * 0.86 < height + step; row += 1) {
    for (let column = 0; column * step < width + step; column += 1) {
      const x = column * step + (row % 2 === 0 ? 0 : step / 2) + random.between(-16, 16)
      const y = row * step * 0.86 + random.between(-16, 16)
      svg += place(
        plant(
          canvas,
          random.int(0, 4),
          mix(green, random.pick(colors), random.between(0, 0.35)),
          random.pick(colors),
          random.int(0, 3),
        ),
        { x, y, scale: (step / 138) * random.between(0.85, 1.1), turn: random.between(0, 360) },
      )
    }
  }
  return svg
}

const leafy = (color: Hex, pairs: number, wide: number): string => {
  let leaves = ''
  for (let i = 0; i < pairs; i += 1) {
    const y = 50 - i * (100 / pairs)
    const size = 1 - i * 0.09
    leaves += [-1, 1]
      .map((s) =>
        place(
          path(`M0 0C12 ${-wide} 36 ${-wide} 50 -6C36 ${wide * 0.5} 12 ${wide * 0.6} 0 0Z`, {
            fill: i % 2 === 0 ? color : lighten(color, 0.06),
          }),
          { x: 0, y, scale: size, turn: s > 0 ? -34 : 214 },
        ),
      )
      .join('')
  }
  return path('M0 74C4 20 -4 -20 0 -66', { stroke: lighten(color, -0.08), width: 3.4 }) + leaves
}

const plant = (canvas: Canvas, kind: number, green: Hex, color: Hex, flower: number): string => {
  switch (kind) {
    case 0:
      return leafy(green, 5, 15)
    case 1:
      return leafy(green, 7, 9)
    case 2:
      return (
        path('M0 0C6 26 4 46 0 74', { stroke: green, width: 4 }) +
        place(path('M0 0C14 -18 40 -20 56 -4C40 12 14 14 0 0Z', { fill: green }), {
          x: 2,
          y: 44,
          turn: 20,
          scale: 0.8,
        }) +
        place(bloom(canvas, flower, color), { x: 0, y: -12, scale: 1.9 })
      )
    case 3:
      return (
        path('M0 70C0 30 -20 0 -34 -34M0 50C4 20 22 0 34 -24M0 60C0 20 0 0 2 -54', {
          stroke: green,
          width: 3,
        }) +
        circle(-36, -40, 11, { fill: color }) +
        circle(36, -30, 10, { fill: lighten(color, 0.08) }) +
        circle(2, -62, 12, { fill: lighten(color, -0.05) })
      )
    default:
      return (
        place(bloom(canvas, flower, lighten(color, 0.06)), { x: 0, y: 0, scale: 1.25 }) +
        circle(44, 30, 4, { fill: color }) +
        circle(-40, 34, 3.4, { fill: green })
      )
  }
}

const families = [ribbons, dunes, bauhaus, orbits, botanical] as const

/** An abstract picture as SVG body text. `asked` are colours that the prompt named. */
export const composeAbstract = (canvas: Canvas, hash: number, asked: readonly Hex[]): string => {
  const turn = canvas.random.chance(0.4) ? canvas.random.int(1, families.length - 1) : 0
  const family = families[(hash + turn) % families.length] ?? ribbons
  return family(canvas, swatches(canvas, asked))
}
