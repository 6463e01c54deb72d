/** Places of water: the sea, a lake, and the world below the surface. */
import { type Hex, lighten, mix } from '../color.ts'
import { createNoise } from '../random.ts'
import { circle, ellipse, n, type Point, path, place, rect, smooth } from '../svg.ts'
import { type Canvas, landAt, layer, lit } from './canvas.ts'
import { plane } from './plane.ts'
import { bush, flowers, grass, palm } from './plants.ts'
import { drawSky } from './sky.ts'
import type { Place } from './stage.ts'
import { subjectKinds } from './subjects/index.ts'
import { fish } from './subjects/water-life.ts'

const surface = (canvas: Canvas, top: number): string => {
  const [deep, shine] = canvas.palette.water
  const fill = canvas.look.flat
    ? mix(deep, shine, 0.25)
    : canvas.defs.linear([
        [0, mix(shine, canvas.palette.sky[2], 0.4)],
        [0.3, mix(deep, shine, 0.45)],
        [1, deep],
      ])
  return rect(-2, top, canvas.width + 4, canvas.height - top + 4, { fill })
}

/** Short strokes of light on the water, denser below the sun. */
const glints = (canvas: Canvas, top: number, bottom: number, count: number, center?: number): string => {
  const { random, width } = canvas
  let d = ''
  for (let i = 0; i < count; i += 1) {
    const t = random.next() ** 1.4
    const y = top + 6 + t * (bottom - top)
    const spread = center === undefined ? random.between(0, width) : center + random.bell() * (40 + t * 190)
    const half = (6 + t * 34) * random.between(0.5, 1.2)
    const thick = 1 + t * 4
    d += `M${n(spread - half)} ${n(y)}q${n(half)} ${n(-thick)} ${n(2 * half)} 0q${n(-half)} ${n(thick)} ${n(-2 * half)} 0z`
  }
  return path(d, { fill: mix(canvas.palette.water[1], '#ffffff', 0.35), alpha: 0.62 })
}

/** A wave front with a scalloped, foaming edge. */
const wave = (canvas: Canvas, y: number, swing: number, color: Hex, foam: number): string => {
  const noise = createNoise(canvas.random, 2)
  const points: Point[] = []
  const step = Math.max(34, canvas.width / 120)
  for (let x = -60; x <= canvas.width + 90; x += step) points.push([x, y + noise(x / 210) * swing])
  const edge = smooth(points, false)
  const [deep] = canvas.palette.water
  return (
    layer(
      canvas,
      `${edge}L${n(canvas.width + 90)} ${n(canvas.height + 10)}L-60 ${n(canvas.height + 10)}z`,
      canvas.look.flat
        ? color
        : canvas.defs.linear([
            [0, color],
            [1, mix(color, deep, 0.75)],
          ]),
    ) +
    path(edge, { stroke: '#ffffff', width: foam, alpha: 0.75 }) +
    path(edge, {
      stroke: '#ffffff',
      width: foam * 0.5,
      alpha: 0.35,
      extra: `transform="translate(14 ${n(foam * 2.4)})"`,
    })
  )
}

const island = (canvas: Canvas, x: number, y: number, w: number, h: number): string => {
  const fill = canvas.look.flat
    ? landAt(canvas, 0.2)
    : canvas.defs.linear([
        [0, landAt(canvas, 0.22)],
        [1, mix(landAt(canvas, 0.1), canvas.palette.sky[2], 0.5)],
      ])
  return path(
    `M${n(x - w / 2)} ${n(y)}C${n(x - w * 0.3)} ${n(y - h * 0.4)} ${n(x - w * 0.22)} ${n(y - h)} ${n(x - w * 0.05)} ${n(y - h)}C${n(x + w * 0.1)} ${n(y - h)} ${n(x + w * 0.14)} ${n(y - h * 0.5)} ${n(x + w * 0.26)} ${n(y - h * 0.46)}C${n(x + w * 0.36)} ${n(y - h * 0.42)} ${n(x + w * 0.42)} ${n(y - h * 0.1)} ${n(x + w / 2)} ${n(y)}z`,
    { fill },
  )
}

