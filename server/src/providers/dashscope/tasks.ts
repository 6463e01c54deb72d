import type { Outbound } from '../../kernel/ports/outbound.ts'
import {
  type CallOptions,
  type ImageJob,
  type Json,
  type Output,
  type ProviderConnection,
  ProviderError,
  type Step,
  type Usage,
  type VideoJob,
} from '../../kernel/ports/provider.ts'
import { refusalToTell, unreadable } from '../shared/asking.ts'
import { isObject, parseJson, textOf } from '../shared/json.ts'
import { textsAtFirst } from '../shared/paths.ts'
import { dataAddress, fileAt } from '../shared/pictures.ts'
import { wordsOf } from '../shared/refused.ts'
import { ask, checkWaiting, notUnderstood, send } from '../shared/wire.ts'
import { type Deployment, readDeployment } from './call.ts'
import { fitClip, type PictureFit } from './models.ts'
import { parametersOf } from './parameters.ts'
import { readSaid, refusalInside, refusalOf, refusalOfTask } from './refusal.ts'

const MAX_BYTES = 4 * 1024 * 1024
/** Pictures take one to two minutes, clips one to five (protocols.md 5.5). */
const CHECK_PICTURES_AFTER_MS = 5_000
const CHECK_CLIPS_AFTER_MS = 15_000
/** How long DashScope keeps a task; whoever asks later hears `UNKNOWN`. */
const KEPT_MS = 24 * 60 * 60_000
const MOST_SEED = 2_147_483_647

/** The tasks of one job: one for a clip, one for so many pictures as the model makes at a time. */
type Operation = {
  ids: string[]
  kind: 'clip' | 'picture'
  seconds: number
  startedAt: number
  /** Whether one more may have been started, of which we know no id. */
  isOneInDoubt: boolean
}

/** Starts a clip from words or from a first picture. Throws `ProviderError`. */
export async function startClip(outbound: Outbound, job: VideoJob, call: CallOptions): Promise<Step> {
  checkWaiting('dashscope', call)
  const to = readDeployment(call.connection)
  demand(job.prompt.trim() !== '' || job.source !== undefined, 'A prompt or a picture is needed.')
  demand(job.width > 0 && job.height > 0 && job.seconds > 0, 'Sides and seconds must be positive.')
  const { model, seconds, shape } = fitClip(job, to.options)
  const body = {
    model,
    input: {
      ...(job.prompt.trim() !== '' && { prompt: job.prompt }),
      ...(job.source && { img_url: dataAddress(job.source) }),
    },
    parameters: {
      ...to.options.clipParameters,
      ...shape,
      duration: seconds,
      ...(to.options.isClipSeedSent && { seed: job.seed }),
    },
  }
  const id = await startTask(outbound, to.options.clipPath, body, to, call)
  return pending({ ids: [id], kind: 'clip', seconds, startedAt: Date.now(), isOneInDoubt: false })
}

/**
 * Starts pictures of an older model, a task for so many as it makes at a time. Once one is under way a later no ends the
 * row: the job goes on with what was started, and nothing is started again.
 */
export async function startPictureTasks(
  outbound: Outbound,
  job: ImageJob,
  fit: PictureFit,
  to: Deployment,
  call: CallOptions,
): Promise<Step> {
  const ids: string[] = []
  let isOneInDoubt = false
  for (let asked = 0; asked < job.count; asked += fit.perCall) {
    const count = Math.min(fit.perCall, job.count - asked)
    const batch = { ...job, count, seed: ((job.seed - 1 + asked) % MOST_SEED) + 1 }
    const { negativePrompt = '' } = job
    const body = {
      model: job.model,
      input: {
        prompt: job.prompt,
        ...(negativePrompt.trim() !== '' && { negative_prompt: negativePrompt }),
      },
      parameters: parametersOf(batch, fit, to),
    }
    try {
      ids.push(await startTask(outbound, to.options.asyncPath, body, to, call))
    } catch (error) {
      if (ids.length === 0 || !(error instanceof ProviderError)) throw error
      if (call.signal.aborted)
        throw new ProviderError('ambiguous', `dashscope: called off after ${ids.length} starts`)
      isOneInDoubt = error.kind === 'ambiguous'
      break
    }
  }
  return pending({ ids, kind: 'picture', seconds: 0, startedAt: Date.now(), isOneInDoubt })
}

async function startTask(
  outbound: Outbound,
  path: string,
  body: object,
  to: Deployment,
  call: CallOptions,
): Promise<string> {
  checkWaiting('dashscope', call)
  const reply = await send(outbound, to, {
    path,
    body: JSON.stringify(body),
    contentType: 'application/json',
    headers: { 'x-dashscope-async': 'enable' },
    maxBytes: MAX_BYTES,
    signal: call.signal,
  })
  const answer = parseJson(reply.body)
  if (reply.status < 200 || reply.status >= 300) throw refusalOf(to, reply, answer)
  const id = isObject(answer) && isObject(answer.output) ? textOf(answer.output.task_id) : ''
  // It becomes part of an address.
  if (/^[\w-]{1,200}$/.test(id)) return id
  throw refusalInside(to, answer) ?? notUnderstood(to, 'without the id of a task')
}

type Look =
  | { state: 'pending' }
  | { state: 'done'; outputs: Output[]; usage: Record<string, unknown> }
  | { state: 'over'; error: ProviderError }

