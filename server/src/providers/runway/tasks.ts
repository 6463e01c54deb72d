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
import { refusalToTell, unreadable } from '../shared/asking.ts'
import { isObject, parseJson, textOf } from '../shared/json.ts'
import { fileAt } from '../shared/pictures.ts'
import { ask, checkWaiting, notUnderstood, send } from '../shared/wire.ts'
import { type Deployment, readDeployment } from './call.ts'
import { giveInput } from './inputs.ts'
import { fitTo } from './models.ts'
import { refusalOf, refusalOfTask, wordsIn } from './refusal.ts'

const MAX_BYTES = 4 * 1024 * 1024
/** Runway allows one look at a task in five seconds; its own client waits about six. */
export const ASK_EVERY_MS = 5_000
const CHECK_AFTER_MS = 6_000
const MOST_PICTURES = 10
const MOST_SEED = 2_147_483_647

/**
 * The tasks of one job: one for a clip, one for each picture. `isOneInDoubt` where the start that ended the row may have
 * made one more, which nobody can ask after.
 */
type Operation = { ids: string[]; kind: 'clip' | 'picture'; seconds: number; isOneInDoubt: boolean }
type Request = { path: string; body: object }

/** Starts a clip by `POST v1/image_to_video` or `v1/text_to_video` (protocols.md 5.4). Throws `ProviderError`. */
export async function startClip(outbound: Outbound, job: VideoJob, call: CallOptions): Promise<Step> {
  checkWaiting('runway', call)
  const to = readDeployment(call.connection)
  const { ratio, seconds, hasSeed, mostPrompt } = fitTo(
    'clip',
    { ...job, hasSource: job.source !== undefined },
    to.options,
  )
  demand(job.width > 0 && job.height > 0 && job.seconds > 0, 'Sides and seconds must be positive.')
  demand(job.prompt.trim() !== '' || job.source !== undefined, 'A prompt or a picture is needed.')
  demand(job.prompt.length <= mostPrompt, `The prompt must not be longer than ${mostPrompt} characters.`)
  const promptImage = job.source && (await giveInput(outbound, job.source, to, call))
  const body = {
    ...to.options.extraBody,
    model: job.model,
    ...(job.prompt.trim() !== '' && { promptText: job.prompt }),
    ...(promptImage !== undefined && { promptImage }),
    ratio,
    duration: seconds,
    ...(hasSeed && { seed: job.seed }),
  }
  const path = promptImage === undefined ? 'v1/text_to_video' : 'v1/image_to_video'
  const id = await startTask(outbound, { path, body }, to, call)
  return pending({ ids: [id], kind: 'clip', seconds, isOneInDoubt: false })
}

/**
 * Starts pictures by `POST v1/text_to_image`, a task for each, one after another. Once one is under way a later no
 * ends the row: the job goes on with what was started, and nothing is started again.
 */
export async function startPictures(outbound: Outbound, job: ImageJob, call: CallOptions): Promise<Step> {
  checkWaiting('runway', call)
  const to = readDeployment(call.connection)
  const { ratio, hasSeed, mostPrompt } = fitTo(
    'picture',
    { ...job, seconds: 1, hasSource: false },
    to.options,
  )
  const promptText = promptOf(job)
  demand(job.prompt.trim() !== '', 'A prompt is needed.')
  demand(promptText.length <= mostPrompt, `The prompt must not be longer than ${mostPrompt} characters.`)
  demand(
    Number.isInteger(job.count) && job.count >= 1 && job.count <= MOST_PICTURES,
    `The count must be 1…${MOST_PICTURES}.`,
  )
  demand(job.width > 0 && job.height > 0, 'Sides must be positive.')
  demand(job.kind === 'image' || job.source !== undefined, 'Picture-to-picture needs a source picture.')
  const uri = job.source && (await giveInput(outbound, job.source, to, call))
  const ids: string[] = []
  let isOneInDoubt = false
  while (ids.length < job.count) {
    const seed = ((job.seed - 1 + ids.length) % MOST_SEED) + 1
    const body = {
      ...to.options.extraBody,
      model: job.model,
      promptText,
      ...(uri !== undefined && { referenceImages: [{ uri }] }),
      ratio,
      ...(hasSeed && { seed }),
    }
    try {
      ids.push(await startTask(outbound, { path: 'v1/text_to_image', body }, to, call))
    } catch (error) {
      if (ids.length === 0 || !(error instanceof ProviderError)) throw error
      if (call.signal.aborted)
        throw new ProviderError('ambiguous', `runway: called off after ${ids.length} starts`)
      isOneInDoubt = error.kind === 'ambiguous'
      break
    }
  }
  return pending({ ids, kind: 'picture', seconds: 0, isOneInDoubt })
}

async function startTask(
  outbound: Outbound,
  { path, body }: Request,
  to: Deployment,
  call: CallOptions,
): Promise<string> {
  checkWaiting('runway', call)
  const reply = await send(outbound, to, {
    path,
    body: JSON.stringify(body),
    contentType: 'application/json',
    maxBytes: MAX_BYTES,
    signal: call.signal,
  })
  const answer = parseJson(reply.body)
  if (reply.status < 200 || reply.status >= 300) throw refusalOf(to, reply, answer)
  const id = isObject(answer) ? textOf(answer.id) : ''
  // It becomes part of an address.
  if (!/^[\w-]{1,200}$/.test(id)) throw notUnderstood(to, 'without the id of a task')
  return id
}

