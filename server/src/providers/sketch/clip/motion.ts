/** How a layer moves: the camera, and each part's own life. Times are seconds, lengths pixels of the screen. */
import { createRandom } from '../random.ts'
import type { Motion } from '../scene/plane.ts'
import type { Pose } from './lay.ts'
import type { Layer } from './planes.ts'
import type { Shot } from './shot.ts'

/** The camera at one moment: `x` and `y` in pixels that the subjects' plane has moved, zoom 0…1. */
export type Camera = { x: number; y: number; zoom: number }

/** How far the subjects' plane travels from the middle, as a share of the sides. */
const reach = 0.03
/** How much larger the subjects grow from zoom 0 to zoom 1, for a clip of five seconds. */
const zoomed = 0.13
/** Layers are shown this much larger than the whole picture at least, so that no edge comes into view. */
const closest = 0.93

const turn = Math.PI * 2

/** Starts and ends softly. */
const ease = (t: number): number => t * t * (3 - 2 * t)

const between = (from: number, to: number, t: number): number => from + (to - from) * t

/** Short clips travel less far, so that the camera is never hasty. */
const pace = (shot: Shot): number => Math.min(1.15, 0.5 + (shot.frames / shot.fps) * 0.1)

export const cameraAt = (shot: Shot, share: number): Camera => {
  const { from, to } = shot.move
  const [t, k] = [ease(share), pace(shot)]
  return {
    x: between(from.x, to.x, t) * k * reach * shot.width,
    y: between(from.y, to.y, t) * k * reach * shot.height,
    zoom: between(from.zoom, to.zoom, t) * k,
  }
}

/** Where a depth is on the screen: far planes follow the camera less. */
export const seen = (shot: Shot, camera: Camera, depth: number): { x: number; y: number; scale: number } => {
  const follow = 0.2 + 0.8 * depth
  const scale =
    shot.cell > 0 ? 1 : closest * (1 + 0.012 * depth + camera.zoom * zoomed * (0.25 + 0.75 * depth))
  return {
    x: shot.focus.x * (shot.width - shot.layer.width * scale) + camera.x * follow,
    y: shot.focus.y * (shot.height - shot.layer.height * scale) + camera.y * follow,
    scale,
  }
}

/** A part's own movement: moved, and scaled around a point of the layer. */
type Life = {
  dx?: number
  dy?: number
  growX?: number
  growY?: number
  aroundX?: number
  aroundY?: number
} & Pick<Pose, 'rowShift' | 'columnShift' | 'bend' | 'gain'>

type Moment = { shot: Shot; layer: Layer; t: number; unit: number; phase: number }

const columns = (width: number, at: (x: number) => number): Float64Array =>
  Float64Array.from({ length: width }, (_, x) => at(x))

/** Spots far apart shine by turns, between `low` and 1: slow waves at the knots of a wide net, smooth between. */
const flicker = ({ shot, t, unit, layer }: Moment, low: number, quick: number): Pose['gain'] => {
  const shift = Math.max(2, Math.round(Math.log2(7 * unit)))
  const across = (shot.layer.width >> shift) + 1
  const down = (shot.layer.height >> shift) + 1
  const apart = 6
  const knots = Math.ceil(across / apart) + 2
  const random = createRandom(shot.seed ^ Math.round(layer.depth * 1000))
  const waves = Float64Array.from({ length: knots * (Math.ceil(down / apart) + 2) }, () => {
    const [speed, phase] = [random.between(0.5, 1.4) * quick, random.between(0, turn)]
    return low + (1 - low) * (0.5 + 0.5 * Math.sin(t * speed + phase))
  })
  const cells = new Uint16Array(across * down)
  for (let y = 0; y < down; y += 1) {
    const [row, fy] = [Math.floor(y / apart), (y % apart) / apart]
    for (let x = 0; x < across; x += 1) {
      const [i, fx] = [row * knots + Math.floor(x / apart), (x % apart) / apart]
      const top = between(waves[i] as number, waves[i + 1] as number, fx)
      const foot = between(waves[i + knots] as number, waves[i + knots + 1] as number, fx)
      cells[y * across + x] = Math.round(256 * between(top, foot, fy))
    }
  }
  return { cells, across, shift }
}

const evenly = (share: number): Pose['gain'] => ({
  cells: Uint16Array.of(Math.round(256 * share)),
  across: 0,
  shift: 30,
})

const still = (): Life => ({})

