import { setTimeout as sleep } from 'node:timers/promises'
import type { Context } from '../context.ts'
import { OutboundError } from '../ports/outbound.ts'
import type { Output } from '../ports/provider.ts'
import { HEAD_BYTES, identify, UnfitOutput } from './inspect.ts'
import type { Extension } from './media-types.ts'

export const MOST_OUTPUT_BYTES = 1_073_741_824
const FETCH_WITHIN_MS = 15 * 60_000
const MOST_REDIRECTS = 3
/** An office file has to be read to its end before it can be told from any other ZIP; those are small. */
const MOST_ZIP_BYTES = 32 * 1_048_576
/** A storage that has just taken a file may need a moment to hand it out. */
const TRY_AGAIN_AFTER_MS = [500, 2_000]
const PASSING = new Set([404, 408, 425, 429])

/** Where an output is to be had. */
export type Address = Extract<Output, { url: string }>

/** What was fetched, under the key that it was given. */
export type Fetched = { key: string; extension: Extension; bytes: number; head: Uint8Array }

/** It could not be had now; it may be later, at this address or another one. */
class FetchFailure extends Error {
  override readonly name = 'FetchFailure'
}

/**
 * Copies a file from its address into the store, as it comes: never more of it is in memory than what tells its
 * type. `keyFor` names it once the type is known.
 *
 * @throws UnfitOutput when it is nothing we serve, longer than `MOST_OUTPUT_BYTES`, or at an address we do not
 *   connect to; any other error when it may be had later.
 */
export async function fetchOutput(
  context: Context,
  address: Address,
  keyFor: (extension: Extension) => string,
  signal: AbortSignal,
): Promise<Fetched> {
  for (let tried = 0; ; tried += 1) {
    try {
      return await fetchOnce(context, address, keyFor, signal)
    } catch (error) {
      const waitMs = TRY_AGAIN_AFTER_MS[tried]
      if (waitMs === undefined || signal.aborted || !isPassing(error)) throw error
      await sleep(waitMs, undefined, { signal })
    }
  }
}

function isPassing(error: unknown): boolean {
  if (error instanceof OutboundError) return error.kind === 'unreachable' || error.kind === 'interrupted'
  return error instanceof FetchFailure
}

async function fetchOnce(
  context: Context,
  { url, isOperatorConfigured = false, headers = {} }: Address,
  keyFor: (extension: Extension) => string,
  signal: AbortSignal,
): Promise<Fetched> {
  let fetched: Fetched | undefined
  try {
    await context.outbound(url, {
      headers,
      timeoutMs: FETCH_WITHIN_MS,
      maxBytes: MOST_OUTPUT_BYTES,
      maxRedirects: MOST_REDIRECTS,
      isOperatorConfigured,
      signal,
      readBody: async (body, { status }) => {
        if (status !== 200) throw statusFailure(status)
        fetched = await keep(context, body, keyFor)
      },
    })
  } catch (error) {
    if (error instanceof OutboundError && (error.kind === 'forbidden' || error.kind === 'too_large')) {
      throw new UnfitOutput(error.message, { cause: error })
    }
    throw error
  }
  if (!fetched) throw new FetchFailure('the answer had no body')
  return fetched
}

function statusFailure(status: number): Error {
  const words = `the address of an output answered ${status}`
  // A signed address that has expired stays so; whoever asks the vendor again may get a fresh one.
  return status >= 500 || PASSING.has(status) ? new FetchFailure(words) : new Error(words)
}

async function keep(
  context: Context,
  body: AsyncIterable<Uint8Array>,
  keyFor: (extension: Extension) => string,
): Promise<Fetched> {
  const content = body[Symbol.asyncIterator]()
  try {
    let head = await readUpTo(content, HEAD_BYTES, new Uint8Array())
    let found = await identify(head)
    if (found === 'zip') {
      head = await readUpTo(content, MOST_ZIP_BYTES, head)
      found = await identify(head)
    }
    if (found === 'zip') throw new UnfitOutput('an archive that is no office file')
    const key = keyFor(found)
    let bytes = 0
    async function* counted(): AsyncGenerator<Uint8Array> {
      bytes += head.byteLength
      yield head
      for (let next = await content.next(); !next.done; next = await content.next()) {
        bytes += next.value.byteLength
        yield next.value
      }
    }
    await context.files.put(key, counted())
    return { key, extension: found, bytes, head: head.subarray(0, HEAD_BYTES) }
  } finally {
    await content.return?.()
  }
}

/** `before` and what follows, until there are `enough` bytes or no more. */
async function readUpTo(
  content: AsyncIterator<Uint8Array>,
  enough: number,
  before: Uint8Array,
): Promise<Uint8Array> {
  const pieces = [before]
  let bytes = before.byteLength
  while (bytes < enough) {
    const next = await content.next()
    if (next.done) break
    pieces.push(next.value)
    bytes += next.value.byteLength
  }
  return Buffer.concat(pieces)
}
