import type { VideoJob } from '../../../kernel/ports/provider.ts'
import { fastest, largest, slowest, smallest } from './make-clip.ts'

const between = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value))

/**
 * A job as near to what was asked for as can be made here: larger clips are made smaller in the same shape, and the rate
 * is the nearest there is, as with a vendor that makes only some sizes and rates.
 */
export function fitClip(job: VideoJob): VideoJob {
  const scale = Math.min(1, largest / Math.max(job.width, job.height))
  const side = (length: number): number =>
    scale < 1 ? between(Math.round((length * scale) / 2) * 2, smallest, largest) : length
  return { ...job, width: side(job.width), height: side(job.height), fps: between(job.fps, slowest, fastest) }
}
