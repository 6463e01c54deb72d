/**
 * What can be measured in a picture without knowing what it shows: colours, light, sharpness and where things
 * lie. All lightness is OKLab's, 0…1; all places are parts of the frame from its upper left corner, 0…1.
 */
import sharp from 'sharp'
import { ProviderError } from '../../../kernel/ports/provider.ts'
import { pixelToOklab } from '../color.ts'
import { type Dominant, distance, dominantColors, type Lab } from './dominant-colors.ts'

export type Measurement = {
  width: number
  height: number
  colors: Dominant[]
  /** Mean lightness, and what 5 and 95 of a hundred pixels lie below. */
  lightness: { mean: number; low: number; high: number }
  /** Parts of the picture that are nearly white and nearly black. */
  highlights: number
  shadows: number
  chroma: number
  /** From blue to orange: of all, of the lighter and of the darker part; above 0 is warm. */
  warmth: { all: number; lights: number; darks: number }
  /** How much lighter the right is than the left, the bottom than the top, the middle than the edges. */
  light: { toRight: number; toBottom: number; toMiddle: number }
  /** How much fine detail the sharpest tenth has, and the part of the frame that has next to none. */
  detail: { sharpest: number; median: number; emptyPart: number }
  /** Where the weight of the picture lies, and how far it spreads, 0…about 0.4. */
  weight: { x: number; y: number; spread: number }
  /** Parts of each border third that are empty. */
  empty: { left: number; right: number; top: number; bottom: number }
  /** Likeness of the two halves, -1…1. */
  symmetry: number
  /** A line that runs right through, such as a horizon or a table's edge; null when there is none. */
  horizon: number | null
  /** The way lines lead, when they agree on one. */
  lines: 'horizontal' | 'vertical' | 'rising' | 'falling' | null
  /** Whether the rim of the frame is one even colour, as in a studio. */
  plainBackground: Dominant | null
}

const COLOR_SIDE = 160
const DETAIL_SIDE = 512
const GRID = 12

/** @throws ProviderError rejected for what is no picture */
export const measure = async (bytes: Uint8Array): Promise<Measurement> => {
  try {
    const source = sharp(bytes, { limitInputPixels: 50_000_000 })
    const { width, height } = await source.metadata()
    const [color, gray] = await Promise.all([
      source
        .clone()
        .flatten({ background: '#ffffff' })
        .resize(COLOR_SIDE, COLOR_SIDE, { fit: 'inside' })
        .toColourspace('srgb')
        .removeAlpha()
        .raw()
        .toBuffer({ resolveWithObject: true }),
      source
        .clone()
        .flatten({ background: '#ffffff' })
        .resize(DETAIL_SIDE, DETAIL_SIDE, { fit: 'inside', withoutEnlargement: true })
        .toColourspace('b-w')
        .raw()
        .toBuffer({ resolveWithObject: true }),
    ])
    const channels = color.info.channels
    const plane = toPlane(color.data, color.info.width, color.info.height, channels)
    const tones = measureTones(plane)
    const detail = measureDetail(gray.data, gray.info.width, gray.info.height, gray.info.channels)
    return {
      width,
      height,
      ...tones,
      ...measurePlaces(plane, detail.grid),
      detail: detail.summary,
      lines: detail.lines,
    }
  } catch (cause) {
    if (cause instanceof ProviderError) throw cause
    throw new ProviderError('rejected', 'The picture cannot be read.', { cause })
  }
}

type Plane = { width: number; height: number; labs: Lab[]; mean: Lab }

const at = (plane: Plane, x: number, y: number): Lab => plane.labs[y * plane.width + x] ?? plane.mean

const meanOf = (labs: readonly Lab[]): Lab => {
  const sum = [0, 0, 0]
  for (const lab of labs) for (let i = 0; i < 3; i += 1) sum[i] = (sum[i] ?? 0) + (lab[i] ?? 0)
  return sum.map((one) => one / Math.max(1, labs.length)) as unknown as Lab
}

