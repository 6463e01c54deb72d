import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { CustomSource, Input, MP4, QTFF, WEBM } from 'mediabunny'

// Runs in a thread of its own, which `measureClip` ends when this takes too long or too much memory: the file is a
// stranger's, and whatever it says of itself may be a lie.

/** What a clip's own head and index take, with much to spare; the rest of it is never read. */
const MOST_READ_BYTES = 64 * 1_048_576
const MOST_AT_ONCE_BYTES = 24 * 1_048_576

async function read(path: string): Promise<unknown> {
  const file = openSync(path, 'r')
  let left = MOST_READ_BYTES
  const input = new Input({
    formats: [MP4, QTFF, WEBM],
    source: new CustomSource({
      getSize: () => fstatSync(file).size,
      read: (start, end) => {
        const bytes = end - start
        left -= bytes
        if (bytes > MOST_AT_ONCE_BYTES || left < 0) throw new Error('it asks for more than a clip needs')
        const piece = new Uint8Array(bytes)
        return piece.subarray(0, readSync(file, piece, 0, bytes, start))
      },
      maxCacheSize: 8 * 1_048_576,
      prefetchProfile: 'fileSystem',
    }),
  })
  try {
    const track = await input.getPrimaryVideoTrack()
    if (!track) return null
    const seconds = (await input.getDurationFromMetadata()) ?? (await input.computeDuration())
    return {
      width: await track.getDisplayWidth(),
      height: await track.getDisplayHeight(),
      durationMs: Math.round(seconds * 1_000),
    }
  } finally {
    input.dispose()
    closeSync(file)
  }
}

const { path } = workerData as { path: string }
parentPort?.postMessage(await read(path).catch(() => null))