type Look =
  | { state: 'pending'; progress: number | null }
  | { state: 'done'; outputs: Output[] }
  | { state: 'over'; error: ProviderError }

/**
 * Asks after every task of a job. Done when all have ended, with what those made that ended well; when none did, the
 * first one's failure is the job's. Throws `ProviderError`.
 */
export async function checkTasks(outbound: Outbound, operation: Json, call: CallOptions): Promise<Step> {
  const to = readDeployment(call.connection)
  const running = readOperation(operation)
  const looks: Look[] = []
  for (const id of running.ids) looks.push(await look(outbound, id, to, call))
  if (looks.some(({ state }) => state === 'pending')) {
    const progress = progressOf(looks)
    return { ...pending(running), ...(progress !== null && { progress }) }
  }
  const outputs = looks.flatMap((one) => (one.state === 'done' ? one.outputs : []))
  const failure = looks.find((one) => one.state === 'over')
  if (outputs.length === 0) {
    // A new attempt makes all of them again, so none of them may be in doubt.
    if (failure?.error.kind === 'failed' && running.isOneInDoubt)
      throw notUnderstood(to, `without a result (${failure.error.message}), and one start is in doubt`)
    throw failure?.error ?? notUnderstood(to, 'without a result')
  }
  const usage = running.kind === 'clip' ? { seconds: running.seconds } : { pictures: outputs.length }
  return { state: 'done', outputs, usage }
}

async function look(outbound: Outbound, id: string, to: Deployment, call: CallOptions): Promise<Look> {
  const reply = await ask(outbound, to, { path: `v1/tasks/${id}`, maxBytes: MAX_BYTES, signal: call.signal })
  const task = parseJson(reply.body)
  if (reply.status !== 200) throw refusalToTell(to, reply, wordsIn(to, task))
  if (!isObject(task)) throw unreadable(to)
  switch (task.status) {
    case 'SUCCEEDED': {
      const addresses = (Array.isArray(task.output) ? task.output : []).map(textOf).filter(Boolean)
      // It was made and charged: a second one would be charged again.
      if (addresses.length === 0)
        return { state: 'over', error: notUnderstood(to, 'SUCCEEDED without a result') }
      return { state: 'done', outputs: addresses.map((address) => fileAt(to, address)) }
    }
    case 'FAILED':
    case 'CANCELLED':
      return { state: 'over', error: refusalOfTask(to, task) }
    default:
      // PENDING, THROTTLED, RUNNING, and whatever it may be called next year.
      return { state: 'pending', progress: readProgress(task.progress) }
  }
}

/** Tells Runway that nobody waits any more. Best effort; a task that has ended is deleted by it. */
export async function cancelTasks(
  outbound: Outbound,
  operation: Json,
  connection: ProviderConnection | null,
): Promise<void> {
  const to = readDeployment(connection)
  const signal = AbortSignal.timeout(to.timeoutMs)
  const ended = await Promise.allSettled(
    readOperation(operation).ids.map((id) =>
      ask(outbound, to, { method: 'DELETE', path: `v1/tasks/${id}`, maxBytes: MAX_BYTES, signal }),
    ),
  )
  const missed = ended.find((one) => one.status === 'rejected')
  if (missed) throw missed.reason
}

export function remoteId(operation: Json): string | null {
  return readOperation(operation).ids.join(',') || null
}

const pending = (operation: Operation) =>
  ({ state: 'pending', operation, checkAfterMs: CHECK_AFTER_MS }) as const

const promptOf = ({ prompt, negativePrompt = '' }: ImageJob): string =>
  negativePrompt.trim() === '' ? prompt : `${prompt}\n\nAvoid: ${negativePrompt}`

function readOperation(operation: Json): Operation {
  if (!isObject(operation) || !Array.isArray(operation.ids))
    throw new Error('not an operation of this provider')
  return {
    ids: operation.ids.map(textOf),
    kind: operation.kind === 'picture' ? 'picture' : 'clip',
    seconds: Number(operation.seconds),
    isOneInDoubt: operation.isOneInDoubt === true,
  }
}

/** From 0 to 1, and in percent should it ever be more. */
function readProgress(given: unknown): number | null {
  if (typeof given !== 'number' || !(given >= 0)) return null
  return Math.min(99, Math.floor(given <= 1 ? given * 100 : given))
}

/** Over all tasks; null while none tells. */
function progressOf(looks: readonly Look[]): number | null {
  const told = looks.map((one) => (one.state === 'pending' ? one.progress : 99))
  if (told.every((progress) => progress === null)) return null
  return Math.floor(told.reduce<number>((sum, progress) => sum + (progress ?? 0), 0) / looks.length)
}

function demand(holds: boolean, message: string): void {
  if (!holds) throw new ProviderError('rejected', message)
}
