import { spawn } from 'node:child_process'
import pLimit from 'p-limit'
import type { FirstFrame } from '../kernel/ports/first-frame.ts'

const WITHIN_MS = 10_000
const MOST_FRAME_BYTES = 16 * 1_048_576
const DEMUXERS = { mp4: 'mov', mov: 'mov', webm: 'matroska' } as const

/**
 * Has the `ffmpeg` on the PATH decode it, where there is one: in a process of its own, with a bound on time, memory
 * and output, one at a time. The container is the one that was found, so that no playlist is followed; no protocol
 * but the file's is open to it, and nothing of our environment is handed on but where programs lie.
 *
 * Those decoders that come as packages read a stranger's file inside our own process, and are none of ours for that.
 */
export function createFirstFrame(
  searchPath: string | undefined,
  { withinMs = WITHIN_MS }: { withinMs?: number } = {},
): FirstFrame {
  const atWork = pLimit(1)
  return (clip) => atWork(() => decode({ searchPath, withinMs }, clip))
}

function decode(
  { searchPath, withinMs }: { searchPath: string | undefined; withinMs: number },
  { path, container, side }: Parameters<FirstFrame>[0],
): Promise<Uint8Array | null> {
  const { promise, resolve } = Promise.withResolvers<Uint8Array | null>()
  const decoder = spawn(
    'ffmpeg',
    [
      ...['-nostdin', '-hide_banner', '-loglevel', 'quiet', '-max_alloc', String(256 * 1_048_576)],
      ...[
        '-protocol_whitelist',
        'file,pipe',
        '-threads',
        '1',
        '-f',
        DEMUXERS[container],
        '-i',
        `file:${path}`,
      ],
      ...['-an', '-sn', '-dn', '-map_metadata', '-1', '-frames:v', '1'],
      ...['-vf', `scale=w='min(${side},iw)':h='min(${side},ih)':force_original_aspect_ratio=decrease`],
      ...['-threads', '1', '-f', 'image2pipe', '-c:v', 'png', 'pipe:1'],
    ],
    { stdio: ['ignore', 'pipe', 'ignore'], env: { PATH: searchPath }, windowsHide: true },
  )
  const pieces: Buffer[] = []
  let bytes = 0
  const timer = setTimeout(() => decoder.kill('SIGKILL'), withinMs)
  decoder.stdout.on('data', (piece: Buffer) => {
    bytes += piece.byteLength
    if (bytes > MOST_FRAME_BYTES) decoder.kill('SIGKILL')
    else pieces.push(piece)
  })
  // There is none.
  decoder.once('error', () => {
    clearTimeout(timer)
    resolve(null)
  })
  decoder.once('close', (code) => {
    clearTimeout(timer)
    resolve(code === 0 && bytes > 0 && bytes <= MOST_FRAME_BYTES ? Buffer.concat(pieces) : null)
  })
  return promise
}
