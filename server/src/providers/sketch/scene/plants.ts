/** Trees, bushes, grass and flowers that furnish a scene. Each function gives one cheap group of shapes. */
import { type Hex, lighten, mix } from '../color.ts'
import type { Random } from '../random.ts'
import { circle, dot, n, type Point, path, place, smooth } from '../svg.ts'
import { type Canvas, lit, rounded } from './canvas.ts'
import { bloom } from './subjects/things.ts'

/** A conifer of height `h` standing at (x, y). */
export const conifer = (canvas: Canvas, x: number, y: number, h: number, color: Hex): string => {
  const { random } = canvas
  const tiers = h < 120 ? 3 : 4
  const w = h * random.between(0.2, 0.27)
  let d = `M${n(x)} ${n(y - h)}`
  let back = ''
  for (let i = 1; i <= tiers; i += 1) {
    const t = i / tiers
    const ty = y - h + h * 0.9 * t
    const half = w * (0.3 + 0.7 * t)
    d += `Q${n(x + half * 0.4)} ${n(ty - h * 0.08)} ${n(x + half)} ${n(ty)}L${n(x + half * 0.45)} ${n(ty - h * 0.035)}`
    back = `L${n(x - half * 0.45)} ${n(ty - h * 0.035)}L${n(x - half)} ${n(ty)}Q${n(x - half * 0.4)} ${n(ty - h * 0.08)} ${i === 1 ? `${n(x)} ${n(y - h)}` : `${n(x - w * (0.3 + 0.7 * ((i - 1) / tiers)) * 0.45)} ${n(y - h + h * 0.9 * ((i - 1) / tiers) - h * 0.035)}`}${back}`
  }
  return (
    path(`M${n(x)} ${n(y - h * 0.12)}V${n(y)}`, { stroke: mix(color, '#4a3428', 0.6), width: h * 0.045 }) +
    path(`${d}${back}z`, { fill: lit(canvas, color, 0.07) })
  )
}

/** A leafy tree of height `h`: a trunk with a cloud of leaves in three tones. */
export const leafyTree = (
  canvas: Canvas,
  x: number,
  y: number,
  h: number,
  colors: readonly [Hex, Hex, Hex],
): string => {
  const { random } = canvas
  const wood = canvas.tone('#6b4c3a')
  const r = h * 0.24
  const cx = x
  const cy = y - h * 0.68
  const blobs: [number, number, number][] = []
  for (let i = 0; i < 7; i += 1) {
    const angle = (i / 7) * Math.PI * 2 + random.between(-0.3, 0.3)
    blobs.push([
      cx + Math.cos(angle) * r * 0.95,
      cy + Math.sin(angle) * r * 0.66,
      r * random.between(0.52, 0.72),
    ])
  }
  const under = blobs.map(([bx, by, br]) => dot(bx, by + br * 0.22, br)).join('')
  const over = `${blobs.map(([bx, by, br]) => dot(bx, by, br * 0.9)).join('')}${dot(cx, cy, r)}`
  const shine = blobs
    .slice(3)
    .map(([bx, by, br]) => dot(bx - br * 0.12, by - br * 0.22, br * 0.55))
    .join('')
  return (
    path(
      `M${n(x - h * 0.035)} ${n(y)}C${n(x - h * 0.02)} ${n(y - h * 0.2)} ${n(x - h * 0.025)} ${n(y - h * 0.4)} ${n(x)} ${n(y - h * 0.5)}C${n(x + h * 0.02)} ${n(y - h * 0.4)} ${n(x + h * 0.025)} ${n(y - h * 0.2)} ${n(x + h * 0.05)} ${n(y)}z`,
      { fill: wood },
    ) +
    path(
      `M${n(x)} ${n(y - h * 0.34)}L${n(x + h * 0.12)} ${n(y - h * 0.52)}M${n(x)} ${n(y - h * 0.4)}L${n(x - h * 0.1)} ${n(y - h * 0.54)}`,
      { stroke: wood, width: h * 0.022 },
    ) +
    path(under, { fill: colors[0] }) +
    path(over, { fill: colors[1] }) +
    path(shine, { fill: colors[2], alpha: 0.75 })
  )
}

