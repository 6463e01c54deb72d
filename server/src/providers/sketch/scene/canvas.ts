/**
 * What every part of a scene draws with. Lengths are in units: the short side of a picture is 1000 units,
 * whatever its pixels, so that a drawing looks the same at every size.
 */
import { type Hex, lighten, mix } from '../color.ts'
import { type Palette, toned } from '../palette.ts'
import type { Random } from '../random.ts'
import { type Defs, path } from '../svg.ts'

/** The few things a style changes while drawing; the rest of a style is done to the finished picture. */
export type Look = {
  /** Plain fills instead of gradients. */
  flat: boolean
  /** Every layer of land throws a soft shadow, as cut paper does. */
  shadows: boolean
  /** How much mist lies between the layers, 0…1. */
  mist: number
  /** Few things and much room. */
  sparse: boolean
}

export type Canvas = {
  width: number
  height: number
  defs: Defs
  palette: Palette
  look: Look
  random: Random
  /** A local colour as this picture's light shows it. */
  tone: (hex: Hex) => Hex
}

export const createCanvas = (parts: Omit<Canvas, 'tone'>): Canvas => ({
  ...parts,
  tone: (hex) => toned(parts.palette, hex),
})

/** A fill that is lit from above: a gradient, or the plain colour in flat styles. */
export const lit = (canvas: Canvas, hex: Hex, depth = 0.1): string =>
  canvas.look.flat
    ? hex
    : canvas.defs.linear(
        [
          [0, lighten(hex, depth * 0.5)],
          [1, lighten(hex, -depth)],
        ],
        18,
      )

/** A rounder light, for balls, heads and fruit. */
export const rounded = (canvas: Canvas, hex: Hex, depth = 0.1): string =>
  canvas.look.flat
    ? hex
    : canvas.defs.radial(
        [
          [0, lighten(hex, depth * 0.55)],
          [0.55, hex],
          [1, lighten(hex, -depth)],
        ],
        0.38,
        0.3,
      )

/** The colour of land at depth `t`: 0 is the horizon, 1 is at our feet. */
export const landAt = (canvas: Canvas, t: number): Hex => mix(canvas.palette.far, canvas.palette.near, t)

/** A layer of land or paper, with its shadow above the edge where the look wants one. */
export const layer = (canvas: Canvas, d: string, fill: string): string => {
  if (!canvas.look.shadows) return path(d, { fill })
  const shadow = [26, 17, 9, 4]
    .map((width) => path(d, { stroke: '#1a1030', width, alpha: 0.06, extra: 'transform="translate(0 -3)"' }))
    .join('')
  return shadow + path(d, { fill })
}

/** A soft shadow on the ground below something `width` units wide. */
export const groundShadow = (canvas: Canvas, x: number, y: number, width: number): string => {
  const dark = canvas.palette.night ? '#050816' : mix(canvas.palette.near, '#1c1830', 0.75)
  const fill = canvas.defs.radial([
    [0, dark, 0.42],
    [0.6, dark, 0.2],
    [1, dark, 0],
  ])
  return `<ellipse cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" rx="${(width * 0.62).toFixed(1)}" ry="${(width * 0.13).toFixed(1)}" fill="${fill}"/>`
}