/**
 * Asks after every task of a job. Done when all have ended, with what those made that ended well; when none did, what
 * was refused, or what ended in doubt, is the job's end before what merely failed. Throws `ProviderError`.
 */
export async function checkTasks(outbound: Outbound, operation: Json, call: CallOptions): Promise<Step> {
  const to = readDeployment(call.connection)
  const running = readOperation(operation)
  const looks: Look[] = []
  for (const id of running.ids) {
    const one = await look(outbound, id, running, to, call)
    if (one.state === 'pending') return pending(running)
    looks.push(one)
  }
  const outputs = looks.flatMap((one) => (one.state === 'done' ? one.outputs : []))
  const errors = looks.flatMap((one) => (one.state === 'over' ? [one.error] : []))
  if (outputs.length === 0) {
    // A new attempt makes all of them again, so that none of them may be in doubt.
    const error = errors.find(({ kind }) => kind !== 'failed') ?? errors[0]
    if (!error || (error.kind === 'failed' && running.isOneInDoubt)) {
      throw notUnderstood(to, `without a result (${error?.message ?? 'nothing'}), and one start is in doubt`)
    }
    throw error
  }
  const [first] = looks.flatMap((one) => (one.state === 'done' ? [one.usage] : []))
  return { state: 'done', outputs, usage: usageOf(running, outputs, first ?? {}) }
}

async function look(
  outbound: Outbound,
  id: string,
  { kind, startedAt }: Operation,
  to: Deployment,
  call: CallOptions,
): Promise<Look> {
  const reply = await ask(outbound, to, {
    path: `api/v1/tasks/${id}`,
    maxBytes: MAX_BYTES,
    signal: call.signal,
  })
  const answer = parseJson(reply.body)
  if (reply.status !== 200) throw refusalToTell(to, reply, wordsOf(to, readSaid(answer)))
  if (!isObject(answer) || !isObject(answer.output)) throw unreadable(to)
  const { output } = answer
  switch (output.task_status) {
    case 'SUCCEEDED': {
      const { picturesAt, clipsAt } = to.options
      const found = textsAtFirst(answer, kind === 'clip' ? clipsAt : picturesAt)
      if (found.length === 0) return { state: 'over', error: emptyHanded(to, output) }
      const outputs = found.map((address) => fileAt(to, address))
      return { state: 'done', outputs, usage: isObject(answer.usage) ? answer.usage : {} }
    }
    case 'FAILED':
    case 'CANCELED':
      return { state: 'over', error: refusalOfTask(to, output) }
    case 'UNKNOWN':
      // Documented for a task that is kept no longer. Until then it is merely not to be found right now.
      if (Date.now() - startedAt < KEPT_MS) return { state: 'pending' }
      return { state: 'over', error: notUnderstood(to, 'that it does not know the task any more') }
    default:
      // PENDING, RUNNING, and whatever it may be called next year.
      return { state: 'pending' }
  }
}

/**
 * A task that succeeded and made nothing that we find. Parts may have been refused one by one: when moderation refused
 * them all, that is the answer. Anything else may have been charged, and would be charged a second time.
 */
function emptyHanded(to: Deployment, output: Record<string, unknown>): ProviderError {
  const parts = Array.isArray(output.results) ? output.results : []
  const errors = parts.map((part) => refusalOfTask(to, part))
  const [first] = errors
  return first && errors.every(({ kind }) => kind === 'content')
    ? first
    : notUnderstood(to, 'SUCCEEDED without a result')
}

function usageOf(
  { kind, seconds }: Operation,
  outputs: readonly Output[],
  told: Record<string, unknown>,
): Usage {
  if (kind === 'picture') return { pictures: outputs.length }
  const counted = [told.output_video_duration, told.video_duration, told.duration].map(Number)
  return { seconds: counted.find((length) => length > 0) ?? seconds }
}

/** Calls tasks off that are still queued; DashScope refuses others. Best effort. */
export async function cancelTasks(
  outbound: Outbound,
  operation: Json,
  connection: ProviderConnection | null,
): Promise<void> {
  const to = readDeployment(connection)
  const signal = AbortSignal.timeout(to.timeoutMs)
  const ended = await Promise.allSettled(
    readOperation(operation).ids.map((id) => {
      const path = to.options.cancelPath.replaceAll('{id}', id)
      return ask(outbound, to, { method: 'POST', path, maxBytes: MAX_BYTES, signal })
    }),
  )
  const missed = ended.find((one) => one.status === 'rejected')
  if (missed) throw missed.reason
}

export function remoteId(operation: Json): string | null {
  return readOperation(operation).ids.join(',') || null
}

const pending = (operation: Operation) =>
  ({
    state: 'pending',
    operation,
    checkAfterMs: operation.kind === 'clip' ? CHECK_CLIPS_AFTER_MS : CHECK_PICTURES_AFTER_MS,
  }) as const

function readOperation(operation: Json): Operation {
  if (!isObject(operation) || !Array.isArray(operation.ids))
    throw new Error('not an operation of this provider')
  return {
    ids: operation.ids.map(textOf),
    kind: operation.kind === 'picture' ? 'picture' : 'clip',
    seconds: Number(operation.seconds),
    startedAt: Number(operation.startedAt),
    isOneInDoubt: operation.isOneInDoubt === true,
  }
}

function demand(holds: boolean, message: string): void {
  if (!holds) throw new ProviderError('rejected', message)
}
