/** How clips may be asked for: how many lines, and the shape of the picture. */
export const RESOLUTIONS = ['480p', '720p', '1080p', '4k'] as const
export type Resolution = (typeof RESOLUTIONS)[number]
export const ASPECTS = ['16:9', '9:16', '1:1', '4:3', '3:4'] as const
export type Aspect = (typeof ASPECTS)[number]

const LINES: Readonly<Record<Resolution, number>> = { '480p': 480, '720p': 720, '1080p': 1_080, '4k': 2_160 }

/**
 * The sides of a clip in pixels, both even as encoders want them. What would be larger than a side may be becomes as
 * large as that: `4k` is the largest clip there is.
 */
export function clipSize(
  resolution: Resolution,
  aspect: Aspect,
  maxSide: number,
): { width: number; height: number } {
  const [across = 16, down = 9] = aspect.split(':').map(Number)
  const unit = LINES[resolution] / Math.min(across, down)
  const scale = Math.min(1, maxSide / (Math.max(across, down) * unit))
  const even = (side: number): number => Math.floor((side * unit * scale) / 2 + 1e-6) * 2
  return { width: even(across), height: even(down) }
}
