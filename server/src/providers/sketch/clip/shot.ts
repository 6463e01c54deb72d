/** What the main thread and the worker of a clip say to one another. Everything here can be cloned. */
import type { Motion } from '../scene/plane.ts'

/** Red, green and blue, 0…255. */
export type Rgb = readonly [r: number, g: number, b: number]

/** How the camera travels: from one point to another, in shares of `reach` and `zoom`. */
export type Move = {
  from: { x: number; y: number; zoom: number }
  to: { x: number; y: number; zoom: number }
}

export type Shot = {
  /** Pixels, both even. */
  width: number
  height: number
  fps: number
  frames: number
  seed: number
  move: Move
  /** Where the eye rests, as shares of width and height: zooming keeps it in place. */
  focus: { x: number; y: number }
  /** Pixels of every layer, larger than the picture so that there is room to move. */
  layer: { width: number; height: number }
  /** The side of a pixel-art pixel, or 0: then nothing is scaled and everything moves by whole cells. */
  cell: number
  /** Whether the style lets bright things shine beyond their own shapes. */
  shines: boolean
  /** Colours for particles: light, and the leaves or petals of the scene. */
  glow: Rgb
  colors: Rgb[]
}

/** One layer as it is sent: the finished picture so far (three bytes a pixel), and where this layer covers it. */
export type LayerMessage = {
  type: 'layer'
  motion: Motion
  depth: number
  /** The picture with this layer on top, RGB. Absent for particles, which are drawn anew in every frame. */
  picture?: Uint8Array
  /** One byte a pixel; absent when the layer covers everything. */
  cover?: Uint8Array
}

export type ToWorker = LayerMessage | { type: 'render' }

export type FromWorker =
  | { type: 'ready' }
  | { type: 'progress'; share: number }
  /** `poster` is the first frame, RGB. */
  | { type: 'done'; file: Uint8Array; poster: Uint8Array }
  | { type: 'failed'; reason: string }
