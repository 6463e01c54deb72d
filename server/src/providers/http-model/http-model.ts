import type { Outbound, OutboundReply } from '../../kernel/ports/outbound.ts'
import { OutboundError } from '../../kernel/ports/outbound.ts'
import type {
  CallOptions,
  Json,
  Output,
  Provider,
  ProviderConnection,
  ProviderJob,
  Step,
} from '../../kernel/ports/provider.ts'
import { ProviderError } from '../../kernel/ports/provider.ts'
import { type Answer, readAnswer } from './answer.ts'
import { bodyOf, placesIn } from './body.ts'
import {
  isSameOrigin,
  kindByWords,
  parseBody,
  refusedStart,
  send,
  startFailed,
  type Way,
  wordsFor,
} from './call.ts'
import { readInline } from './inline.ts'
import { type Options, problemWith, readOptions } from './options.ts'

/**
 * A job at the vendor. `asked` counts the looks; `isKnown` is set once the vendor has answered for the id; `missed`
 * counts the 404s since, `empty` the looks at which it was done and had no file.
 */
type Operation = {
  id: string
  queryUrl: string | null
  asked: number
  isKnown: boolean
  missed: number
  empty: number
  /** How many files were asked for; null where only the vendor knows. */
  most: number | null
}

const CALL_MS = 30_000
const CHECKS_MS = [2_000, 3_000, 5_000, 8_000, 10_000, 15_000] as const
const MOST_MISSES = 4
const MOST_EMPTY = 3

/**
 * Models that an operator declared: one HTTP call with the declared arguments, or with the body the operator wrote for
 * pictures and clips, answered at once or by a number to ask after. Address, headers and key are the connection's alone (hole B3). The README says where things are looked
 * for and what each answer means.
 *
 * @param callMs how long one call may take.
 */
export function createHttpModel(outbound: Outbound, callMs = CALL_MS): Provider {
  const way = { outbound, callMs }
  return {
    name: 'http',
    kinds: ['custom', 'image', 'image_edit', 'video'],
    repeatable: false,
    concurrency: 64,
    problemWith,
    start: (job, call) => start(way, job, call),
    check: (operation, call) => check(way, readOperation(operation), call),
    remoteId: (operation) => readOperation(operation).id,
  }
}

// Starting -------------------------------------------------------------------------------------------------

async function start(way: Way, job: ProviderJob, { connection, signal }: CallOptions): Promise<Step> {
  const known = requireConnection(connection)
  const options = readOptions(known)
  const sent = JSON.stringify(sentFor(job, options))
  const request = { method: options.method, url: known.url, body: sent, signal }
  let reply: OutboundReply
  try {
    reply = await send(way, known, options, request)
  } catch (error) {
    signal.throwIfAborted()
    throw startFailed(error)
  }
  const body = parseBody(reply)
  const answer = body === undefined ? null : readAnswer(body, options)
  const said = words(known, reply, answer)
  if (reply.status < 200 || reply.status > 299) throw refusedStart(reply, said)
  const file = await readWholeFile(reply)
  if (file) return { state: 'done', outputs: [file] }
  // It said yes and nobody can tell to what: it may have been done.
  if (answer === null) throw new ProviderError('ambiguous', `not an answer we can read: ${said}`)
  return readStarted(known, options, answer, said, mostOf(job))
}

/** What a job is sent as. Throws `ProviderError` for one that the operator's body has no place for. */
function sentFor(job: ProviderJob, { body }: Options): Json {
  if (job.kind === 'custom') return { ...job.arguments }
  if (body === null)
    throw new ProviderError('unavailable', 'the connection has no body for pictures and clips')
  const places = placesIn(body)
  if (job.source && !places.includes('image') && !places.includes('image_base64'))
    throw new ProviderError('rejected', 'the body of the connection has no place for a picture')
  return bodyOf(body, job)
}

function mostOf(job: ProviderJob): number | null {
  if (job.kind === 'custom') return null
  return job.kind === 'video' ? 1 : job.count
}

async function readStarted(
  connection: ProviderConnection,
  options: Options,
  answer: Answer,
  said: string,
  most: number | null,
): Promise<Step> {
  if (answer.status === 'failed') throw new ProviderError(kindByWords(said), said)
  const isDone =
    answer.files.length > 0 &&
    (answer.status === 'done' || answer.id === null || (answer.status === 'none' && answer.isSurelyResult))
  if (isDone) return { state: 'done', outputs: await outputsOf(connection, answer, 'ambiguous', most) }
  if (answer.id === null && answer.isError) throw new ProviderError(kindByWords(said), said)
  if (answer.id === null) throw new ProviderError('ambiguous', `neither a result nor a number: ${said}`)
  const { queryUrl } = answer
  // An answer cannot choose who is asked, and is sent the key, next.
  const isOwn = queryUrl !== null && isSameOrigin(queryUrl, connection.url)
  return pending(
    options,
    {
      id: answer.id,
      queryUrl: isOwn ? queryUrl : null,
      asked: 0,
      isKnown: false,
      missed: 0,
      empty: 0,
      most,
    },
    answer.progress,
  )
}

// Asking ---------------------------------------------------------------------------------------------------

