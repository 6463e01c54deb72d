/**
 * Everything that is drawn anew in every frame: snow, rain, petals, fireflies, bubbles, dust in the light and
 * fireworks. Each particle's whole path follows from its seed and the time, so that no state is kept.
 */
import { createRandom, type Random } from '../random.ts'
import type { Motion, Particles } from '../scene/plane.ts'
import { type Camera, seen } from './motion.ts'
import { toYuv, type Yuv } from './planes.ts'
import type { Rgb, Shot } from './shot.ts'

/** An ellipse, turned; `soft` ones fade from the middle outwards, the others have an edge of one pixel. */
type Spot = {
  x: number
  y: number
  long: number
  wide: number
  /** Radians from the x axis to the long axis. */
  angle?: number
  color: Yuv
  alpha: number
  soft?: boolean
}

type Frame = { data: Uint8Array; width: number; height: number; cell: number }

const mixInto = (data: Uint8Array, at: number, value: number, alpha: number): void => {
  const old = data[at] as number
  data[at] = old + (value - old) * alpha + 0.5
}

/** Goes over one plane; `k` is 1 for luma and 2 for chroma, whose samples are twice as far apart. */
const paintPlane = (frame: Frame, spot: Spot, k: 1 | 2): void => {
  const [width, height] = [frame.width / k, frame.height / k]
  const uAt = frame.width * frame.height
  const vAt = uAt * 1.25
  const [x, y] = [spot.x / k, spot.y / k]
  const [long, wide] = [Math.max(spot.long, 0.35) / k, Math.max(spot.wide, 0.35) / k]
  const [cos, sin] = [Math.cos(spot.angle ?? 0), Math.sin(spot.angle ?? 0)]
  const edge = Math.min(long, wide)
  const farX = Math.hypot(long * cos, wide * sin) + 1
  const farY = Math.hypot(long * sin, wide * cos) + 1
  const right = Math.min(width - 1, Math.ceil(x + farX))
  const bottom = Math.min(height - 1, Math.ceil(y + farY))
  for (let py = Math.max(0, Math.floor(y - farY)); py <= bottom; py += 1) {
    for (let px = Math.max(0, Math.floor(x - farX)); px <= right; px += 1) {
      const [dx, dy] = [px + 0.5 - x, py + 0.5 - y]
      const a = (dx * cos + dy * sin) / long
      const b = (dy * cos - dx * sin) / wide
      const distance = a * a + b * b
      const cover =
        spot.soft === true
          ? distance >= 1
            ? 0
            : (1 - distance) * (1 - distance)
          : Math.min(1, (1 - Math.sqrt(distance)) * edge + 0.5)
      if (cover <= 0) continue
      const alpha = cover * spot.alpha
      const i = py * width + px
      if (k === 1) mixInto(frame.data, i, spot.color[0], alpha)
      else {
        mixInto(frame.data, uAt + i, spot.color[1], alpha)
        mixInto(frame.data, vAt + i, spot.color[2], alpha)
      }
    }
  }
}

/** A spot as pixel art shows it: whole cells. */
const paintCells = (frame: Frame, spot: Spot): void => {
  const { cell, width, height, data } = frame
  const share = spot.soft === true ? 0.35 : 1
  const side = Math.max(1, Math.round((2 * share * Math.sqrt(spot.long * spot.wide)) / cell))
  const [left, top] = [Math.floor(spot.x / cell) * cell, Math.floor(spot.y / cell) * cell]
  const right = Math.min(width, left + side * cell)
  const bottom = Math.min(height, top + side * cell)
  const uAt = width * height
  for (let y = Math.max(0, top); y < bottom; y += 1) {
    for (let x = Math.max(0, left); x < right; x += 1) {
      mixInto(data, y * width + x, spot.color[0], spot.alpha)
      if (x % 2 === 1 || y % 2 === 1) continue
      const c = (y / 2) * (width / 2) + x / 2
      mixInto(data, uAt + c, spot.color[1], spot.alpha)
      mixInto(data, uAt * 1.25 + c, spot.color[2], spot.alpha)
    }
  }
}

const paint = (frame: Frame, spot: Spot): void => {
  if (spot.alpha < 0.004) return
  if (frame.cell > 0) paintCells(frame, spot)
  else {
    paintPlane(frame, spot, 1)
    paintPlane(frame, spot, 2)
  }
}

type Air = {
  /** Screen in pixels, and the length of a thousandth of its short side. */
  width: number
  height: number
  unit: number
  t: number
  light: Yuv
  colors: readonly Yuv[]
}

/** Comes in again on the other side, out of sight. */
const wrap = (value: number, size: number, margin: number): number => {
  const span = size + 2 * margin
  return ((((value + margin) % span) + span) % span) - margin
}

