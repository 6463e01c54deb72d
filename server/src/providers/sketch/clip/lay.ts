/**
 * Lays a moved layer over a frame. The hot loops of a clip: whole numbers only (positions in 65536ths of a
 * sample, weights in 256ths), and nothing is allocated per pixel.
 */
import type { Layer } from './planes.ts'

/** Where a layer is in one frame: the screen is `x + scaleX * u`, with u in pixels of the whole layer. */
export type Pose = {
  x: number
  y: number
  scaleX: number
  scaleY: number
  /** Moves a row sideways: pixels of the layer, for the layer's row v. */
  rowShift?: ((v: number) => number) | undefined
  /** Moves a column up or down: pixels of the layer, one number for every column of the screen. */
  columnShift?: Float64Array | undefined
  /** Bends: a row's reach times a column's wave is a shift sideways. Columns of the screen. */
  bend?: { reach: (v: number) => number; wave: Float64Array } | undefined
  /** How bright each cell of the layer is, 0…256; cells are `1 << shift` pixels wide and high. */
  gain?: { cells: Uint16Array; across: number; shift: number } | undefined
}

const whole = 65536

/** The farthest that `columnShift` moves anything, in pixels of the layer. */
const farthest = 40

/** One row of the screen (luma or chroma samples) and where in the layer it is read. */
type Row = {
  /** Index of the row's first sample in its plane of the frame, and the columns to draw. */
  at: number
  from: number
  to: number
  /** Position in the layer's samples of column `from`, its step, and the row: in 65536ths. */
  u: number
  step: number
  v: number
  /** How far a whole wave bends this row, in 65536ths. */
  reach: number
}

/** The columns with cover in the rows around v. */
const spanAt = ({ spans, height }: Layer, v: number): [from: number, to: number] => {
  const middle = Math.max(0, Math.min(height - 1, Math.floor(v)))
  let [from, to] = [Number.MAX_SAFE_INTEGER, 0]
  for (let row = Math.max(0, middle - 2); row <= Math.min(height - 1, middle + 2); row += 1) {
    from = Math.min(from, spans[row * 2] as number)
    to = Math.max(to, spans[row * 2 + 1] as number)
  }
  return [from, to]
}

/** Calls `draw` for every row of the screen (of `halving` × `halving` pixels) that the layer touches. */
const eachRow = (
  screen: { width: number; height: number; hidden: number },
  layer: Layer,
  pose: Pose,
  halving: 1 | 2,
  draw: (row: Row) => void,
): void => {
  const width = screen.width / halving
  const height = Math.min(screen.height, screen.hidden) / halving
  const rows = layer.height / halving
  const slackV = 1 + (pose.columnShift === undefined ? 0 : farthest / halving)
  const row: Row = { at: 0, from: 0, to: 0, u: 0, step: whole / pose.scaleX, v: 0, reach: 0 }
  for (let y = 0; y < height; y += 1) {
    const v = ((y + 0.5) * halving - pose.y) / pose.scaleY
    const inLayer = (v - layer.top) / halving - 0.5
    if (inLayer < -slackV && !layer.touches.top) continue
    if (inLayer >= rows + slackV && !layer.touches.bottom) continue
    const shift = pose.rowShift === undefined ? 0 : pose.rowShift(v)
    const reach = pose.bend === undefined ? 0 : pose.bend.reach(v) / halving
    const u = ((0.5 * halving - pose.x) / pose.scaleX + shift - layer.left) / halving - 0.5
    row.from = 0
    row.to = width
    if (!layer.opaque) {
      const [a, b] = pose.columnShift === undefined ? spanAt(layer, inLayer * halving) : [0, layer.width]
      if (b <= a) continue
      const slack = 2 + Math.abs(reach)
      if (!layer.touches.left || a > 0)
        row.from = Math.max(0, Math.floor((a / halving - slack - u) * pose.scaleX))
      if (!layer.touches.right || b < layer.width)
        row.to = Math.min(width, Math.ceil((b / halving + slack - u) * pose.scaleX))
    }
    if (row.from >= row.to) continue
    row.at = y * width
    row.u = (u + row.from / pose.scaleX) * whole
    row.v = Math.round(inLayer * whole)
    row.reach = reach * whole
    draw(row)
  }
}

/** `old` seen through what leaves `keep` of 255, plus `light`: division by 255, rounded, exact for bytes. */
const through = (light: number, old: number, keep: number): number => {
  const t = old * keep + 128
  return light + ((t + (t >> 8)) >> 8)
}

/** Two bytes of a sample as the two halves of 32 bits. */
const apart = (sample: number): number => (sample & 255) | ((sample & 0xff00) << 8)

