import { Worker } from 'node:worker_threads'
import pLimit from 'p-limit'

/** Size as shown, in pixels, and length. */
export type ClipMeasures = { width: number; height: number; durationMs: number }

const WITHIN_MS = 10_000
const MOST_SIDE = 8_192
const LONGEST_MS = 24 * 3_600_000

/** A thread costs tens of megabytes, and most clips are read in a tenth of a second. */
const atWork = pLimit(1)

/**
 * Reads how large and long a sent clip is. It is read in a thread of its own with bounded memory, of which no more
 * is waited for than ten seconds, so a file that lies about itself costs no more than that.
 *
 * @returns null when it cannot be read, or is nothing that anybody could show.
 */
export async function measureClip(path: string): Promise<ClipMeasures | null> {
  const found = await atWork(() => readInThread(path))
  if (found === null) return null
  const { width, height, durationMs } = found
  const isSide = (side: number): boolean => Number.isInteger(side) && side > 0 && side <= MOST_SIDE
  const isLength = Number.isInteger(durationMs) && durationMs >= 0 && durationMs <= LONGEST_MS
  return isSide(width) && isSide(height) && isLength ? found : null
}

function readInThread(path: string): Promise<ClipMeasures | null> {
  const thread = new Worker(new URL('./clip-reader.ts', import.meta.url), {
    workerData: { path },
    resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 8, stackSizeMb: 2 },
    // Whatever it says is for nobody.
    stdout: true,
    stderr: true,
    env: {},
  })
  return new Promise((resolve) => {
    let isOver = false
    const end = (found: ClipMeasures | null): void => {
      // A thread that is ended because it has answered tells of its end, too.
      if (isOver) return
      isOver = true
      clearTimeout(timer)
      void thread.terminate().then(() => resolve(found))
    }
    const timer = setTimeout(end, WITHIN_MS, null)
    thread.once('message', end)
    // Out of memory, or a program that broke on it.
    thread.once('error', () => end(null))
    thread.once('exit', () => end(null))
  })
}