const white: Yuv = toYuv([255, 255, 255])

const pick = (air: Air, random: Random): Yuv =>
  air.colors[Math.floor(random.next() * air.colors.length)] ?? white

/** About how many particles for one on every `area` square units. */
const amount = ({ width, height, unit }: Air, area: number, most: number): number =>
  Math.min(most, Math.round((width * height) / (unit * unit) / area))

type Draw = (air: Air, random: Random, put: (spot: Spot) => void) => void

const snow: Draw = (air, random, put) => {
  const { width, height, unit, t } = air
  for (let i = 0; i < amount(air, 5200, 340); i += 1) {
    const near = random.next() ** 2.2
    const size = (1.6 + near * 7) * unit
    const [x0, y0, phase] = [random.next() * width, random.next() * height, random.between(0, 6.3)]
    const y = wrap(y0 + t * (55 + near * 130) * unit, height, 20 * unit)
    const x = wrap(
      x0 + t * (8 + near * 22) * unit + Math.sin(t * (0.8 + near) + phase) * (9 + near * 16) * unit,
      width,
      30 * unit,
    )
    const alpha = 0.6 + near * 0.3
    put({ x, y, long: size, wide: size, color: white, alpha })
    if (near > 0.55) put({ x, y, long: size * 2.1, wide: size * 2.1, color: white, alpha: 0.2, soft: true })
  }
}

const rain: Draw = (air, random, put) => {
  const { width, height, unit, t } = air
  const angle = Math.atan2(1, -0.22)
  for (let i = 0; i < amount(air, 4600, 340); i += 1) {
    const near = random.next() ** 1.6
    const long = (11 + near * 22) * unit
    const fall = t * (950 + near * 900) * unit
    const y = wrap(random.next() * height + fall, height, 50 * unit)
    const x = wrap(random.next() * width - fall * 0.22, width, 50 * unit)
    put({ x, y, long, wide: (0.7 + near * 0.7) * unit, angle, color: white, alpha: 0.2 + near * 0.28 })
  }
}

const falling =
  (leaves: boolean): Draw =>
  (air, random, put) => {
    const { width, height, unit, t } = air
    for (let i = 0; i < amount(air, 21000, 90); i += 1) {
      const near = random.next()
      const size = (6 + near * 8) * unit * (leaves ? 1.25 : 1)
      const color = pick(air, random)
      const [x0, y0, phase, spin] = [
        random.next() * width,
        random.next() * height,
        random.between(0, 6.3),
        random.between(0.7, 1.8) * (random.chance(0.5) ? 1 : -1),
      ]
      const swing = Math.sin(t * 1.3 + phase)
      const y = wrap(y0 + t * (46 + near * 70) * unit + swing * 6 * unit, height, 30 * unit)
      const x = wrap(x0 + t * (22 + near * 30) * unit + swing * 30 * unit, width, 40 * unit)
      const tumble = 0.22 + 0.78 * Math.abs(Math.cos(t * spin * 1.3 + phase * 2))
      const angle = phase + t * spin
      put({ x, y, long: size, wide: size * 0.58 * tumble, angle, color, alpha: 0.92 })
    }
  }

const fireflies: Draw = (air, random, put) => {
  const { width, height, unit, t } = air
  const glow = toYuv([246, 226, 122])
  const core = toYuv([255, 253, 224])
  for (let i = 0; i < 34; i += 1) {
    const [x0, y0] = [random.next() * width, height * random.between(0.36, 0.97)]
    const [a, b, phase] = [random.between(0.4, 0.9), random.between(0.5, 1.1), random.between(0, 6.3)]
    const size = random.between(13, 25) * unit
    const x = x0 + (Math.sin(t * a + phase) * 46 + Math.sin(t * b * 2 + phase) * 14) * unit
    const y = y0 + (Math.cos(t * b + phase) * 30 + Math.sin(t * a * 1.7) * 10) * unit
    const pulse = Math.max(0, 0.45 + 0.55 * Math.sin(t * random.between(1.4, 2.6) + phase))
    put({ x, y, long: size, wide: size, color: glow, alpha: 0.75 * pulse, soft: true })
    put({ x, y, long: 2.8 * unit, wide: 2.8 * unit, color: core, alpha: pulse })
  }
}