const layLuma = (frame: Uint8Array, layer: Layer, pose: Pose, row: Row): void => {
  const { luma } = layer
  const { columnShift, bend, gain } = pose
  const stride = layer.width
  const lastX = layer.width - 2
  const lastY = layer.height - 2
  const wave = bend?.wave
  let iy = row.v >> 16
  let wy = (row.v >> 8) & 255
  if (iy < 0) [iy, wy] = [0, 0]
  else if (iy > lastY) [iy, wy] = [lastY, 256]
  let u = row.u
  for (let x = row.from; x < row.to; x += 1, u += row.step) {
    const column = wave === undefined ? u | 0 : (u + row.reach * (wave[x] as number)) | 0
    let ix = column >> 16
    let wx = (column >> 8) & 255
    if (ix < 0) {
      ix = 0
      wx = 0
    } else if (ix > lastX) {
      ix = lastX
      wx = 256
    }
    if (columnShift !== undefined) {
      const v = (row.v + (columnShift[x] as number) * whole) | 0
      iy = v >> 16
      wy = (v >> 8) & 255
      if (iy < 0) {
        iy = 0
        wy = 0
      } else if (iy > lastY) {
        iy = lastY
        wy = 256
      }
    }
    const p = iy * stride + ix
    const q = p + stride
    const s00 = luma[p] as number
    const s10 = luma[p + 1] as number
    const s01 = luma[q] as number
    const s11 = luma[q + 1] as number
    // Most of many layers is empty (a few stars, a bird): that is found out first.
    if ((s00 | s10 | s01 | s11) < 256) continue
    const w11 = (wx * wy) >> 8
    const w10 = wx - w11
    const w01 = wy - w11
    const w00 = 256 - wx - w01
    // Luma and cover go through the four products together, each in its own half of 32 bits.
    const both =
      (Math.imul(apart(s00), w00) +
        Math.imul(apart(s10), w10) +
        Math.imul(apart(s01), w01) +
        Math.imul(apart(s11), w11) +
        0x800080) |
      0
    let light = (both >>> 8) & 255
    let cover = both >>> 24
    const o = row.at + x
    if (cover === 255 && gain === undefined) {
      frame[o] = light
      continue
    }
    if (gain !== undefined) {
      const cell = ((iy + layer.top) >> gain.shift) * gain.across + ((ix + layer.left) >> gain.shift)
      const g = gain.cells[cell] as number
      light = (light * g) >> 8
      cover = (cover * g) >> 8
    }
    frame[o] = through(light, frame[o] as number, 255 - cover)
  }
}

const layChroma = (
  frame: Uint8Array,
  planes: { u: number; v: number },
  layer: Layer,
  pose: Pose,
  row: Row,
): void => {
  const { chroma, opaque } = layer
  const { columnShift, bend, gain } = pose
  const across = layer.width / 2
  const stride = across * 3
  const lastX = across - 2
  const lastY = layer.height / 2 - 2
  for (let x = row.from, u = row.u; x < row.to; x += 1, u += row.step) {
    const column = (bend === undefined ? u : u + row.reach * (bend.wave[x * 2] as number)) | 0
    const line =
      columnShift === undefined ? row.v : (row.v + ((columnShift[x * 2] as number) * whole) / 2) | 0
    let ix = column >> 16
    let wx = (column >> 8) & 255
    if (ix < 0) {
      ix = 0
      wx = 0
    } else if (ix > lastX) {
      ix = lastX
      wx = 256
    }
    let iy = line >> 16
    let wy = (line >> 8) & 255
    if (iy < 0) {
      iy = 0
      wy = 0
    } else if (iy > lastY) {
      iy = lastY
      wy = 256
    }
    const p = iy * stride + ix * 3
    const q = p + stride
    const w11 = (wx * wy) >> 8
    const w10 = wx - w11
    const w01 = wy - w11
    const w00 = 256 - wx - w01
    let cover =
      ((chroma[p + 2] as number) * w00 +
        (chroma[p + 5] as number) * w10 +
        (chroma[q + 2] as number) * w01 +
        (chroma[q + 5] as number) * w11 +
        128) >>
      8
    if (cover === 0) continue
    let blue =
      ((chroma[p] as number) * w00 +
        (chroma[p + 3] as number) * w10 +
        (chroma[q] as number) * w01 +
        (chroma[q + 3] as number) * w11 +
        128) >>
      8
    let red =
      ((chroma[p + 1] as number) * w00 +
        (chroma[p + 4] as number) * w10 +
        (chroma[q + 1] as number) * w01 +
        (chroma[q + 4] as number) * w11 +
        128) >>
      8
    if (gain !== undefined) {
      const cell = ((iy * 2 + layer.top) >> gain.shift) * gain.across + ((ix * 2 + layer.left) >> gain.shift)
      const g = gain.cells[cell] as number
      blue = (blue * g) >> 8
      red = (red * g) >> 8
      cover = (cover * g) >> 8
    }
    const keep = opaque ? 0 : 255 - cover
    const o = row.at + x
    frame[planes.u + o] = through(blue, frame[planes.u + o] as number, keep)
    frame[planes.v + o] = through(red, frame[planes.v + o] as number, keep)
  }
}

/**
 * Lays a layer over a frame (planes Y, U and V one after the other). Rows from `screen.hidden` on are left
 * out: something else will cover them.
 */
export const lay = (
  frame: Uint8Array,
  screen: { width: number; height: number; hidden: number },
  layer: Layer,
  pose: Pose,
): void => {
  const u = screen.width * screen.height
  const planes = { u, v: u * 1.25 }
  eachRow(screen, layer, pose, 1, (row) => layLuma(frame, layer, pose, row))
  eachRow(screen, layer, pose, 2, (row) => layChroma(frame, planes, layer, pose, row))
}

/** The first row of the screen from which a layer hides everything behind it, to the bottom; even. */
export const hiddenBy = (layer: Layer, pose: Pose): number => {
  if (pose.gain !== undefined) return Number.POSITIVE_INFINITY
  const slack = pose.columnShift === undefined ? 2 : farthest
  return 2 * Math.ceil((pose.y + (layer.solid + slack) * pose.scaleY) / 2)
}