const lives: Partial<Record<Motion, (moment: Moment) => Life>> = {
  twinkle: (moment) => ({ gain: flicker(moment, 0.25, 3.2) }),
  glint: (moment) => ({
    dx: 7 * moment.unit * Math.sin(moment.t * 0.9),
    gain: flicker(moment, 0.15, 3.6),
  }),
  drift: ({ shot, t, unit, phase, layer }) => ({
    dx: (phase > Math.PI ? 1 : -1) * (t - shot.frames / shot.fps / 2) * (6 + 6 * layer.depth) * unit,
  }),
  flock: ({ shot, t, unit, phase }) => ({
    dx: (phase > Math.PI ? 1 : -1) * (t - shot.frames / shot.fps / 2) * 15 * unit,
    dy: 6 * unit * Math.sin(t * 1.3 + phase),
  }),
  aurora: ({ shot, t, unit }) => ({
    gain: evenly(0.86 + 0.14 * Math.sin(t * 0.9)),
    rowShift: (v) => 16 * unit * Math.sin(v / (150 * unit) + t * 0.7),
    columnShift: columns(shot.width, (x) => 14 * unit * Math.sin(x / (130 * unit) + t * 0.9)),
  }),
  rays: ({ t, unit, phase }) => ({
    gain: evenly(0.68 + 0.32 * Math.sin(t * 0.8 + phase)),
    dx: 16 * unit * Math.sin(t * 0.45),
  }),
  swell: ({ shot, t, unit, phase, layer }) => ({
    dx: (8 + 8 * layer.depth) * unit * Math.sin((t * turn) / 5.2 + phase),
    dy: (1 + 3.5 * layer.depth) * unit * Math.sin((t * turn) / 3.9 + phase),
    columnShift: columns(
      shot.width,
      (x) => (0.8 + 2.4 * layer.depth) * unit * Math.sin(x / (74 * unit) + t * 1.7 + phase),
    ),
  }),
  sway: ({ shot, t, unit, layer, phase }) => {
    const foot = layer.top + layer.height
    const tall = Math.min(layer.height, 420 * unit)
    return {
      bend: {
        reach: (v) => Math.min(1.4, Math.max(0, (foot - v) / tall)) ** 1.5 * Math.min(13 * unit, tall * 0.08),
        wave: columns(
          shot.width,
          (x) =>
            0.75 * Math.sin(t * 1.5 + x / (330 * unit) + phase) + 0.25 * Math.sin(t * 3.1 + x / (90 * unit)),
        ),
      },
    }
  },
  breathe: ({ t, layer, phase }) => {
    const breath = Math.sin((t * turn) / 3.1 + phase)
    return {
      growX: 1 - 0.003 * breath,
      growY: 1 + 0.0085 * breath,
      aroundX: layer.left + layer.width / 2,
      aroundY: layer.top + layer.height,
    }
  },
  bob: ({ t, unit, layer, phase }) => {
    const middle = layer.top + layer.height / 2
    const lean = 0.016 * Math.sin((t * turn) / 5.3 + phase)
    return {
      dx: 5 * unit * Math.sin((t * turn) / 6.1 + phase),
      dy: 10 * unit * Math.sin((t * turn) / 4.3 + phase * 2),
      rowShift: (v) => (v - middle) * lean,
    }
  },
  float: ({ t, unit, layer, phase }) => {
    const foot = layer.top + layer.height
    const lean = (layer.height < 140 * unit ? 0.01 : 0.024) * Math.sin((t * turn) / 4.6 + phase)
    return {
      dy: 4.5 * unit * Math.sin((t * turn) / 3.4 + phase),
      rowShift: (v) => (v - foot) * lean,
    }
  },
  flutter: ({ t, unit, layer, phase }) => ({
    growX: 0.5 + 0.5 * Math.abs(Math.cos(t * 5.4 + phase)),
    aroundX: layer.left + layer.width / 2,
    dx: 26 * unit * Math.sin(t * 0.9 + phase),
    dy: 17 * unit * Math.sin(t * 1.5 + phase) + 5 * unit * Math.cos(t * 10.8 + 2 * phase),
  }),
  flow: ({ shot, t, unit }) => ({
    rowShift: (v) => 11 * unit * Math.sin(v / (190 * unit) + t * 0.8),
    columnShift: columns(
      shot.width,
      (x) => 9 * unit * Math.sin(x / (230 * unit) + t * 0.65) + 4 * unit * Math.sin(x / (90 * unit) - t),
    ),
  }),
  sweep: ({ shot, t }) => {
    const share = (t * shot.fps) / shot.frames
    return { dx: (share - 0.5) * 0.7 * shot.width, gain: evenly(0.35 + 0.65 * Math.sin(Math.PI * share)) }
  },
}

const snap = (value: number, cell: number): number => Math.round(value / cell) * cell

/** Where a layer is at time `t`. Pixel art moves by whole cells and neither scales nor bends. */
export const poseOf = (shot: Shot, layer: Layer, index: number, camera: Camera, t: number): Pose => {
  if (layer.motion === 'fixed') {
    const [scaleX, scaleY] = [shot.width / shot.layer.width, shot.height / shot.layer.height]
    return { x: 0, y: 0, scaleX, scaleY }
  }
  const unit = Math.min(shot.width, shot.height) / 1000
  const phase = createRandom(shot.seed + index * 7919).between(0, turn)
  const life = (lives[layer.motion] ?? still)({ shot, layer, t, unit, phase })
  const { x, y, scale } = seen(shot, camera, layer.depth)
  const { dx = 0, dy = 0 } = life
  if (shot.cell > 0) {
    return {
      x: snap(x + dx, shot.cell),
      y: snap(y + dy, shot.cell),
      scaleX: 1,
      scaleY: 1,
      gain: life.gain,
    }
  }
  const { growX = 1, growY = 1, aroundX = 0, aroundY = 0, ...bends } = life
  return {
    x: x + dx + scale * aroundX * (1 - growX),
    y: y + dy + scale * aroundY * (1 - growY),
    scaleX: scale * growX,
    scaleY: scale * growY,
    rowShift: bends.rowShift,
    columnShift: bends.columnShift,
    bend: bends.bend,
    gain: bends.gain,
  }
}