export const sea: Place = (canvas, reading) => {
  const { random, height, width, palette } = canvas
  const horizon = height * random.between(0.5, 0.56)
  const [deep, shine] = palette.water
  const floats = reading.subjects.some(({ name }) => name === 'boat' || name === 'whale')
  let back =
    drawSky(canvas, reading, horizon) +
    plane('still', 0.15) +
    island(
      canvas,
      width * random.between(0.08, 0.26),
      horizon + 2,
      random.between(260, 420),
      random.between(50, 105),
    ) +
    (random.chance(0.5)
      ? island(
          canvas,
          width * random.between(0.72, 0.95),
          horizon + 2,
          random.between(200, 360),
          random.between(30, 64),
        )
      : '') +
    surface(canvas, horizon) +
    plane('glint', 0.4) +
    glints(
      canvas,
      horizon,
      height * 0.82,
      Math.min(150, Math.round(width / 12)),
      width * random.between(0.3, 0.7),
    ) +
    glints(canvas, horizon, height * 0.9, 40)
  back += plane('swell', 0.65) + wave(canvas, height * 0.72, 12, mix(deep, shine, 0.28), 3)
  const sand = canvas.tone('#f0d8ab')
  if (floats || random.chance(0.35)) {
    const front =
      plane('swell', 1.05) +
      wave(canvas, height * 0.845, 16, mix(deep, shine, 0.16), 5) +
      plane('swell', 1.3) +
      wave(canvas, height * 0.94, 20, mix(deep, shine, 0.05), 7)
    return { back, front, ground: height * 0.86, water: height * 0.84, air: height * 0.36, size: 420 }
  }
  back += plane('swell', 0.85) + wave(canvas, height * 0.78, 12, mix(deep, shine, 0.5), 8)
  const beach = createNoise(random, 1)
  const points: Point[] = []
  for (let x = -60; x <= width + 90; x += Math.max(60, width / 100))
    points.push([x, height * 0.835 + beach(x / 420) * 18])
  const edge = smooth(points, false)
  back +=
    plane('still', 1) +
    path(edge, { stroke: '#ffffff', width: 20, alpha: 0.7 }) +
    layer(
      canvas,
      `${edge}L${n(width + 90)} ${n(height + 10)}L-60 ${n(height + 10)}z`,
      canvas.look.flat
        ? sand
        : canvas.defs.linear([
            [0, lighten(sand, -0.06)],
            [0.2, sand],
            [1, lighten(sand, -0.05)],
          ]),
    )
  const shells = [0.12, 0.3, 0.72, 0.9]
    .map((k) =>
      starfish(
        canvas,
        width * k + random.between(-40, 40),
        height * random.between(0.92, 0.98),
        random.between(0, 70),
      ),
    )
    .slice(0, random.int(1, 3))
    .join('')
  const front = random.chance(0.5)
    ? plane('sway', 1.2) + palm(canvas, width * (random.chance(0.5) ? 0.06 : 0.94), height * 1.0, 560)
    : ''
  return {
    back: back + shells,
    front,
    ground: height * 0.9,
    water: height * 0.76,
    air: height * 0.34,
    size: 400,
  }
}

const starfish = (canvas: Canvas, x: number, y: number, turn: number): string =>
  place(
    path('M0 -26Q5 -8 25 -8Q9 3 15 21Q0 10 -15 21Q-9 3 -25 -8Q-5 -8 0 -26Z', {
      fill: lit(canvas, canvas.tone(canvas.palette.accents[0]), 0.08),
      stroke: canvas.tone(canvas.palette.accents[0]),
      width: 5,
    }),
    { x, y, turn, scale: 0.8 },
  )

const lily = (canvas: Canvas, x: number, y: number, w: number, flower: boolean): string => {
  const green = mix(canvas.palette.leaf[1], canvas.palette.water[0], 0.2)
  const pink = canvas.tone('#f6a8bd')
  return (
    path(
      `M${n(x)} ${n(y)}L${n(x + w * 0.9)} ${n(y - w * 0.16)}A${n(w)} ${n(w * 0.36)} 0 1 0 ${n(x + w * 0.95)} ${n(y + w * 0.1)}Z`,
      { fill: lit(canvas, green, 0.08) },
    ) +
    (flower
      ? [-50, -25, 25, 50, 0]
          .map((turn) =>
            place(
              path('M0 0C-14 -16 -10 -38 0 -46C10 -38 14 -16 0 0Z', {
                fill: lighten(pink, turn === 0 ? 0.05 : -0.02),
              }),
              { x, y: y - 4, turn, scale: w / 62 },
            ),
          )
          .join('') + circle(x, y - 8, w * 0.07, { fill: '#f7cf5a' })
      : '')
  )
}

