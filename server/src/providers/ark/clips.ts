import type { Outbound } from '../../kernel/ports/outbound.ts'
import {
  type CallOptions,
  type Json,
  type ProviderConnection,
  ProviderError,
  type Step,
  type VideoJob,
} from '../../kernel/ports/provider.ts'
import { refusalToTell, unreadable } from '../shared/asking.ts'
import { isObject, parseJson, textOf } from '../shared/json.ts'
import { hasError, refusalInside, refusalOf } from '../shared/openai/refusal.ts'
import { dataAddress, fileAt } from '../shared/pictures.ts'
import { wordsFor } from '../shared/refusal.ts'
import { ask, checkWaiting, notUnderstood, send, type Wire } from '../shared/wire.ts'
import { type Deployment, readDeployment } from './call.ts'
import { fitClip } from './size.ts'

const PATH = 'contents/generations/tasks'
const MAX_BYTES = 4 * 1024 * 1024
/** Ark asks for looks ten to thirty seconds apart. */
const CHECK_AFTER_MS = 10_000
const CONTENT_CODE = /sensitive|moderation|risk|policy/i

type Operation = { id: string; seconds: number }

/** Starts a clip by `POST contents/generations/tasks` (protocols.md 5.6). Throws `ProviderError`. */
export async function startClip(outbound: Outbound, job: VideoJob, call: CallOptions): Promise<Step> {
  checkWaiting('ark', call)
  const to = readDeployment(call.connection)
  if (job.prompt.trim() === '' && !job.source)
    throw new ProviderError('rejected', 'A prompt or a picture is needed.')
  if (!(job.width > 0 && job.height > 0 && job.seconds > 0))
    throw new ProviderError('rejected', 'Sides and seconds must be positive.')
  const { body, seconds } = requestOf(job, to)
  const reply = await send(outbound, to, {
    path: PATH,
    body: JSON.stringify(body),
    contentType: 'application/json',
    maxBytes: MAX_BYTES,
    signal: call.signal,
  })
  const answer = parseJson(reply.body)
  if (reply.status < 200 || reply.status >= 300) throw refusalOf(to, reply, answer)
  if (hasError(answer)) throw refusalInside(to, answer)
  const id = isObject(answer) ? textOf(answer.id) : ''
  // It becomes part of an address.
  if (!/^[\w-]{1,200}$/.test(id)) throw notUnderstood(to, 'without the id of a task')
  return pending({ id, seconds })
}

function requestOf(job: VideoJob, { options }: Deployment): { body: object; seconds: number } {
  const fit = fitClip({ ...job, hasSource: job.source !== undefined }, options)
  const { ratio, resolution, seconds, hasFlags } = fit
  const flags = hasFlags
    ? ` --rs ${resolution} --rt ${ratio} --dur ${seconds} --seed ${job.seed} --wm false`
    : ''
  const text = `${job.prompt}${flags}`.trim()
  const content = [
    ...(text === '' ? [] : [{ type: 'text', text }]),
    ...(job.source
      ? [{ type: 'image_url', image_url: { url: dataAddress(job.source) }, role: 'first_frame' }]
      : []),
  ]
  const fields = { resolution, ratio, duration: seconds, seed: job.seed, watermark: false }
  const body = {
    ...options.extraBody,
    model: job.model,
    content,
    ...(!hasFlags && fields),
    ...(options.hasAudio !== null && { generate_audio: options.hasAudio }),
  }
  return { body, seconds }
}

/** Asks after a clip. Throws `ProviderError`. */
export async function checkClip(outbound: Outbound, operation: Json, call: CallOptions): Promise<Step> {
  const to = readDeployment(call.connection)
  const running = readOperation(operation)
  const path = `${PATH}/${running.id}`
  const reply = await ask(outbound, to, { path, maxBytes: MAX_BYTES, signal: call.signal })
  const task = parseJson(reply.body)
  if (reply.status !== 200) throw refusalToTell(to, reply, wordsIn(to, task))
  if (!isObject(task)) throw unreadable(to)
  switch (task.status) {
    case 'succeeded': {
      const address = isObject(task.content) ? textOf(task.content.video_url) : ''
      // It was made and charged: a second one would be charged again.
      if (address === '') throw notUnderstood(to, 'succeeded without a clip')
      const seconds = typeof task.duration === 'number' && task.duration > 0 ? task.duration : running.seconds
      return { state: 'done', outputs: [fileAt(to, address)], usage: { seconds, ...tokensOf(task.usage) } }
    }
    case 'failed':
    case 'cancelled':
    case 'expired':
      throw refusalOfTask(to, task)
    default:
      // queued, running, and whatever it may be called next year.
      return pending(running)
  }
}

/** Only while it is queued; a running one goes on, and is not paid for by anybody here. */
export async function cancelClip(
  outbound: Outbound,
  operation: Json,
  connection: ProviderConnection | null,
): Promise<void> {
  const to = readDeployment(connection)
  const path = `${PATH}/${readOperation(operation).id}`
  await ask(outbound, to, {
    method: 'DELETE',
    path,
    maxBytes: MAX_BYTES,
    signal: AbortSignal.timeout(to.timeoutMs),
  })
}

export function remoteId(operation: Json): string | null {
  return readOperation(operation).id || null
}

const pending = (operation: Operation): Step => ({
  state: 'pending',
  operation,
  checkAfterMs: CHECK_AFTER_MS,
})

function readOperation(operation: Json): Operation {
  if (!isObject(operation)) throw new Error('not an operation of this provider')
  return { id: textOf(operation.id), seconds: Number(operation.seconds) }
}

/** Ark counts tokens of what it made; where it counted any, another attempt would be charged a second time. */
function refusalOfTask(to: Wire, task: Readonly<Record<string, unknown>>): ProviderError {
  const { code } = readError(task)
  const words = `ark: ${textOf(task.status)} ${wordsIn(to, task)}`
  if (CONTENT_CODE.test(code)) return new ProviderError('content', words)
  if ((tokensOf(task.usage).outputTokens ?? 0) > 0) return new ProviderError('ambiguous', words)
  return new ProviderError(/^InvalidParameter/.test(code) ? 'rejected' : 'failed', words)
}

function readError(body: unknown): { code: string; message: string } {
  const error = isObject(body) && isObject(body.error) ? body.error : {}
  return { code: textOf(error.code), message: textOf(error.message) }
}

function wordsIn({ redact }: Pick<Wire, 'redact'>, body: unknown): string {
  const { code, message } = readError(body)
  return wordsFor(redact, [code, message])
}

function tokensOf(usage: unknown): { outputTokens?: number } {
  const tokens = isObject(usage) ? usage.completion_tokens : null
  return typeof tokens === 'number' && Number.isSafeInteger(tokens) && tokens >= 0
    ? { outputTokens: tokens }
    : {}
}
