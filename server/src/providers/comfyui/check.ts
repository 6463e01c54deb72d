import type { Outbound } from '../../kernel/ports/outbound.ts'
import {
  type CallOptions,
  type ImageJob,
  type Json,
  type Output,
  type ProviderConnection,
  ProviderError,
  type Step,
  type VideoJob,
} from '../../kernel/ports/provider.ts'
import { isObject, textOf } from '../shared/json.ts'
import { wordsFor } from '../shared/refusal.ts'
import { notUnderstood, toBeAskedAgain } from '../shared/wire.ts'
import { askFor, readServer, type Server } from './call.ts'
import { type Operation, pendingOf, readOperation } from './operation.ts'

const CANCEL_WITHIN_MS = 10_000
/** The newest jobs that are looked through for one of ours. */
const MOST_HISTORY = 500
const CLIP = /\.(mp4|webm|mov|gif|webp)$/i

/**
 * Asks after a job: `GET /history/{id}`, and `GET /queue` as long as the history does not know it. Throws
 * `ProviderError`; `failed` when it ended without a result, which costs nothing at one's own place.
 */
export async function checkGraph(outbound: Outbound, stored: Json, call: CallOptions): Promise<Step> {
  const operation = readOperation(stored)
  const to = readServer(call.connection)
  const ended = await readEnd(outbound, operation, to, call)
  if (ended) return ended
  const queue = await readQueue(outbound, to, call)
  if ([...queue.running, ...queue.pending].some(({ id }) => id === operation.id)) {
    return pendingOf(operation, operation.id, to)
  }
  // It may have ended between the two looks. Queue and history live in the server's memory: a restart loses both.
  const late = await readEnd(outbound, operation, to, call)
  if (late) return late
  throw new ProviderError(
    'failed',
    'comfyui: the server has forgotten the job, as it does when it is restarted',
  )
}

/** Looks for a job by our name of it, in the queue and among the newest that have ended. */
export async function findGraph(
  outbound: Outbound,
  job: ImageJob | VideoJob,
  call: CallOptions,
): Promise<Step | { state: 'not_done' }> {
  const to = readServer(call.connection)
  const { running, pending } = await readQueue(outbound, to, call)
  const queued = [...running, ...pending].find(({ reference }) => reference === call.reference)
  if (queued) return pendingOf(job, queued.id, to)
  const path = `history?max_items=${MOST_HISTORY}`
  const history = Object.values(await askFor(outbound, to, { path, signal: call.signal }))
  const ended = history
    .map((entry) => readEntry(isObject(entry) ? entry.prompt : null))
    .find((entry) => entry?.reference === call.reference)
  // Asked after like any other: its outputs, or why there are none, stand in its history.
  if (ended) return pendingOf(job, ended.id, to)
  if (history.length < MOST_HISTORY) return { state: 'not_done' }
  throw new ProviderError('unavailable', 'comfyui: the history is too long to look through')
}

/** Takes a job out of the queue, or stops it while it runs. Best effort. */
export async function cancelGraph(
  outbound: Outbound,
  stored: Json,
  connection: ProviderConnection | null,
): Promise<void> {
  const { id } = readOperation(stored)
  const to = readServer(connection)
  const signal = AbortSignal.timeout(CANCEL_WITHIN_MS)
  const post = (path: string, body: object): Promise<unknown> =>
    // Both answer with nothing.
    askFor(outbound, to, {
      method: 'POST',
      path,
      body: JSON.stringify(body),
      contentType: 'application/json',
      signal,
    }).catch(() => null)
  await post('queue', { delete: [id] })
  // `/interrupt` stops whatever runs: only while that is ours. Newer servers check the number once more.
  const { running } = await readQueue(outbound, to, { signal })
  if (running.some((one) => one.id === id)) await post('interrupt', { prompt_id: id })
}

type Entry = { id: string; reference: string }

async function readQueue(
  outbound: Outbound,
  to: Server,
  { signal }: Pick<CallOptions, 'signal'>,
): Promise<{ running: Entry[]; pending: Entry[] }> {
  const { queue_running: running, queue_pending: pending } = await askFor(outbound, to, {
    path: 'queue',
    signal,
  })
  if (!Array.isArray(running) || !Array.isArray(pending)) {
    throw toBeAskedAgain(notUnderstood(to, 'with something that is not its queue'))
  }
  const read = (entries: unknown[]): Entry[] => entries.map(readEntry).filter((one) => one !== null)
  return { running: read(running), pending: read(pending) }
}

/** `[number, id, graph, extra_data, …]`, in the queue as in the history. */
function readEntry(entry: unknown): Entry | null {
  if (!Array.isArray(entry)) return null
  const [, id, , extra] = entry
  const { reference, client_id: client } = isObject(extra) ? extra : {}
  return { id: textOf(id), reference: textOf(reference) || textOf(client) }
}

/** What the history says of a job; null as long as it does not know it, or not how it ended. */
async function readEnd(
  outbound: Outbound,
  operation: Operation,
  to: Server,
  { signal }: CallOptions,
): Promise<Step | null> {
  const path = `history/${encodeURIComponent(operation.id)}`
  const { [operation.id]: entry } = await askFor(outbound, to, { path, signal })
  if (!isObject(entry)) return null
  const status = isObject(entry.status) ? entry.status : {}
  if (status.status_str === 'error') throw failureOf(to, status.messages)
  // Old servers say nothing of a job but its outputs.
  const isDone =
    status.status_str === 'success' || (status.status_str === undefined && isObject(entry.outputs))
  if (!isDone) return pendingOf(operation, operation.id, to)
  const outputs = outputsOf(entry.outputs, operation, to)
  if (outputs.length > 0) return { state: 'done', outputs, usage: usageOf(operation, outputs) }
  throw new ProviderError('failed', 'comfyui: the graph has come to its end without a file')
}

function usageOf({ kind }: Operation, { length }: Output[]): { pictures?: number } {
  return kind === 'video' ? {} : { pictures: length }
}

/** What nodes have written for good; previews (`type: temp`) are none of it. */
function outputsOf(nodes: unknown, { kind, count }: Operation, to: Server): Output[] {
  const files = Object.values(isObject(nodes) ? nodes : {})
    .flatMap((node) => (isObject(node) ? Object.values(node) : []))
    .flatMap((listed): unknown[] => (Array.isArray(listed) ? listed : []))
    .filter(isObject)
    .filter(({ filename, type }) => typeof filename === 'string' && type === 'output')
  const clips = files.filter(({ filename }) => CLIP.test(String(filename)))
  return (kind === 'video' && clips.length > 0 ? clips : files).slice(0, count).map((file) => {
    const query = new URLSearchParams()
    for (const name of ['filename', 'subfolder', 'type']) query.set(name, textOf(file[name]))
    return { url: to.endpoint(`view?${query}`), isOperatorConfigured: true, headers: to.headers }
  })
}

/** `[["execution_error", {node_type, exception_message}], …]`; somebody may also have interrupted it at the server. */
function failureOf({ redact }: Server, messages: unknown): ProviderError {
  const told = (Array.isArray(messages) ? messages : []).filter(Array.isArray)
  const [event, data] = told.find(([name]) => /^execution_(error|interrupted)$/.test(textOf(name))) ?? []
  const { node_type: node, exception_message: why } = isObject(data) ? data : {}
  return new ProviderError(
    'failed',
    `comfyui: ${wordsFor(redact, [textOf(event), textOf(node), textOf(why)])}`,
  )
}
