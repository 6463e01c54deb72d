/**
 * Colour arithmetic in OKLCH, where equal steps look equal (Björn Ottosson, "A perceptual color space for
 * image processing", 2020). Colours travel as `#rrggbb`; lightness is 0…1, chroma about 0…0.37, hue degrees.
 */

export type Hex = string
export type Oklch = { l: number; c: number; h: number }

const clamp = (value: number, low = 0, high = 1): number => Math.min(high, Math.max(low, value))

const toLinear = (channel: number): number =>
  channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4

const toGamma = (channel: number): number =>
  channel <= 0.0031308 ? channel * 12.92 : 1.055 * channel ** (1 / 2.4) - 0.055

type Triple = [number, number, number]

const hexToRgb = (hex: Hex): Triple => {
  const value = Number.parseInt(hex.slice(1, 7), 16)
  return [(value >> 16) / 255, ((value >> 8) & 255) / 255, (value & 255) / 255]
}

const toOklab = (hex: Hex): Triple => linearToOklab(hexToRgb(hex).map(toLinear) as Triple)

const linearOfByte = Float64Array.from({ length: 256 }, (_, byte) => toLinear(byte / 255))

/** Lightness and the two opponent axes (green to red, blue to yellow) of a pixel, each channel 0…255. */
export const pixelToOklab = (r: number, g: number, b: number): Triple =>
  linearToOklab([linearOfByte[r] ?? 0, linearOfByte[g] ?? 0, linearOfByte[b] ?? 0])

const linearToOklab = ([r, g, b]: Triple): Triple => {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b)
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b)
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ]
}

const oklabToLinear = ([lightness, a, b]: Triple): Triple => {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ]
}

const fits = (rgb: Triple): boolean => rgb.every((channel) => channel > -0.0005 && channel < 1.0005)

const toHex = (rgb: Triple): Hex =>
  `#${rgb
    .map((channel) =>
      Math.round(clamp(toGamma(clamp(channel))) * 255)
        .toString(16)
        .padStart(2, '0'),
    )
    .join('')}`

/** Lightness, chroma and hue of a colour. */
export const toOklch = (hex: Hex): Oklch => {
  const [l, a, b] = toOklab(hex)
  return { l, c: Math.hypot(a, b), h: ((Math.atan2(b, a) * 180) / Math.PI + 360) % 360 }
}

/** The colour with these coordinates; chroma is reduced until sRGB can show it, hue and lightness stay. */
export const oklch = (l: number, c: number, h: number): Hex => {
  const lightness = clamp(l)
  const angle = (h * Math.PI) / 180
  let chroma = Math.max(0, c)
  for (let attempt = 0; attempt < 14; attempt += 1) {
    const rgb = oklabToLinear([lightness, chroma * Math.cos(angle), chroma * Math.sin(angle)])
    if (fits(rgb)) return toHex(rgb)
    chroma *= 0.86
  }
  return toHex(oklabToLinear([lightness, 0, 0]))
}

/** Mixes two colours evenly to the eye; `t` 0 is `from`, 1 is `to`. */
export const mix = (from: Hex, to: Hex, t: number): Hex => {
  const a = toOklab(from)
  const b = toOklab(to)
  const k = clamp(t)
  const rgb = oklabToLinear([a[0] + (b[0] - a[0]) * k, a[1] + (b[1] - a[1]) * k, a[2] + (b[2] - a[2]) * k])
  return toHex(rgb)
}

/** Makes a colour lighter (positive) or darker (negative); `amount` is in units of OKLCH lightness. */
export const lighten = (hex: Hex, amount: number): Hex => {
  const { l, c, h } = toOklch(hex)
  return oklch(l + amount, c, h)
}

/** Multiplies the chroma: 0 is grey, 1 unchanged. */
export const saturate = (hex: Hex, factor: number): Hex => {
  const { l, c, h } = toOklch(hex)
  return oklch(l, c * factor, h)
}

/** Turns the hue towards `hue` by the short way round; `t` 0…1. */
export const turnHue = (hex: Hex, hue: number, t: number): Hex => {
  const { l, c, h } = toOklch(hex)
  const delta = ((hue - h + 540) % 360) - 180
  return oklch(l, c, h + delta * t)
}