const toPlane = (data: Buffer, width: number, height: number, channels: number): Plane => {
  const labs: Lab[] = []
  for (let i = 0; i < width * height; i += 1) {
    const from = i * channels
    const [r = 0, g = 0, b = 0] =
      channels >= 3 ? [data[from], data[from + 1], data[from + 2]] : [data[from], data[from], data[from]]
    labs.push(pixelToOklab(r, g, b))
  }
  return { width, height, labs, mean: meanOf(labs) }
}

const quantile = (sorted: readonly number[], part: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0

/** Along the line from blue to orange; by yellow alone a lawn would be warm. */
const toWarmth = ([, a, b]: Lab): number => 0.5 * a + 0.866 * b

const measureTones = (plane: Plane) => {
  const { labs, mean } = plane
  const sorted = labs.map((lab) => lab[0]).sort((a, b) => a - b)
  const middle = quantile(sorted, 0.5)
  const share = (holds: (lab: Lab) => boolean): number => labs.filter(holds).length / labs.length
  const warmthOf = (holds: (lab: Lab) => boolean): number => toWarmth(meanOf(labs.filter(holds)))
  return {
    colors: dominantColors(labs, mean),
    lightness: { mean: mean[0], low: quantile(sorted, 0.05), high: quantile(sorted, 0.95) },
    highlights: share((lab) => lab[0] > 0.955),
    shadows: share((lab) => lab[0] < 0.22),
    chroma: labs.reduce((sum, lab) => sum + Math.sqrt(lab[1] * lab[1] + lab[2] * lab[2]), 0) / labs.length,
    warmth: {
      all: toWarmth(mean),
      lights: warmthOf((lab) => lab[0] >= middle),
      darks: warmthOf((lab) => lab[0] < middle),
    },
  }
}

type Detail = {
  grid: number[]
  summary: Measurement['detail']
  lines: Measurement['lines']
}

/** Detail by cell of a grid, as the mean of what differs from its neighbours, and the way edges run. */
const measureDetail = (data: Buffer, width: number, height: number, channels: number): Detail => {
  const value = (x: number, y: number): number => (data[(y * width + x) * channels] ?? 0) / 255
  const sums = new Array<number>(GRID * GRID).fill(0)
  const counts = new Array<number>(GRID * GRID).fill(0)
  let energy = 0
  let cosine = 0
  let sine = 0
  for (let y = 1; y < height - 1; y += 1) {
    const row = Math.floor((y / height) * GRID) * GRID
    for (let x = 1; x < width - 1; x += 1) {
      const dx = value(x + 1, y) - value(x - 1, y)
      const dy = value(x, y + 1) - value(x, y - 1)
      const around = value(x - 1, y) + value(x + 1, y) + value(x, y - 1) + value(x, y + 1)
      const cell = row + Math.floor((x / width) * GRID)
      sums[cell] = (sums[cell] ?? 0) + Math.abs(4 * value(x, y) - around)
      counts[cell] = (counts[cell] ?? 0) + 1
      const strength = dx * dx + dy * dy
      // Twice the angle, so that an edge and its back are one direction.
      energy += strength
      cosine += dx * dx - dy * dy
      sine += 2 * dx * dy
    }
  }
  const grid = sums.map((sum, index) => sum / Math.max(1, counts[index] ?? 1))
  const sorted = [...grid].sort((a, b) => a - b)
  const sharpest = quantile(sorted, 0.9)
  const quiet = quietLevel(sharpest)
  return {
    grid,
    summary: {
      sharpest,
      median: quantile(sorted, 0.5),
      emptyPart: grid.filter((one) => one < quiet).length / grid.length,
    },
    lines: leadingLines(energy, cosine, sine),
  }
}

/** Below this a cell has next to nothing in it: a fifth of the sharpest, or what noise of encoding amounts to. */
const quietLevel = (sharpest: number): number => Math.max(0.012, sharpest * 0.2)

const leadingLines = (energy: number, cosine: number, sine: number): Measurement['lines'] => {
  if (energy === 0 || Math.hypot(cosine, sine) / energy < 0.32) return null
  // The gradient stands across the line that it belongs to; y grows downwards.
  const across = ((Math.atan2(sine, cosine) / 2) * 180) / Math.PI
  if (Math.abs(across) < 20) return 'vertical'
  if (Math.abs(across) > 70) return 'horizontal'
  return across > 0 ? 'rising' : 'falling'
}

const measurePlaces = (plane: Plane, detail: readonly number[]) => {
  const cells = toCells(plane)
  const rim = cells.filter((_, index) => isRim(index))
  const rimMean = meanOf(rim.map(({ lab }) => lab))
  const background = plainBackground(plane)
  return {
    light: measureLight(cells),
    weight: measureWeight(cells, detail, rimMean),
    empty: measureEmpty(detail),
    symmetry: measureSymmetry(cells),
    horizon: findHorizon(plane),
    plainBackground: background,
  }
}

type Cell = { x: number; y: number; lab: Lab }

const isRim = (index: number): boolean => {
  const [column, row] = [index % GRID, Math.floor(index / GRID)]
  return column === 0 || row === 0 || column === GRID - 1 || row === GRID - 1
}

/** Mean colours of a grid, with the middles of its cells. */
const toCells = (plane: Plane): Cell[] => {
  const groups: Lab[][] = Array.from({ length: GRID * GRID }, () => [])
  for (let y = 0; y < plane.height; y += 1) {
    for (let x = 0; x < plane.width; x += 1) {
      const column = Math.floor((x / plane.width) * GRID)
      groups[Math.floor((y / plane.height) * GRID) * GRID + column]?.push(at(plane, x, y))
    }
  }
  return groups.map((labs, index) => ({
    x: ((index % GRID) + 0.5) / GRID,
    y: (Math.floor(index / GRID) + 0.5) / GRID,
    lab: labs.length > 0 ? meanOf(labs) : plane.mean,
  }))
}

/** A plane through the lightness of all cells, by least squares; on a regular grid the axes are independent. */
const measureLight = (cells: readonly Cell[]): Measurement['light'] => {
  const slope = (axis: 'x' | 'y'): number => {
    const top = cells.reduce((sum, cell) => sum + (cell[axis] - 0.5) * cell.lab[0], 0)
    const bottom = cells.reduce((sum, cell) => sum + (cell[axis] - 0.5) ** 2, 0)
    return top / bottom
  }
  const meanLightness = (holds: (cell: Cell) => boolean): number =>
    meanOf(cells.filter(holds).map(({ lab }) => lab))[0]
  const fromMiddle = (cell: Cell): number => Math.max(Math.abs(cell.x - 0.5), Math.abs(cell.y - 0.5))
  return {
    toRight: slope('x'),
    toBottom: slope('y'),
    toMiddle:
      meanLightness((cell) => fromMiddle(cell) < 0.25) - meanLightness((cell) => fromMiddle(cell) > 0.4),
  }
}

/** Detail weighs, and so does what differs from the rim of the frame. */
const measureWeight = (
  cells: readonly Cell[],
  detail: readonly number[],
  rimMean: Lab,
): Measurement['weight'] => {
  const most = Math.max(1e-6, ...detail)
  const weights = cells.map(({ lab }, index) => {
    const away = distance(lab, rimMean)
    // Squared, so that much of little does not outweigh little of much.
    return ((detail[index] ?? 0) / most + 3 * away) ** 2
  })
  const total = weights.reduce((sum, one) => sum + one, 0)
  if (total < 1e-9) return { x: 0.5, y: 0.5, spread: 0.4 }
  const mean = (pick: (cell: Cell) => number): number =>
    cells.reduce((sum, cell, index) => sum + pick(cell) * (weights[index] ?? 0), 0) / total
  const [x, y] = [mean((cell) => cell.x), mean((cell) => cell.y)]
  return { x, y, spread: Math.sqrt(mean((cell) => (cell.x - x) ** 2 + (cell.y - y) ** 2)) }
}

const measureEmpty = (detail: readonly number[]): Measurement['empty'] => {
  const quiet = quietLevel(
    quantile(
      [...detail].sort((a, b) => a - b),
      0.9,
    ),
  )
  const third = GRID / 3
  const part = (holds: (column: number, row: number) => boolean): number => {
    const inside = detail.filter((_, index) => holds(index % GRID, Math.floor(index / GRID)))
    return inside.filter((one) => one < quiet).length / Math.max(1, inside.length)
  }
  return {
    left: part((column) => column < third),
    right: part((column) => column >= GRID - third),
    top: part((_, row) => row < third),
    bottom: part((_, row) => row >= GRID - third),
  }
}

/** Correlation of each row with itself read backwards; what all rows have in common is left out. */
const measureSymmetry = (cells: readonly Cell[]): number => {
  let product = 0
  let square = 0
  for (let row = 0; row < GRID; row += 1) {
    const line = cells.slice(row * GRID, (row + 1) * GRID).map(({ lab }) => lab[0])
    const mean = line.reduce((sum, one) => sum + one, 0) / GRID
    for (let column = 0; column < GRID; column += 1) {
      const one = (line[column] ?? 0) - mean
      product += one * ((line[GRID - 1 - column] ?? 0) - mean)
      square += one * one
    }
  }
  // A picture whose rows are even is as symmetric as can be.
  return square / cells.length < 1e-4 ? 1 : product / square
}

/** From this difference of colour on, a change is one to see. */
const SEEN = 0.045

/** The row where nearly all columns change their colour together. */
const findHorizon = (plane: Plane): number | null => {
  const { width, height } = plane
  if (height < 40) return null
  const columns = Array.from({ length: 24 }, (_, index) => Math.floor(((index + 0.5) / 24) * width))
  const [first, last] = [Math.floor(height * 0.12), Math.ceil(height * 0.88)]
  const changes = columns.map((x) => {
    // Each row with the two below it, so that a speck or a thin wave is no line.
    const bands = Array.from({ length: height }, (_, y) =>
      meanOf([at(plane, x, y), at(plane, x, y + 1), at(plane, x, y + 2)]),
    )
    return bands.map((band, y) => (y < first || y > last ? 0 : distance(bands[y - 3] ?? band, band)))
  })
  let best = { y: 0, part: 0, strength: 0 }
  for (let y = first; y <= last; y += 1) {
    // A line is seldom level to the pixel.
    const here = changes.map((column) => Math.max(...column.slice(y - 1, y + 2)))
    const part = here.filter((one) => one > SEEN).length / columns.length
    const strength = here.reduce((sum, one) => sum + one, 0)
    if (part > 0.8 && strength > best.strength) best = { y, part, strength }
  }
  return best.part > 0 ? best.y / height : null
}

/** Two thirds of the rim within a hair of its own middle colour: paper, a wall, or nothing. */
const plainBackground = (plane: Plane): Dominant | null => {
  const { width, height } = plane
  const margin = Math.max(1, Math.round(Math.min(width, height) * 0.06))
  const rim = plane.labs.filter((_, index) => {
    const [x, y] = [index % width, Math.floor(index / width)]
    return x < margin || y < margin || x >= width - margin || y >= height - margin
  })
  const [main] = dominantColors(rim, meanOf(rim))
  if (!main) return null
  const mean = meanOf(rim)
  const away = rim.map((lab) => distance(lab, mean))
  return quantile(
    away.sort((a, b) => a - b),
    0.85,
  ) < 0.045
    ? main
    : null
}