const bubbles: Draw = (air, random, put) => {
  const { width, height, unit, t } = air
  for (let i = 0; i < 30; i += 1) {
    const r = random.between(3, 13) * unit
    const [x0, y0, phase] = [random.next() * width, random.next() * height, random.between(0, 6.3)]
    const y = wrap(y0 - t * (34 * unit + r * 5), height, 20 * unit)
    const x = x0 + Math.sin(t * 1.6 + phase) * 9 * unit
    put({ x, y, long: r, wide: r, color: white, alpha: 0.2 })
    put({ x, y, long: r * 0.94, wide: r * 0.94, color: white, alpha: 0.12, soft: true })
    const shine = { color: white, alpha: 0.8, long: r * 0.26, wide: r * 0.18, angle: -0.7 }
    put({ x: x - r * 0.4, y: y - r * 0.42, ...shine })
  }
}

const motes: Draw = (air, random, put) => {
  const { width, height, unit, t } = air
  for (let i = 0; i < amount(air, 42000, 44); i += 1) {
    const near = random.next() ** 2
    const r = (3 + near * 13) * unit
    const [x0, y0, phase] = [random.next() * width, random.next() * height, random.between(0, 6.3)]
    const y = wrap(y0 - t * (7 + near * 16) * unit, height, 30 * unit)
    const x = wrap(x0 + t * 6 * unit + Math.sin(t * 0.6 + phase) * 16 * unit, width, 30 * unit)
    const alpha = (0.5 - near * 0.26) * (0.5 + 0.5 * Math.sin(t * random.between(0.7, 1.5) + phase))
    put({ x, y, long: r, wide: r, color: air.light, alpha, soft: true })
  }
}

const fireworks: Draw = (air, random, put) => {
  const { width, height, unit, t } = air
  const period = 3.4
  for (let burst = 0; burst < 7; burst += 1) {
    const start = (burst / 7) * period + random.between(-0.2, 0.2)
    const round = Math.floor((t - start) / period + 1)
    const age = t - start + period - round * period
    const own = createRandom(Math.floor(random.next() * 1e9) + round * 7717)
    const [x, y] = [width * own.between(0.08, 0.92), height * own.between(0.08, 0.4)]
    const r = own.between(90, 190) * unit
    const color = air.colors[own.int(0, Math.max(0, air.colors.length - 1))] ?? white
    const spread = 1 - (1 - Math.min(1, age / 1.5)) ** 3
    const fade = Math.max(0, 1 - age / 2.3) ** 1.3
    const flash = Math.max(0, 1 - age / 0.9)
    put({ x, y, long: r * 1.5, wide: r * 1.5, color, alpha: 0.34 * fade * (0.4 + flash), soft: true })
    for (let i = 0; i < 44; i += 1) {
      const angle = (i / 44) * Math.PI * 2 + own.between(-0.05, 0.05)
      const far = r * (i % 2 === 0 ? 1 : 0.64) * own.between(0.9, 1.06)
      const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
      for (let tail = 0; tail < 4; tail += 1) {
        const reach = far * Math.max(0, spread - tail * 0.06 * (1.2 - spread))
        const drop = 26 * unit * age * age
        const size = (3.1 - tail * 0.55) * unit
        put({
          x: x + cos * reach,
          y: y + sin * reach + drop,
          long: size * 1.5,
          wide: size,
          angle,
          color: tail === 0 ? white : color,
          alpha: fade * (1 - tail * 0.2),
        })
      }
    }
  }
}

const draws: Record<Particles, Draw> = {
  snow,
  rain,
  petals: falling(false),
  leaves: falling(true),
  fireflies,
  bubbles,
  fireworks,
  motes,
}

export const isParticles = (motion: Motion): motion is Particles => motion in draws

const petalColors: readonly Rgb[] = [
  [249, 198, 212],
  [251, 221, 229],
  [245, 168, 190],
]

/** Draws one frame's particles. They are carried along by the camera as a plane of their depth would be. */
export const drawParticles = (
  data: Uint8Array,
  shot: Shot,
  camera: Camera,
  kind: Particles,
  depth: number,
  t: number,
): void => {
  const { width, height, cell } = shot
  const rest = seen(shot, { x: 0, y: 0, zoom: 0 }, depth)
  const now = seen(shot, camera, depth)
  const grown = now.scale / rest.scale
  const frame = { data, width, height, cell }
  const air: Air = {
    width,
    height,
    unit: Math.min(width, height) / 1000,
    t,
    light: toYuv(shot.glow),
    colors: (kind === 'petals' ? petalColors : shot.colors).map(toYuv),
  }
  const [focusX, focusY] = [shot.focus.x * width, shot.focus.y * height]
  const put = (spot: Spot): void =>
    paint(frame, {
      ...spot,
      x: focusX + (spot.x - focusX) * grown + camera.x * (0.2 + 0.8 * depth) * 0.6,
      y: focusY + (spot.y - focusY) * grown + camera.y * (0.2 + 0.8 * depth) * 0.6,
    })
  draws[kind](air, createRandom(shot.seed ^ 0x51ed), put)
}