export const lake: Place = (canvas, reading) => {
  const { random, height, width, palette } = canvas
  const ink = reading.style === 'ink'
  const shore = height * 0.57
  const peaks: Point[] = []
  const noise = createNoise(random, 3)
  for (let x = -60; x <= width + 80; x += Math.max(34, width / 120))
    peaks.push([x, shore - 40 - (0.5 + noise(x / 270)) * Math.min(width, height) * 0.19])
  const ridge = smooth(peaks, false)
  const color = landAt(canvas, 0.16)
  const second = smooth(
    peaks.map(([x], i): Point => [x, shore - 14 - (0.6 + noise(i * 0.31 + 40)) * 54]),
    false,
  )
  const shut = (d: string): string => `${d}L${n(width + 80)} ${n(shore + 2)}L-60 ${n(shore + 2)}z`
  const fade = (hex: Hex, alpha: number): string =>
    canvas.look.flat
      ? hex
      : canvas.defs.linear([
          [0, hex, alpha],
          [1, mix(hex, palette.sky[2], 0.6), alpha],
        ])
  const land =
    path(shut(ridge), { fill: fade(color, 1) }) + path(shut(second), { fill: fade(landAt(canvas, 0.4), 1) })
  const mirror = `<g transform="translate(0 ${n(shore * 2)}) scale(1 -1)" opacity="0.36">${land}</g>`
  const tall = random.chance(0.5) ? 0.07 : 0.93
  const back =
    drawSky(canvas, reading, shore) +
    plane('still', 0.25) +
    land +
    surface(canvas, shore) +
    plane('swell', 0.25) +
    mirror +
    plane('still', 0.25) +
    rect(-2, shore - 16, width + 4, 40, {
      fill: canvas.defs.linear([
        [0, palette.sky[2], 0],
        [0.5, palette.sky[2], 0.55],
        [1, palette.sky[2], 0],
      ]),
    }) +
    plane('glint', 0.6) +
    glints(canvas, shore, height * 0.9, ink ? 26 : 70, width * random.between(0.35, 0.65)) +
    (ink ? '' : glints(canvas, shore, height * 0.9, 34)) +
    plane('float', 0.8) +
    (ink
      ? ''
      : [0, 1, 2, 3, 4]
          .map((i) =>
            lily(
              canvas,
              width * random.between(0.04, 0.96),
              height * random.between(0.76, 0.9),
              random.between(34, 62),
              i % 2 === 0,
            ),
          )
          .join(''))
  const stands = reading.subjects.some(
    ({ name }) => name !== 'crane' && subjectKinds[name].habitat !== 'water',
  )
  const bank = plane('still', 1) + layer(canvas, lakeBank(canvas, stands), landAt(canvas, 0.95))
  const reeds =
    plane('sway', 1.25) +
    grass(canvas, height + 8, stands ? 70 : 130, mix(palette.leaf[0], palette.near, 0.35), 0.35)
  const colors = [canvas.tone(palette.accents[0]), canvas.tone(palette.accents[1])] as const
  const blooms = ink
    ? ''
    : bush(canvas, width * tall, height * 0.985, 220, colors[0]) +
      flowers(
        canvas,
        random,
        8,
        height * 1.03,
        height * 0.97,
        colors,
        stands ? [width * 0.3, width * 0.7] : undefined,
      )
  const [behind, before] = stands ? [back + bank, ''] : [back, bank]
  const ground = height * (stands ? 0.915 : 0.94)
  return {
    back: behind,
    front: before + reeds + blooms,
    ground,
    water: height * 0.8,
    air: height * 0.32,
    size: 340,
  }
}

/** The near shore: a low rise in the middle for somebody to stand on, or else a hollow to look over. */
const lakeBank = ({ width, height }: Canvas, risen: boolean): string => {
  const [left, dip, right] = risen ? [0.93, 0.84, 0.925] : [0.94, 0.99, 0.93]
  const bend = risen ? dip : 0.915
  return `M-10 ${n(height * left)}C${n(width * 0.2)} ${n(height * bend)} ${n(width * 0.3)} ${n(height * dip)} ${n(width * 0.52)} ${n(height * (dip + (risen ? 0.005 : -0.005)))}C${n(width * 0.74)} ${n(height * dip)} ${n(width * 0.86)} ${n(height * 0.92)} ${n(width + 10)} ${n(height * right)}V${n(height + 10)}H-10Z`
}

