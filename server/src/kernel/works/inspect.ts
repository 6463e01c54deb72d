import { fileTypeFromBuffer } from 'file-type'
import { imageSize } from 'image-size'
import type { Source } from 'mediabunny'
import { ALL_FORMATS, BufferSource, CustomSource, Input } from 'mediabunny'
import sharp from 'sharp'
import type { Context } from '../context.ts'
import type { Extension, MediaKind } from './media-types.ts'
import { extensionFor, MEDIA_TYPES } from './media-types.ts'

/** An output that we neither keep nor serve. Asking for it again would bring the same. */
export class UnfitOutput extends Error {
  override readonly name = 'UnfitOutput'
}

/** How much of a file is enough to tell what it is. An office file is a ZIP until its list of parts is read. */
export const HEAD_BYTES = 65_536
export const MOST_PIXELS = 64_000_000

/** Size as shown, in pixels, and length, of what has them. */
export type Measures = { width: number | null; height: number | null; durationMs: number | null }

/**
 * Tells what a file is from its first bytes: never from its address or what its sender says. `zip` for one that
 * needs more bytes to tell.
 *
 * @throws UnfitOutput for HTML, SVG, scripts, programs and everything else that is not in `MEDIA_TYPES`
 */
export async function identify(head: Uint8Array): Promise<Extension | 'zip'> {
  // Bytes that lead the reader astray are no file we know either.
  const found = await fileTypeFromBuffer(head).catch(() => undefined)
  const extension = extensionFor(found?.ext)
  if (extension) return extension
  if (found?.ext === 'zip') return 'zip'
  throw new UnfitOutput(`an output of type ${found?.mime ?? 'unknown'}`)
}

/** @throws UnfitOutput for a picture or clip that cannot be read, or is too large to ever be shown */
export async function measure(extension: Extension, bytes: Uint8Array): Promise<Measures> {
  switch (MEDIA_TYPES[extension].kind satisfies MediaKind) {
    case 'picture':
      return measurePicture(bytes)
    case 'clip':
      return measureClip(new BufferSource(bytes))
    default:
      return NOTHING_TO_MEASURE
  }
}

/**
 * The same for a file in the store, of which no more is read than it takes. `head` is its beginning.
 *
 * @throws UnfitOutput
 */
export async function measureStored(
  context: Context,
  extension: Extension,
  file: { key: string; bytes: number; head: Uint8Array },
): Promise<Measures> {
  const { kind } = MEDIA_TYPES[extension]
  if (kind === 'clip') return measureClip(storedSource(context, file))
  if (kind !== 'picture') return NOTHING_TO_MEASURE
  const fromHead = readHeader(file.head)
  if (fromHead) return fromHead
  if (file.bytes > MOST_PICTURE_BYTES) throw new UnfitOutput('a picture without a size in its header')
  return measurePicture(await readRange(context, file.key, 0, file.bytes))
}

const NOTHING_TO_MEASURE: Measures = { width: null, height: null, durationMs: null }
const MOST_PICTURE_BYTES = 64 * 1_048_576

async function measurePicture(bytes: Uint8Array): Promise<Measures> {
  const fromHeader = readHeader(bytes)
  if (fromHeader) return fromHeader
  // Slower, and knows every way to write a picture.
  const found = await sharp(bytes, { limitInputPixels: MOST_PIXELS })
    .metadata()
    .catch((cause: unknown) => {
      throw new UnfitOutput('a picture that cannot be read', { cause })
    })
  return pictureOf(found)
}

/** Fifty times cheaper than opening the picture. Null when the header does not say, or is not all there. */
function readHeader(bytes: Uint8Array): Measures | null {
  let found: ReturnType<typeof imageSize>
  try {
    found = imageSize(bytes)
  } catch {
    return null
  }
  return pictureOf(found)
}

function pictureOf({ width, height, orientation = 1 }: Turned): Measures {
  if (!(width > 0 && height > 0 && width * height <= MOST_PIXELS)) {
    throw new UnfitOutput(`a picture of ${width} x ${height}`)
  }
  // Orientations from 5 on lie on their side and are shown upright.
  const isTurned = orientation >= 5
  return { width: isTurned ? height : width, height: isTurned ? width : height, durationMs: null }
}

type Turned = { width: number; height: number; orientation?: number | undefined }

async function measureClip(source: Source): Promise<Measures> {
  const input = new Input({ formats: ALL_FORMATS, source })
  try {
    const track = await input.getPrimaryVideoTrack()
    if (!track) throw new UnfitOutput('a clip without a picture track')
    const seconds = (await input.getDurationFromMetadata()) ?? (await input.computeDuration())
    const [width, height] = [await track.getDisplayWidth(), await track.getDisplayHeight()]
    return { width, height, durationMs: Math.round(seconds * 1_000) }
  } catch (error) {
    // What the store says is about the store, not about the clip.
    if (error instanceof UnfitOutput || error instanceof StoreFailure) throw error
    throw new UnfitOutput('a clip that cannot be read', { cause: error })
  } finally {
    input.dispose()
  }
}

class StoreFailure extends Error {}

/** A clip in the store as its reader wants it: the parts it asks for, with at most 8 MiB of them in memory. */
function storedSource(context: Context, { key, bytes }: { key: string; bytes: number }): Source {
  return new CustomSource({
    getSize: () => bytes,
    read: (start, end) =>
      readRange(context, key, start, end).catch((cause: unknown) => {
        throw new StoreFailure('a stored clip cannot be read', { cause })
      }),
    maxCacheSize: 8 * 1_048_576,
    prefetchProfile: 'fileSystem',
  })
}

/** The bytes of a stored file from `start` up to, and without, `end`. */
async function readRange(context: Context, key: string, start: number, end: number): Promise<Uint8Array> {
  if (end <= start) return new Uint8Array()
  const pieces: Buffer[] = await context.files.read(key, { start, end: end - 1 }).toArray()
  return Buffer.concat(pieces)
}
