/**
 * Small builders of SVG text. Only numbers and colours made in this folder ever pass through them: the
 * prompt's words are never written into a drawing, so there is nothing to escape.
 */
import type { Hex } from './color.ts'

export type Point = readonly [x: number, y: number]

/** A number short enough for a path: at most one decimal. */
export const n = (value: number): string => String(Math.round(value * 10) / 10)

export type Paint = {
  fill?: string
  stroke?: string
  width?: number
  /** Opacity of the fill and the stroke (cheaper for the renderer than `opacity`, which needs a layer). */
  alpha?: number
  extra?: string
}

const paint = ({ fill, stroke, width, alpha, extra }: Paint): string => {
  const parts = [`fill="${fill ?? 'none'}"`]
  if (stroke !== undefined) {
    parts.push(
      `stroke="${stroke}" stroke-width="${n(width ?? 3)}" stroke-linecap="round" stroke-linejoin="round"`,
    )
  }
  if (alpha !== undefined && alpha < 1) {
    const value = Math.round(alpha * 100) / 100
    if (fill !== undefined) parts.push(`fill-opacity="${value}"`)
    if (stroke !== undefined) parts.push(`stroke-opacity="${value}"`)
  }
  if (extra !== undefined) parts.push(extra)
  return parts.join(' ')
}

export const path = (d: string, style: Paint): string => `<path d="${d}" ${paint(style)}/>`

export const circle = (x: number, y: number, r: number, style: Paint): string =>
  `<circle cx="${n(x)}" cy="${n(y)}" r="${n(r)}" ${paint(style)}/>`

export const ellipse = (x: number, y: number, rx: number, ry: number, style: Paint, turn = 0): string =>
  `<ellipse cx="${n(x)}" cy="${n(y)}" rx="${n(rx)}" ry="${n(ry)}"${
    turn === 0 ? '' : ` transform="rotate(${n(turn)} ${n(x)} ${n(y)})"`
  } ${paint(style)}/>`

export const rect = (x: number, y: number, w: number, h: number, style: Paint, round = 0): string =>
  `<rect x="${n(x)}" y="${n(y)}" width="${n(w)}" height="${n(h)}"${
    round === 0 ? '' : ` rx="${n(round)}"`
  } ${paint(style)}/>`

/** Moves, scales and turns (degrees) what is inside; `flip` mirrors it, `squash` stretches only its height. */
export const place = (
  inside: string,
  at: { x: number; y: number; scale?: number; turn?: number; flip?: boolean; squash?: number },
): string => {
  const three = (value: number): number => Math.round(value * 1000) / 1000
  const scale = at.scale ?? 1
  const turn = at.turn === undefined ? '' : ` rotate(${n(at.turn)})`
  const across = three(at.flip === true ? -scale : scale)
  const down = three(scale * (at.squash ?? 1))
  return `<g transform="translate(${n(at.x)} ${n(at.y)})${turn} scale(${across} ${down})">${inside}</g>`
}

/** A circle as path data, so that hundreds of dots can share one element. */
export const dot = (x: number, y: number, r: number): string =>
  `M${n(x - r)} ${n(y)}a${n(r)} ${n(r)} 0 1 0 ${n(2 * r)} 0a${n(r)} ${n(r)} 0 1 0 ${n(-2 * r)} 0z`

const at = (points: readonly Point[], i: number): Point => points[i] ?? [0, 0]

/** A smooth curve (Catmull-Rom as Béziers) through the points, closed or open. */
export const smooth = (points: readonly Point[], closed: boolean): string => {
  const count = points.length
  if (count < 3) return points.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${n(x)} ${n(y)}`).join('')
  const index = (i: number): number => (closed ? (i + count) % count : Math.min(count - 1, Math.max(0, i)))
  const [startX, startY] = at(points, 0)
  let d = `M${n(startX)} ${n(startY)}`
  const last = closed ? count : count - 1
  for (let i = 0; i < last; i += 1) {
    const [x0, y0] = at(points, index(i - 1))
    const [x1, y1] = at(points, index(i))
    const [x2, y2] = at(points, index(i + 1))
    const [x3, y3] = at(points, index(i + 2))
    d += `C${n(x1 + (x2 - x0) / 6)} ${n(y1 + (y2 - y0) / 6)} ${n(x2 - (x3 - x1) / 6)} ${n(y2 - (y3 - y1) / 6)} ${n(x2)} ${n(y2)}`
  }
  return closed ? `${d}z` : d
}

/** Straight lines through the points. */
export const straight = (points: readonly Point[], closed: boolean): string =>
  points.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${n(x)} ${n(y)}`).join('') + (closed ? 'z' : '')

export type Stop = readonly [offset: number, color: Hex, alpha?: number]

const stops = (list: readonly Stop[]): string =>
  list
    .map(
      ([offset, color, alpha]) =>
        `<stop offset="${Math.round(offset * 1000) / 1000}" stop-color="${color}"${
          alpha === undefined ? '' : ` stop-opacity="${Math.round(alpha * 100) / 100}"`
        }/>`,
    )
    .join('')

/** The definitions of one drawing; each call returns a paint (`url(#…)`) to use as a fill. */
export type Defs = {
  /** From top to bottom of the shape that is filled; `angle` in degrees turns it (90 is left to right). */
  linear: (list: readonly Stop[], angle?: number) => string
  /** From the middle of the shape outwards; `cx` and `cy` move the middle, in fractions of the shape. */
  radial: (list: readonly Stop[], cx?: number, cy?: number) => string
  clip: (d: string) => string
  text: () => string
}

export const createDefs = (): Defs => {
  const seen = new Map<string, string>()
  const add = (build: (id: string) => string, key: string): string => {
    const known = seen.get(key)
    if (known !== undefined) return known.slice(0, known.indexOf('|'))
    const id = `d${seen.size}`
    seen.set(key, `${id}|${build(id)}`)
    return id
  }
  return {
    linear: (list, angle = 0) => {
      const radians = (angle * Math.PI) / 180
      const dx = Math.round(Math.sin(radians) * 500) / 1000
      const dy = Math.round(Math.cos(radians) * 500) / 1000
      const body = stops(list)
      const line = `x1="${0.5 - dx}" y1="${0.5 - dy}" x2="${0.5 + dx}" y2="${0.5 + dy}"`
      return `url(#${add((id) => `<linearGradient id="${id}" ${line}>${body}</linearGradient>`, `l${line}${body}`)})`
    },
    radial: (list, cx = 0.5, cy = 0.5) => {
      const body = stops(list)
      const middle = `cx="${cx}" cy="${cy}" r="${cx === 0.5 && cy === 0.5 ? 0.5 : 0.75}"`
      return `url(#${add((id) => `<radialGradient id="${id}" ${middle}>${body}</radialGradient>`, `r${middle}${body}`)})`
    },
    clip: (d) =>
      `clip-path="url(#${add((id) => `<clipPath id="${id}"><path d="${d}"/></clipPath>`, `c${d}`)})"`,
    text: () =>
      `<defs>${[...seen.values()].map((entry) => entry.slice(entry.indexOf('|') + 1)).join('')}</defs>`,
  }
}