export const palm = (canvas: Canvas, x: number, y: number, h: number): string => {
  const { random, palette } = canvas
  const lean = random.between(-0.25, 0.25) * h
  const [tx, ty] = [x + lean, y - h]
  const trunk = path(`M${n(x)} ${n(y)}Q${n(x + lean * 0.2)} ${n(y - h * 0.6)} ${n(tx)} ${n(ty)}`, {
    stroke: canvas.tone('#8a6446'),
    width: h * 0.05,
  })
  const leaves = [-160, -125, -90, -55, -20, 15, -195]
    .map((angle, i) =>
      place(
        path(
          `M0 0Q${n(h * 0.18)} ${n(-h * 0.1)} ${n(h * 0.4)} ${n(h * 0.06)}Q${n(h * 0.18)} ${n(h * 0.02)} 0 0Z`,
          { fill: palette.leaf[i % 2 === 0 ? 0 : 1] },
        ),
        { x: tx, y: ty, turn: angle + random.between(-8, 8) },
      ),
    )
    .join('')
  return trunk + leaves
}

/** Stalks of bamboo with leaves, across `from`…`to`. */
export const bamboo = (canvas: Canvas, from: number, to: number, count: number, near: number): string => {
  const { random, palette, height } = canvas
  let svg = ''
  for (let i = 0; i < count; i += 1) {
    const x = random.between(from, to)
    const green = mix(canvas.tone('#78ac58'), palette.leaf[1], 0.3)
    const color = mix(palette.far, green, near * random.between(0.7, 1))
    const w = 10 + near * random.between(8, 20)
    const lean = random.between(-26, 26)
    svg += path(`M${n(x)} ${n(height)}Q${n(x + lean * 0.3)} ${n(height * 0.5)} ${n(x + lean)} -20`, {
      stroke: color,
      width: w,
    })
    let knots = ''
    for (let y = random.between(20, 130); y < height; y += random.between(105, 150)) {
      const t = 1 - y / height
      knots += `M${n(x + lean * t * t - w * 0.5)} ${n(y)}h${n(w)}`
      if (random.chance(0.4)) {
        const side = random.chance(0.5) ? 0 : 180
        svg += [side - 20, side + 24, side + 54]
          .map((turn) =>
            place(path('M0 0Q34 -12 78 4Q34 12 0 0Z', { fill: mix(color, palette.leaf[2], 0.35) }), {
              x: x + lean * t * t,
              y,
              turn: turn + random.between(-12, 12),
              scale: 0.6 + near * 0.6,
            }),
          )
          .join('')
      }
    }
    svg += path(knots, { stroke: lighten(color, 0.1), width: 3.4 })
  }
  return svg
}

/** A tuft line of grass blades along y, as one path per tone. */
export const grass = (canvas: Canvas, y: number, tall: number, color: Hex, density = 1): string => {
  const { random, width } = canvas
  const step = Math.max(9, width / 190) / density
  let blades = ''
  for (let x = -20; x < width + 20; x += step * random.between(0.6, 1.4)) {
    const h = tall * random.between(0.45, 1)
    const lean = random.between(-0.4, 0.4) * h
    const half = h * 0.07 + 1
    blades += `M${n(x - half)} ${n(y)}Q${n(x + lean * 0.2)} ${n(y - h * 0.6)} ${n(x + lean)} ${n(y - h)}Q${n(x + lean * 0.3 + half)} ${n(y - h * 0.5)} ${n(x + half)} ${n(y)}z`
  }
  return path(blades, { fill: color })
}

