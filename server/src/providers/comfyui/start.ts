import type { Outbound } from '../../kernel/ports/outbound.ts'
import {
  type CallOptions,
  type ImageJob,
  ProviderError,
  type Step,
  type VideoJob,
} from '../../kernel/ports/provider.ts'
import { encodeForm } from '../shared/form.ts'
import { isObject, parseJson, textOf } from '../shared/json.ts'
import { checkWaiting, notUnderstood, send } from '../shared/wire.ts'
import { askFor, MAX_BYTES, readServer, refusalOf, type Server } from './call.ts'
import { fillIn, type Graph, placeholdersIn } from './graph.ts'
import { pendingOf } from './operation.ts'
import { graphFor } from './options.ts'

/** What a model is called that stands for the first checkpoint of the server. */
export const FIRST_CHECKPOINT = 'default'
/** As far as AUTOMATIC1111 leaves a picture when nothing is said, which its users are used to. */
const USUAL_STRENGTH = 0.75

type Job = ImageJob | VideoJob

/** Puts a job's graph into the server's queue by `POST /prompt` (protocols.md 5.7). Throws `ProviderError`. */
export async function startGraph(outbound: Outbound, job: Job, call: CallOptions): Promise<Step> {
  checkWaiting('comfyui', call)
  const to = readServer(call.connection)
  checkJob(job)
  const graph = graphFor(to.options, job.model, job.kind)
  const prompt = fillIn(graph, await valuesFor(outbound, job, graph, to, call))
  checkWaiting('comfyui', call)
  const reply = await send(outbound, to, {
    path: 'prompt',
    // The queue and the history show `extra_data`, and with it our name of the job.
    body: JSON.stringify({ prompt, client_id: call.reference, extra_data: { reference: call.reference } }),
    contentType: 'application/json',
    maxBytes: MAX_BYTES,
    signal: call.signal,
  })
  const answer = parseJson(reply.body)
  if (reply.status !== 200) throw refusalOf(to, reply, answer)
  const id = isObject(answer) ? textOf(answer.prompt_id) : ''
  if (id === '') throw notUnderstood(to, 'without naming its job')
  return pendingOf(job, id, to)
}

function checkJob(job: Job): void {
  const demand = (holds: boolean, message: string): void => {
    if (!holds) throw new ProviderError('rejected', message)
  }
  demand(job.prompt.trim() !== '', 'A prompt is needed.')
  demand(job.width > 0 && job.height > 0, 'Sides must be positive.')
  demand(job.kind !== 'image_edit' || job.source !== undefined, 'Picture-to-picture needs a source picture.')
}

async function valuesFor(
  outbound: Outbound,
  job: Job,
  graph: Graph,
  to: Server,
  call: CallOptions,
): Promise<Record<string, string | number>> {
  const wanted = new Set(placeholdersIn(graph))
  const { steps, sampler, scheduler } = to.options
  const { prompt, width, height, seed } = job
  return {
    ...{ prompt, width, height, seed, steps, sampler, scheduler, reference: call.reference },
    ...(job.kind === 'video'
      ? { seconds: job.seconds, fps: job.fps, frames: job.seconds * job.fps, count: 1 }
      : { count: job.count, guidance: job.guidance, strength: job.strength ?? USUAL_STRENGTH }),
    negative_prompt: (job.kind !== 'video' && job.negativePrompt) || '',
    ...(wanted.has('model') && { model: await modelFor(outbound, job.model, to, call) }),
    ...(wanted.has('source') && { source: await upload(outbound, job, to, call) }),
  }
}

async function modelFor(outbound: Outbound, model: string, to: Server, call: CallOptions): Promise<string> {
  if (model !== FIRST_CHECKPOINT) return model
  const path = 'object_info/CheckpointLoaderSimple'
  const { CheckpointLoaderSimple: node } = await askFor(outbound, to, { path, signal: call.signal })
  const inputs =
    isObject(node) && isObject(node.input) && isObject(node.input.required) ? node.input.required : {}
  const names = Array.isArray(inputs.ckpt_name) ? inputs.ckpt_name[0] : null
  const [first] = Array.isArray(names) ? names : []
  if (typeof first === 'string') return first
  throw new ProviderError('unavailable', 'comfyui: the server has no checkpoint')
}

/** Sends the source to the server's input folder and returns its name there; nothing is made by it yet. */
async function upload(
  outbound: Outbound,
  { source }: Job,
  to: Server,
  { signal, reference }: CallOptions,
): Promise<string> {
  if (!source) throw new ProviderError('rejected', 'The model starts from a picture, and there is none.')
  // A name of its own each: the server counts upwards through all files of one name.
  const form = await encodeForm({}, [{ name: 'image', fileName: `${reference}.png`, ...source }])
  const said = await askFor(outbound, to, { method: 'POST', path: 'upload/image', ...form, signal })
  const name = textOf(said.name)
  if (name === '') throw new ProviderError('unavailable', 'comfyui: the source was not taken')
  const folder = textOf(said.subfolder)
  return folder === '' ? name : `${folder}/${name}`
}
