/** Lays a moved layer over a frame. The hot loop of a clip: integers only, nothing allocated per pixel. */
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

type Surface = {
  width: number
  height: number
  /** Where this plane of the frame starts, and its samples in the layer. */
  samples: Uint8Array
  channels: number
  stride: number
  rows: number
  halving: number
}

const whole = 65536

/** The columns with cover in the rows around v. */
const spanAt = ({ spans, height }: Layer, v: number): [from: number, to: number] => {
  let [from, to] = [Number.MAX_SAFE_INTEGER, 0]
  const middle = Math.floor(v)
  for (let row = Math.max(0, middle - 1); row <= Math.min(height - 1, middle + 2); row += 1) {
    from = Math.min(from, spans[row * 2] as number)
    to = Math.max(to, spans[row * 2 + 1] as number)
  }
  if (middle >= height) return [spans[height * 2 - 2] as number, spans[height * 2 - 1] as number]
  return middle < -1 ? [spans[0] as number, spans[1] as number] : [from, to]
}

/** Lays one plane (luma, or both chroma planes) of a layer. */
const layPlane = (
  frame: Uint8Array,
  at: number,
  next: number,
  layer: Layer,
  pose: Pose,
  on: Surface,
): void => {
  const { width, height, samples, channels, stride, rows, halving } = on
  const k = 1 / halving
  const [left, top] = [layer.left * k, layer.top * k]
  const { touches } = layer
  const stepU = whole / pose.scaleX
  const { rowShift, columnShift, bend, gain } = pose
  const twin = channels === 3
  const last = stride - 2
  const lastRow = rows - 2
  const row = stride * channels
  const margin = (columnShift === undefined ? 0 : 24) * k
  for (let y = 0; y < height; y += 1) {
    const v = ((y + 0.5) / k - pose.y) / pose.scaleY
    const vLayer = v * k - 0.5 - top
    if (vLayer < -1 - margin && !touches.top) continue
    if (vLayer >= rows + margin && !touches.bottom) continue
    const shift = rowShift === undefined ? 0 : rowShift(v)
    const reach = bend === undefined ? 0 : bend.reach(v) * k * whole
    const u0 = ((0.5 / k - pose.x) / pose.scaleX + shift) * k - 0.5 - left
    let from = 0
    let to = width
    if (!layer.opaque) {
      const [a, b] = columnShift === undefined ? spanAt(layer, vLayer / k) : [0, layer.width]
      if (b <= a) continue
      const slack = 2 + Math.abs(reach / whole)
      if (!touches.left || a > 0) from = Math.max(0, Math.floor((a * k - slack - u0) * pose.scaleX))
      if (!touches.right || b < layer.width)
        to = Math.min(width, Math.ceil((b * k + slack - u0) * pose.scaleX))
    }
    const rowFixed = Math.round(vLayer * whole)
    let u = Math.round((u0 + from / pose.scaleX) * whole)
    for (let x = from; x < to; x += 1, u += stepU) {
      const column = bend === undefined ? u : u + reach * (bend.wave[twin ? x * 2 : x] as number)
      let ix = column >> 16
      let wx = (column >> 8) & 255
      if (ix < 0) {
        ix = 0
        wx = 0
      } else if (ix > last) {
        ix = last
        wx = 256
      }
      const r =
        columnShift === undefined
          ? rowFixed
          : rowFixed + (columnShift[twin ? x * 2 : x] as number) * k * whole
      let iy = r >> 16
      let wy = (r >> 8) & 255
      if (iy < 0) {
        iy = 0
        wy = 0
      } else if (iy > lastRow) {
        iy = lastRow
        wy = 256
      }
      const p = iy * row + ix * channels
      const q = p + row
      const w11 = (wx * wy) >> 8
      const w10 = wx - w11
      const w01 = wy - w11
      const w00 = 256 - wx - w01
      const alphaAt = channels - 1
      let alpha = layer.opaque
        ? 255
        : ((samples[p + alphaAt] as number) * w00 +
            (samples[p + alphaAt + channels] as number) * w10 +
            (samples[q + alphaAt] as number) * w01 +
            (samples[q + alphaAt + channels] as number) * w11 +
            128) >>
          8
      if (alpha === 0) continue
      let first =
        ((samples[p] as number) * w00 +
          (samples[p + channels] as number) * w10 +
          (samples[q] as number) * w01 +
          (samples[q + channels] as number) * w11 +
          128) >>
        8
      let second = twin
        ? ((samples[p + 1] as number) * w00 +
            (samples[p + 1 + channels] as number) * w10 +
            (samples[q + 1] as number) * w01 +
            (samples[q + 1 + channels] as number) * w11 +
            128) >>
          8
        : 0
      if (gain !== undefined) {
        const cell =
          (((iy + top) * halving) >> gain.shift) * gain.across + (((ix + left) * halving) >> gain.shift)
        const g = gain.cells[cell] ?? 256
        alpha = (alpha * g) >> 8
        first = (first * g) >> 8
        second = (second * g) >> 8
      }
      const o = at + y * width + x
      const keep = 255 - alpha
      // Division by 255, rounded, exact for every product of two bytes.
      const t = (frame[o] as number) * keep + 128
      frame[o] = first + ((t + (t >> 8)) >> 8)
      if (twin) {
        const t2 = (frame[next + y * width + x] as number) * keep + 128
        frame[next + y * width + x] = second + ((t2 + (t2 >> 8)) >> 8)
      }
    }
  }
}

/** Lays a layer over a frame (planes Y, U and V one after the other). */
export const lay = (frame: Uint8Array, width: number, height: number, layer: Layer, pose: Pose): void => {
  layPlane(frame, 0, 0, layer, pose, {
    width,
    height,
    samples: layer.luma,
    channels: 2,
    stride: layer.width,
    rows: layer.height,
    halving: 1,
  })
  layPlane(frame, width * height, width * height * 1.25, layer, pose, {
    width: width / 2,
    height: height / 2,
    samples: layer.chroma,
    channels: 3,
    stride: layer.width / 2,
    rows: layer.height / 2,
    halving: 2,
  })
}