async function check(way: Way, operation: Operation, { connection, signal }: CallOptions): Promise<Step> {
  const known = requireConnection(connection)
  const options = readOptions(known)
  let reply: OutboundReply
  try {
    reply = await send(way, known, options, {
      method: 'GET',
      url: queryUrl(known, options, operation),
      signal,
    })
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof OutboundError)) throw error
    // The job goes on whether or not it can be asked after.
    throw new ProviderError('unavailable', error.message, { cause: error })
  }
  const body = parseBody(reply)
  const answer = body === undefined ? null : readAnswer(body, options)
  const said = words(known, reply, answer)
  const asked = { ...operation, asked: operation.asked + 1 }
  if (reply.status === 404 || reply.status === 410) return missed(options, asked, said)
  if (reply.status < 200 || reply.status > 299)
    throw new ProviderError('unavailable', `HTTP ${reply.status}: ${said}`)
  const file = await readWholeFile(reply)
  if (file) return { state: 'done', outputs: [file] }
  if (answer === null) throw new ProviderError('unavailable', `not an answer we can read: ${said}`)
  return readChecked(known, options, { ...asked, isKnown: true, missed: 0 }, answer, said)
}

async function readChecked(
  connection: ProviderConnection,
  options: Options,
  operation: Operation,
  answer: Answer,
  said: string,
): Promise<Step> {
  if (answer.status === 'failed') {
    throw new ProviderError(kindByWords(said) === 'content' ? 'content' : 'failed', said)
  }
  const isDone = answer.status === 'done' || (answer.status === 'none' && answer.files.length > 0)
  if (!isDone) return pending(options, operation, answer.progress)
  if (answer.files.length > 0)
    return { state: 'done', outputs: await outputsOf(connection, answer, 'rejected', operation.most) }
  // Some vendors say it is done a moment before the file is there.
  if (operation.empty < MOST_EMPTY)
    return pending(options, { ...operation, empty: operation.empty + 1 }, answer.progress)
  // It was done and charged to the operator: trying anew would do it again and be as blind.
  throw new ProviderError('rejected', `done, and no file where one is looked for: ${said}`)
}

/** A number that was known and is gone has failed; one that was never known is asked for at the wrong address. */
function missed(options: Options, operation: Operation, said: string): Step {
  const again = { ...operation, missed: operation.missed + 1 }
  if (again.missed <= MOST_MISSES) return pending(options, again, null)
  if (again.isKnown) throw new ProviderError('failed', `the vendor no longer knows the job: ${said}`)
  throw new ProviderError('rejected', `the query address never knew the job: ${said}`)
}

function pending(options: Options, operation: Operation, progress: number | null): Step {
  const growing = CHECKS_MS[Math.min(operation.asked, CHECKS_MS.length - 1)] ?? 15_000
  const checkAfterMs = options.pollMs ?? growing
  return { state: 'pending', operation, checkAfterMs, ...(progress !== null && { progress }) }
}

/** The answer's own address if it is ours to ask, else the operator's template, else the number below the url. */
function queryUrl(
  connection: ProviderConnection,
  options: Options,
  { id, queryUrl: told }: Operation,
): string {
  if (told !== null && isSameOrigin(told, connection.url)) return told
  const encoded = encodeURIComponent(id)
  // By function: `$&` in a number is no pattern.
  const filled = options.queryUrl?.replaceAll(/%s|\{id\}/g, () => encoded)
  if (filled !== undefined && filled !== options.queryUrl) return filled
  const base = URL.parse(options.queryUrl ?? connection.url)
  if (!base) throw new ProviderError('unavailable', 'the address of this connection cannot be read')
  base.pathname = `${base.pathname.replace(/\/$/, '')}/${encoded}`
  return base.href
}

// What came back -------------------------------------------------------------------------------------------

async function outputsOf(
  connection: ProviderConnection,
  answer: Answer,
  kind: 'ambiguous' | 'rejected',
  most: number | null,
): Promise<Output[]> {
  const own = URL.parse(connection.url)?.hostname
  return Promise.all(
    answer.files.slice(0, most ?? undefined).map(async (file): Promise<Output> => {
      if ('url' in file) {
        const isOwn = URL.parse(file.url)?.hostname === own
        return { url: file.url, ...(isOwn && { isOperatorConfigured: true }) }
      }
      const output = await readInline(Buffer.from(file.base64, 'base64'))
      if (!output) throw new ProviderError(kind, 'the file inside the answer is none that we know')
      return output
    }),
  )
}

/** Some answer with the picture itself. */
async function readWholeFile(reply: OutboundReply): Promise<Output | null> {
  const type = reply.headers['content-type'] ?? ''
  return /^(image|video|audio|application\/octet-stream)/i.test(type) ? readInline(reply.body) : null
}

function words(connection: ProviderConnection, reply: OutboundReply, answer: Answer | null): string {
  const text = answer?.words || new TextDecoder().decode(reply.body.subarray(0, 64 * 1024))
  return wordsFor(connection, text)
}

function requireConnection(connection: ProviderConnection | null): ProviderConnection {
  if (!connection) throw new ProviderError('unavailable', 'this channel has no connection')
  return connection
}

function readOperation(operation: Json): Operation {
  if (typeof operation !== 'object' || operation === null || Array.isArray(operation))
    throw new Error('not an operation of this provider')
  const { id, queryUrl: told, asked, isKnown, missed: misses, empty, most } = operation
  return {
    id: String(id),
    queryUrl: typeof told === 'string' ? told : null,
    asked: Number(asked ?? 0),
    isKnown: isKnown === true,
    missed: Number(misses ?? 0),
    empty: Number(empty ?? 0),
    most: typeof most === 'number' ? most : null,
  }
}