const coral = (canvas: Canvas, x: number, y: number, size: number, color: Hex): string => {
  let d = ''
  for (let i = 0; i < 5; i += 1) {
    const lean = (i - 2) * 26 + canvas.random.between(-8, 8)
    const tall = 120 + canvas.random.between(-30, 40) - Math.abs(i - 2) * 22
    d += `M0 0C${n(lean * 0.2)} ${n(-tall * 0.4)} ${n(lean)} ${n(-tall * 0.5)} ${n(lean * 1.2)} ${n(-tall)}M${n(lean * 0.9)} ${n(-tall * 0.55)}q${n(lean * 0.4 + 14)} ${n(-12)} ${n(lean * 0.4 + 18)} ${n(-40)}`
  }
  return place(
    path(d, { stroke: color, width: 17 }) + path(d, { stroke: lighten(color, 0.08), width: 6, alpha: 0.6 }),
    { x, y, scale: size },
  )
}

const weed = (x: number, y: number, tall: number, color: Hex): string => {
  let d = `M${n(x)} ${n(y)}`
  for (let i = 1; i <= 5; i += 1)
    d += `Q${n(x + (i % 2 === 0 ? -26 : 26))} ${n(y - tall * ((i - 0.5) / 5))} ${n(x)} ${n(y - tall * (i / 5))}`
  return path(d, { stroke: color, width: 13 })
}

export const underwater: Place = (canvas, reading) => {
  const { random, height, width, palette } = canvas
  const deep = reading.colors.length > 0 ? palette.water[0] : palette.night ? '#0c2f58' : '#1f6fa0'
  const shallow = reading.colors.length > 0 ? palette.water[1] : palette.night ? '#2f7fa8' : '#8fdfe0'
  let back = rect(-2, -2, width + 4, height + 4, {
    fill: canvas.look.flat
      ? mix(deep, shallow, 0.35)
      : canvas.defs.linear([
          [0, lighten(shallow, 0.06)],
          [0.35, mix(shallow, deep, 0.45)],
          [1, lighten(deep, -0.08)],
        ]),
  })
  back += plane('rays', 0.1)
  for (let i = 0; i < 6; i += 1) {
    const x = width * random.between(0, 1)
    const w = random.between(40, 120)
    back += path(`M${n(x)} -10H${n(x + w)}L${n(x + w * 2 - 130)} ${n(height * 0.85)}H${n(x - 210)}z`, {
      fill: canvas.defs.linear([
        [0, '#ffffff', 0.3],
        [1, '#ffffff', 0],
      ]),
    })
  }
  const far = mix(shallow, deep, 0.62)
  for (let k = 0; k < 3; k += 1) {
    const points: Point[] = []
    const noise = createNoise(random, 2)
    for (let x = -60; x <= width + 80; x += Math.max(50, width / 100))
      points.push([x, height * (0.74 + k * 0.08) + noise(x / 180) * (60 - k * 14)])
    back += plane('still', 0.3 + k * 0.25)
    back += layer(
      canvas,
      `${smooth(points, false)}L${n(width + 80)} ${n(height + 10)}L-60 ${n(height + 10)}z`,
      mix(far, lighten(deep, -0.1), k / 2),
    )
  }
  back += plane('flock', 0.6)
  for (let i = 0; i < 9; i += 1)
    back += place(fish(canvas, mix(far, '#ffffff', 0.25), mix(far, '#ffffff', 0.35)), {
      x: width * random.between(0.05, 0.95),
      y: height * random.between(0.12, 0.6),
      scale: random.between(0.14, 0.24),
      flip: i % 3 === 0,
    })
  const colors: readonly [Hex, ...Hex[]] = ['#f0808a', '#f6b26b', '#b98ae0', '#5fc4b0']
  let front = plane('sway', 1.2)
  for (let i = 0; i < 6; i += 1) {
    const x = width * (i < 3 ? random.between(-0.02, 0.3) : random.between(0.7, 1.02))
    front +=
      i % 2 === 0
        ? coral(canvas, x, height + 14, random.between(1, 1.6), mix(random.pick(colors), deep, 0.16))
        : weed(x, height + 10, random.between(180, 340), mix('#3fae8a', deep, 0.3))
  }
  let bubbles = plane('bubbles', 1.2)
  for (let i = 0; i < 22; i += 1) {
    const [x, y, r] = [
      random.between(0, width),
      random.between(height * 0.1, height * 0.95),
      random.between(3, 13),
    ]
    bubbles +=
      circle(x, y, r, { stroke: '#ffffff', width: 1.8, alpha: 0.6 }) +
      ellipse(x - r * 0.35, y - r * 0.4, r * 0.25, r * 0.18, { fill: '#ffffff', alpha: 0.8 })
  }
  return {
    back,
    front: front + bubbles,
    ground: height * 0.86,
    water: height * 0.62,
    air: height * 0.5,
    size: 420,
  }
}
