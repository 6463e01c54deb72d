import type { Outbound } from '../../kernel/ports/outbound.ts'
import {
  type CallOptions,
  type Json,
  type ProviderConnection,
  ProviderError,
  type Step,
  type VideoJob,
} from '../../kernel/ports/provider.ts'
import { encodeForm } from '../shared/form.ts'
import { isObject, parseJson, textOf } from '../shared/json.ts'
import { hasError, refusalInside, refusalOf } from '../shared/openai/refusal.ts'
import { ask, checkWaiting, notUnderstood, send, toBeAskedAgain } from '../shared/wire.ts'
import { type Deployment, readDeployment } from './call.ts'
import { VIDEOS_OFF } from './options.ts'
import { nearest } from './size.ts'

/** What is said of a clip; the clip itself never comes inside it. */
const MAX_BYTES = 1024 * 1024
const CANCEL_WITHIN_MS = 10_000

type Clip = { id: string }

/** Starts a clip by `POST /videos` (protocols.md 5.1). Throws `ProviderError`. */
export async function startClip(outbound: Outbound, job: VideoJob, call: CallOptions): Promise<Step> {
  checkWaiting('openai', call)
  const to = readDeployment(call.connection)
  const { videos } = to.options
  if (!videos.isOn) throw new ProviderError('unavailable', VIDEOS_OFF)
  if (job.prompt.trim() === '') throw new ProviderError('rejected', 'A prompt is needed.')
  const size = videos.sizes ? nearest(job, videos.sizes) : job
  const fields = {
    model: job.model,
    prompt: job.prompt,
    seconds: String(nearestLength(job.seconds, videos.seconds)),
    size: `${size.width}x${size.height}`,
    ...Object.fromEntries(
      Object.entries(to.options.extraBody).map(([name, value]) => [
        name,
        typeof value === 'string' ? value : JSON.stringify(value),
      ]),
    ),
  }
  const files = job.source ? [{ name: 'input_reference', ...job.source }] : []
  const request = { path: 'videos', ...(await encodeForm(fields, files)), maxBytes: MAX_BYTES }
  checkWaiting('openai', call)
  const reply = await send(outbound, to, { ...request, signal: call.signal })
  const answer = parseJson(reply.body)
  if (reply.status < 200 || reply.status >= 300) throw refusalOf(to, reply, answer)
  const clip = readClip(answer)
  if (!clip) throw hasError(answer) ? refusalInside(to, answer) : notUnderstood(to, 'without naming its job')
  return { state: 'pending', operation: clip, checkAfterMs: videos.checkEveryMs }
}

/** Asks after a clip. Whatever is no word about the clip itself has it asked after again. Throws `ProviderError`. */
export async function checkClip(outbound: Outbound, operation: Json, call: CallOptions): Promise<Step> {
  const to = readDeployment(call.connection)
  const clip = readClip(operation)
  if (!clip) throw new ProviderError('ambiguous', 'openai: the operation names no job')
  const path = `videos/${encodeURIComponent(clip.id)}`
  const reply = await ask(outbound, to, { path, maxBytes: MAX_BYTES, signal: call.signal })
  const answer = parseJson(reply.body)
  if (reply.status < 200 || reply.status >= 300) throw toBeAskedAgain(refusalOf(to, reply, answer))
  if (!isObject(answer)) throw toBeAskedAgain(notUnderstood(to, 'with something that is not its JSON'))
  if (answer.status === 'failed') throw failureOf(to, answer)
  if (answer.status === 'completed') {
    const seconds = Number(textOf(answer.seconds))
    return {
      state: 'done',
      // Only who has the key is given the file.
      outputs: [{ url: to.endpoint(`${path}/content`), isOperatorConfigured: true, headers: to.headers }],
      ...(seconds > 0 && { usage: { seconds } }),
    }
  }
  // `queued`, `in_progress` and whatever a gateway calls it.
  const progress = Number(answer.progress ?? Number.NaN)
  const isTold = progress >= 0 && progress <= 100
  return {
    state: 'pending',
    operation: clip,
    checkAfterMs: to.options.videos.checkEveryMs,
    ...(isTold && { progress: Math.min(99, Math.floor(progress)) }),
  }
}

/** Best effort: the wire deletes what has ended, and some gateways what has not. */
export async function cancelClip(
  outbound: Outbound,
  operation: Json,
  connection: ProviderConnection | null,
): Promise<void> {
  const clip = readClip(operation)
  if (!clip) return
  const path = `videos/${encodeURIComponent(clip.id)}`
  const signal = AbortSignal.timeout(CANCEL_WITHIN_MS)
  await ask(outbound, readDeployment(connection), { method: 'DELETE', path, maxBytes: MAX_BYTES, signal })
}

/** The vendor's job in an operation or an answer; null where there is none. */
export function readClip(value: unknown): Clip | null {
  return isObject(value) && typeof value.id === 'string' && value.id !== '' ? { id: value.id } : null
}

/** It has ended, so nobody needs to look; but it may have been charged, and then another one would cost again. */
function failureOf(to: Deployment, answer: unknown): ProviderError {
  const { kind, message } = refusalInside(to, answer)
  if (kind === 'content') return new ProviderError('content', message)
  return new ProviderError(to.options.videos.isFailureFree ? 'failed' : 'rejected', message)
}

/** The closest of the lengths, the longer one of two that are as close. */
function nearestLength(wanted: number, lengths: readonly number[] | null): number {
  if (lengths === null) return wanted
  const far = (length: number): number => Math.abs(length - wanted) - (length > wanted ? 1e-6 : 0)
  return lengths.toSorted((a, b) => far(a) - far(b))[0] ?? wanted
}
