import type { Outbound } from '../../kernel/ports/outbound.ts'
import {
  type CallOptions,
  type Json,
  type Output,
  ProviderError,
  type Step,
  type VideoJob,
} from '../../kernel/ports/provider.ts'
import { refusalToTell, unreadable } from '../shared/asking.ts'
import { isObject, parseJson, textOf } from '../shared/json.ts'
import { fileAt } from '../shared/pictures.ts'
import { ask, checkWaiting, notUnderstood, send } from '../shared/wire.ts'
import { type Deployment, methodPath, readDeployment } from './call.ts'
import { hasError, refusalInside, refusalOf, refusalOfClip, wordsIn } from './refusal.ts'
import { chooseClip } from './shape.ts'

const MAX_BYTES = 4 * 1024 * 1024
/** As Google documents it. */
export const ASK_EVERY_MS = 10_000

type Operation = { name: string; seconds: number }

/** Starts a clip by `POST models/{model}:predictLongRunning` (protocols.md 5.3). Throws `ProviderError`. */
export async function startClip(outbound: Outbound, job: VideoJob, call: CallOptions): Promise<Step> {
  checkWaiting('google', call)
  const to = readDeployment(call.connection)
  if (job.prompt.trim() === '' && !job.source)
    throw new ProviderError('rejected', 'A prompt or a picture is needed.')
  if (!(job.width > 0 && job.height > 0 && job.seconds > 0)) {
    throw new ProviderError('rejected', 'Sides and seconds must be positive.')
  }
  const parameters = parametersOf(job, to)
  const reply = await send(outbound, to, {
    path: methodPath(job.model, 'predictLongRunning'),
    body: JSON.stringify({ instances: [instanceOf(job)], parameters }),
    contentType: 'application/json',
    maxBytes: MAX_BYTES,
    signal: call.signal,
  })
  const body = parseJson(reply.body)
  if (reply.status < 200 || reply.status >= 300) throw refusalOf(to, reply, body)
  if (hasError(body)) throw refusalInside(to, body)
  const name = isObject(body) ? textOf(body.name) : ''
  if (!isName(name)) throw notUnderstood(to, 'without the name of an operation')
  return pending({ name, seconds: parameters.durationSeconds })
}

/** Asks after a clip. Throws `ProviderError`. */
export async function checkClip(outbound: Outbound, operation: Json, call: CallOptions): Promise<Step> {
  const to = readDeployment(call.connection)
  const running = readOperation(operation)
  const reply = await ask(outbound, to, { path: running.name, maxBytes: MAX_BYTES, signal: call.signal })
  const body = parseJson(reply.body)
  if (reply.status !== 200) throw refusalToTell(to, reply, wordsIn(to, body))
  if (!isObject(body)) throw unreadable(to)
  if (body.done !== true) return pending(running)
  if (hasError(body)) throw refusalOfClip(to, body.error)
  const { uris, words } = readClips(body.response)
  // Google ends what its filters took as done, with nothing in it.
  if (uris.length === 0)
    throw new ProviderError('content', to.redact(`google: the clip was filtered${words}`))
  return {
    state: 'done',
    outputs: uris.map((uri) => clipAt(to, uri)),
    usage: { seconds: running.seconds * uris.length },
  }
}

/** The name of the operation, as Google's support wants it. */
export function remoteId(operation: Json): string | null {
  return readOperation(operation).name
}

const pending = (operation: Operation): Step => ({ state: 'pending', operation, checkAfterMs: ASK_EVERY_MS })

function instanceOf({ prompt, source }: VideoJob): object {
  return {
    ...(prompt.trim() !== '' && { prompt }),
    ...(source && {
      image: { bytesBase64Encoded: Buffer.from(source.bytes).toString('base64'), mimeType: source.mediaType },
    }),
  }
}

function parametersOf(job: VideoJob, { options }: Deployment) {
  const { personGeneration, isClipSeedSent, extraParameters } = options
  return {
    ...extraParameters,
    ...chooseClip(job, options),
    ...(personGeneration !== null && { personGeneration }),
    ...(isClipSeedSent && { seed: job.seed }),
  }
}

/** What is asked after becomes part of an address. */
function isName(name: string): boolean {
  return name.length <= 500 && /^(?!.*\.\.)[\w.-]+(\/[\w.-]+)+$/.test(name)
}

function readOperation(operation: Json): Operation {
  if (!isObject(operation)) throw new Error('not an operation of this provider')
  return { name: textOf(operation.name), seconds: Number(operation.seconds) }
}

function readClips(response: unknown): { uris: string[]; words: string } {
  const whole = isObject(response) ? response : {}
  const inside = isObject(whole.generateVideoResponse) ? whole.generateVideoResponse : whole
  const samples = inside.generatedSamples ?? inside.generatedVideos
  const uris = (Array.isArray(samples) ? samples : [])
    .map((sample) => (isObject(sample) && isObject(sample.video) ? textOf(sample.video.uri) : ''))
    .filter(Boolean)
  const reasons = Array.isArray(inside.raiMediaFilteredReasons)
    ? inside.raiMediaFilteredReasons.map(textOf)
    : []
  return { uris, words: reasons.length > 0 ? `: ${reasons.join(' ').slice(0, 200)}` : '' }
}

/**
 * Where a clip is fetched. Google's own files want the key, which goes to the host of the connection and to no other:
 * a file that an answer names at Google is fetched below the address that the operator set, as everything else is.
 */
function clipAt(to: Deployment, uri: string): Output {
  const [, file] = /\/(files\/[\w-]+:download)$/.exec(URL.parse(uri)?.pathname ?? '') ?? []
  const output = fileAt(to, file === undefined ? uri : to.endpoint(`${file}?alt=media`))
  return 'isOperatorConfigured' in output ? { ...output, headers: to.headers } : output
}
