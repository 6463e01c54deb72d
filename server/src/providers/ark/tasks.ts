import type { Outbound } from '../../kernel/ports/outbound.ts'
import {
  type CallOptions,
  type Json,
  type ProviderConnection,
  ProviderError,
  type Step,
  type Usage,
  type VideoJob,
} from '../../kernel/ports/provider.ts'
import { refusalToTell, unreadable } from '../shared/asking.ts'
import { isObject, parseJson, textOf } from '../shared/json.ts'
import { dataAddress, fileAt } from '../shared/pictures.ts'
import { wordsOf } from '../shared/refused.ts'
import { ask, checkWaiting, notUnderstood, send } from '../shared/wire.ts'
import { type Deployment, readDeployment } from './call.ts'
import { type ClipFit, fitClip } from './models.ts'
import { readSaid, refusalInside, refusalOf, refusalOfTask } from './refusal.ts'

const MAX_BYTES = 4 * 1024 * 1024
const TASKS = 'contents/generations/tasks'
/** Ark asks for 10 to 30 seconds between two looks (protocols.md 5.6). */
export const ASK_EVERY_MS = 10_000
const CHECK_AFTER_MS = 15_000

type Operation = { id: string; seconds: number }

/** Starts a clip from words or from a first picture. Throws `ProviderError`. */
export async function startClip(outbound: Outbound, job: VideoJob, call: CallOptions): Promise<Step> {
  checkWaiting('ark', call)
  const to = readDeployment(call.connection)
  const demand = (holds: boolean, message: string): void => {
    if (!holds) throw new ProviderError('rejected', message)
  }
  demand(job.prompt.trim() !== '' || job.source !== undefined, 'A prompt or a picture is needed.')
  demand(job.width > 0 && job.height > 0 && job.seconds > 0, 'Sides and seconds must be positive.')
  const fit = fitClip(job, to.options)
  const reply = await send(outbound, to, {
    path: TASKS,
    body: JSON.stringify(bodyOf(job, fit, to)),
    contentType: 'application/json',
    maxBytes: MAX_BYTES,
    signal: call.signal,
  })
  const answer = parseJson(reply.body)
  if (reply.status < 200 || reply.status >= 300) throw refusalOf(to, reply, answer)
  const id = isObject(answer) ? textOf(answer.id) : ''
  // It becomes part of an address.
  if (/^[\w-]{1,200}$/.test(id)) return pending({ id, seconds: fit.duration })
  throw refusalInside(to, answer) ?? notUnderstood(to, 'without the id of a task')
}

function bodyOf(job: VideoJob, fit: ClipFit, { options }: Deployment): object {
  const { clipBody, clipFlags, isClipSeedSent, sourceRole } = options
  // Models of version 1 read flags out of the words: a user's own would be longer and dearer than what was priced.
  const words = job.prompt.replaceAll(/-{2,}(?=[a-z])/gi, '—')
  const flags = [
    `--rs ${fit.resolution}`,
    `--rt ${fit.ratio}`,
    `--dur ${fit.duration}`,
    ...(isClipSeedSent ? [`--seed ${job.seed}`] : []),
  ]
  const text = clipFlags === 'text' ? [words, ...flags].join(' ').trim() : words
  return {
    watermark: false,
    ...clipBody,
    model: job.model,
    content: [
      ...(text.trim() === '' ? [] : [{ type: 'text', text }]),
      ...(job.source
        ? [
            {
              type: 'image_url',
              image_url: { url: dataAddress(job.source) },
              ...(sourceRole !== null && { role: sourceRole }),
            },
          ]
        : []),
    ],
    ...(clipFlags === 'fields' && { ...fit, ...(isClipSeedSent && { seed: job.seed }) }),
  }
}

/** Asks after a clip. Throws `ProviderError`. */
export async function checkTask(outbound: Outbound, operation: Json, call: CallOptions): Promise<Step> {
  const to = readDeployment(call.connection)
  const running = readOperation(operation)
  const reply = await ask(outbound, to, {
    path: `${TASKS}/${running.id}`,
    maxBytes: MAX_BYTES,
    signal: call.signal,
  })
  const task = parseJson(reply.body)
  if (reply.status !== 200) throw refusalToTell(to, reply, wordsOf(to, readSaid(task)))
  if (!isObject(task)) throw unreadable(to)
  switch (task.status) {
    case 'succeeded': {
      const address = isObject(task.content) ? textOf(task.content.video_url) : ''
      // It was made and charged: a second one would be charged again.
      if (address === '') throw notUnderstood(to, 'succeeded without a clip')
      return { state: 'done', outputs: [fileAt(to, address)], usage: usageOf(running, task) }
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

/** Ark bills clips by tokens, which it counts from pixels, frames and seconds. */
function usageOf({ seconds }: Operation, task: Record<string, unknown>): Usage {
  const tokens = isObject(task.usage) ? task.usage.completion_tokens : null
  const told = Number(task.duration)
  return {
    ...(Number.isSafeInteger(tokens) && Number(tokens) > 0 && { outputTokens: Number(tokens) }),
    seconds: told > 0 ? told : seconds,
  }
}

/** Calls a queued task off; a running one is refused by Ark, and of one that has ended the record goes. Best effort. */
export async function cancelTask(
  outbound: Outbound,
  operation: Json,
  connection: ProviderConnection | null,
): Promise<void> {
  const to = readDeployment(connection)
  const signal = AbortSignal.timeout(to.timeoutMs)
  const path = `${TASKS}/${readOperation(operation).id}`
  await ask(outbound, to, { method: 'DELETE', path, maxBytes: MAX_BYTES, signal })
}

export function remoteId(operation: Json): string | null {
  return readOperation(operation).id || null
}

const pending = (operation: Operation) =>
  ({ state: 'pending', operation, checkAfterMs: CHECK_AFTER_MS }) as const

function readOperation(operation: Json): Operation {
  if (!isObject(operation)) throw new Error('not an operation of this provider')
  return { id: textOf(operation.id), seconds: Number(operation.seconds) }
}