/** A few flowers with stems and leaves, bigger towards the viewer. */
export const flowers = (
  canvas: Canvas,
  random: Random,
  count: number,
  low: number,
  high: number,
  colors: readonly [Hex, ...Hex[]],
  avoid?: readonly [number, number],
): string => {
  const spots = Array.from({ length: count }, () => ({
    x: random.between(-10, canvas.width + 10),
    y: random.between(high, low),
  }))
    .filter(({ x }) => avoid === undefined || x < avoid[0] || x > avoid[1])
    .sort((a, b) => a.y - b.y)
  const kinds = [random.int(0, 3), random.int(0, 3)] as const
  return spots
    .map(({ x, y }) => {
      const t = (y - high) / Math.max(1, low - high)
      const scale = 0.55 + t * 1
      const stem = (50 + t * 70) * random.between(0.8, 1.25)
      const lean = random.between(-12, 12)
      const leaf = canvas.palette.leaf[t > 0.5 ? 0 : 1]
      return (
        path(`M${n(x)} ${n(y)}Q${n(x)} ${n(y - stem * 0.6)} ${n(x + lean)} ${n(y - stem)}`, {
          stroke: leaf,
          width: 3.4 * scale + 1,
        }) +
        path(
          `M${n(x)} ${n(y - stem * 0.25)}q${n(24 * scale)} ${n(-22 * scale)} ${n(30 * scale)} ${n(-30 * scale)}q${n(-26 * scale)} ${n(4 * scale)} ${n(-30 * scale)} ${n(30 * scale)}M${n(x)} ${n(y - stem * 0.12)}q${n(-24 * scale)} ${n(-18 * scale)} ${n(-30 * scale)} ${n(-26 * scale)}q${n(26 * scale)} ${n(2 * scale)} ${n(30 * scale)} ${n(26 * scale)}`,
          { fill: leaf },
        ) +
        place(bloom(canvas, random.pick(kinds), random.pick(colors)), {
          x: x + lean,
          y: y - stem,
          scale,
          turn: lean * 1.4,
        })
      )
    })
    .join('')
}

/** A rounded bush with dots of flowers. */
export const bush = (canvas: Canvas, x: number, y: number, w: number, dots: Hex | undefined): string => {
  const { random, palette } = canvas
  const lumps: Point[] = [[x - w / 2, y]]
  for (let i = 0; i <= 6; i += 1)
    lumps.push([
      x - w / 2 + (w * i) / 6,
      y - w * random.between(0.2, 0.42) * (0.55 + Math.sin((Math.PI * i) / 6) * 0.6),
    ])
  lumps.push([x + w / 2, y])
  let spots = ''
  for (let i = 0; i < 12; i += 1)
    spots += dot(x + random.bell() * w * 0.42, y - w * random.between(0.06, 0.34), random.between(4, 7.5))
  return (
    path(`${smooth(lumps, false)}z`, { fill: rounded(canvas, palette.leaf[1], 0.1) }) +
    path(
      [-0.25, 0.02, 0.26]
        .map(
          (k) => `M${n(x + w * k - w * 0.1)} ${n(y - w * 0.2)}q${n(w * 0.1)} ${n(-w * 0.1)} ${n(w * 0.2)} 0`,
        )
        .join(''),
      { stroke: palette.leaf[2], width: 5, alpha: 0.6 },
    ) +
    (dots === undefined ? '' : path(spots, { fill: dots }))
  )
}

/** Leaves and blades that lean in from the lower corners, out of focus and dark: a frame for the view. */
export const cornerLeaves = (canvas: Canvas, color: Hex): string => {
  const { random, width, height } = canvas
  const one = (x: number, y: number, turn: number, size: number, shade: Hex): string =>
    place(
      path('M0 0C30 -50 30 -130 0 -190C-30 -130 -30 -50 0 0Z', { fill: shade }) +
        path('M0 -6V-170', { stroke: lighten(shade, 0.05), width: 2.4 }),
      { x, y, turn, scale: size },
    )
  let svg = ''
  for (let i = 0; i < 5; i += 1) {
    const tint = mix(color, canvas.palette.leaf[1], random.between(0, 0.35))
    svg += one(random.between(-40, 60), height + 20, random.between(-10, 62), random.between(0.8, 1.3), tint)
    svg += one(
      width - random.between(-40, 60),
      height + 20,
      random.between(-62, 10),
      random.between(0.8, 1.3),
      tint,
    )
  }
  return svg
}

/** Dots of light among the grass. */
export const fireflies = (canvas: Canvas, top: number, bottom: number): string => {
  const { random, width } = canvas
  const glow = canvas.defs.radial([
    [0, '#fff6b0', 0.95],
    [0.25, '#f6e27a', 0.5],
    [1, '#f6e27a', 0],
  ])
  let svg = ''
  for (let i = 0; i < 26; i += 1) {
    const [x, y] = [random.between(0, width), random.between(top, bottom)]
    svg += circle(x, y, random.between(12, 26), { fill: glow }) + circle(x, y, 2.6, { fill: '#fffde0' })
  }
  return svg
}
