import type { Context } from '../context.ts'
import type { Output } from '../ports/provider.ts'
import type { Address } from './fetch-output.ts'
import { fetchOutput } from './fetch-output.ts'
import type { Measures } from './inspect.ts'
import { identify, measure, measureStored, UnfitOutput } from './inspect.ts'
import type { Extension } from './media-types.ts'
import { MEDIA_TYPES } from './media-types.ts'
import type { FileRole, Storing } from './store-key.ts'
import { storeKey } from './store-key.ts'

/** A stored file, in the columns that `finish_task_v3` reads. */
export type StoredFile = {
  role: FileRole
  position: number
  store_key: string
  media_type: string
  bytes: number
  width: number | null
  height: number | null
  duration_ms: number | null
}

/** More than any vendor makes at once. */
const MOST_OUTPUTS = 64

type Made = Exclude<Output, Address>
/** Where a file goes: its task, in the generation of its worker, and its place among the outputs. */
type Place = { task: Storing; role: FileRole; position: number }

/**
 * Copies a provider's outputs, and the posters of its clips, into our own files: those in hand at the same time,
 * those that have to be fetched one after the other. What a file is, is read from its bytes. No thumbnail is made
 * here (docs/decisions/0009).
 *
 * When it throws, no file is being written any more; what was written lies under keys of this generation.
 *
 * @param signal stops fetching.
 * @throws UnfitOutput when an output is nothing that we keep or serve; any other error when it cannot be had or
 *   stored now.
 */
export async function storeOutputs(
  context: Context,
  task: Storing,
  outputs: readonly Output[],
  signal: AbortSignal,
): Promise<StoredFile[]> {
  if (outputs.length > MOST_OUTPUTS) throw new UnfitOutput(`${outputs.length} outputs at once`)
  const stored: StoredFile[] = []
  const inHand = await Promise.allSettled(
    outputs.flatMap((output, position) =>
      'bytes' in output ? keepMade(context, task, output, position) : [],
    ),
  )
  for (const result of inHand) {
    if (result.status === 'rejected') throw result.reason
    stored.push(...result.value)
  }
  for (const [position, output] of outputs.entries()) {
    if ('url' in output)
      stored.push(await keepFetched(context, { task, role: 'output', position }, output, signal))
  }
  return stored
}

async function keepMade(
  context: Context,
  task: Storing,
  { bytes, poster }: Made,
  position: number,
): Promise<StoredFile[]> {
  const files: Promise<StoredFile | null>[] = [keepBytes(context, { task, role: 'output', position }, bytes)]
  if (poster) files.push(keepPoster(context, { task, role: 'poster', position }, poster))
  const results = await Promise.allSettled(files)
  return results.flatMap((result) => {
    if (result.status === 'rejected') throw result.reason
    return result.value ?? []
  })
}

/** A clip is worth its price without its poster too. */
async function keepPoster(context: Context, place: Place, bytes: Uint8Array): Promise<StoredFile | null> {
  try {
    return await keepBytes(context, place, bytes)
  } catch (error) {
    if (!(error instanceof UnfitOutput)) throw error
    context.log.warn({ task: place.task.id, error }, 'a poster was no picture')
    return null
  }
}

async function keepBytes(context: Context, place: Place, bytes: Uint8Array): Promise<StoredFile> {
  const extension = await identify(bytes)
  if (extension === 'zip') throw new UnfitOutput('an archive that is no office file')
  if (place.role === 'poster' && MEDIA_TYPES[extension].kind !== 'picture') {
    throw new UnfitOutput('a poster that is no picture')
  }
  const measures = await measure(extension, bytes)
  const key = storeKey(context, place.task, place.role, place.position, extension)
  await context.files.put(key, bytes)
  return toStored(place, key, extension, bytes.byteLength, measures)
}

async function keepFetched(
  context: Context,
  place: Place,
  address: Address,
  signal: AbortSignal,
): Promise<StoredFile> {
  const keyFor = (extension: Extension): string =>
    storeKey(context, place.task, place.role, place.position, extension)
  const fetched = await fetchOutput(context, address, keyFor, signal)
  const measures = await measureStored(context, fetched.extension, fetched)
  return toStored(place, fetched.key, fetched.extension, fetched.bytes, measures)
}

function toStored(
  { role, position }: Place,
  store_key: string,
  extension: Extension,
  bytes: number,
  { width, height, durationMs: duration_ms }: Measures,
): StoredFile {
  const { mediaType: media_type } = MEDIA_TYPES[extension]
  return { role, position, store_key, media_type, bytes, width, height, duration_ms }
}
