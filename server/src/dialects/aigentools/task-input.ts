import type { Model } from '../../kernel/catalog/catalog.ts'
import { checkArguments } from '../../kernel/catalog/declaration.ts'
import type { Actor, Context } from '../../kernel/context.ts'
import { refusal } from '../../kernel/errors.ts'
import type { TaskInput } from '../../kernel/generation/task-input.ts'
import type { Json } from '../../kernel/ports/provider.ts'
import { storePictureFrom } from '../../kernel/uploads/take-picture.ts'
import { statesFor } from './models.ts'

/** The `body` of a task as a client sent it, in any of the shapes of facts/aigentools.md, 2.3. */
export type TaskBody = { readonly [name: string]: Json }

/** A body read: which model, and what it is asked for. */
export type ReadTask = TaskInput & { model: bigint }

/**
 * Finds the model a body means and reads its parameters. Address, headers and key come from the model alone, never
 * from the client (B3).
 *
 * @param otherwise the model when the body names none, as an edit may; null when it must.
 * @throws input_invalid, model_not_found
 */
export async function readTaskBody(
  context: Context,
  actor: Pick<Actor, 'role'>,
  body: TaskBody,
  otherwise: bigint | null,
): Promise<ReadTask> {
  const model = findModel(context, actor, body, otherwise)
  const { data } = body
  const { model_id: _id, modelId: _modelId, ...rest } = isObject(data) ? data : body
  const sent = isObject(data) ? rest : withoutModel(rest)
  if (model.kind === 'custom')
    return {
      kind: 'custom',
      model: model.id,
      input: { arguments: checkArguments(model.declaration.inputs, sent) },
    }
  const { inputs } = model.declaration
  const read = inputs.length > 0 ? checkArguments(inputs, sent) : sent
  return model.kind === 'video'
    ? { kind: 'video', model: model.id, input: await toVideoInput(context, read) }
    : { kind: 'image', model: model.id, input: await toImageInput(context, read) }
}

function isObject(value: Json | undefined): value is { [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** `model` is the front-end's `{model_url, model_name}`; anything else under that name is a parameter. */
function withoutModel({ model, ...rest }: TaskBody): TaskBody {
  return model === undefined || isObject(model) ? rest : { ...rest, model }
}

/** `model_id`, `modelId`, `data.modelId`, `data.model_id`, then `model.model_url`; a number beats an address. */
function findModel(
  context: Context,
  actor: Pick<Actor, 'role'>,
  body: TaskBody,
  otherwise: bigint | null,
): Model {
  const data = isObject(body.data) ? body.data : {}
  const id = [body.model_id, body.modelId, data.modelId, data.model_id].find((one) => one != null)
  const url = isObject(body.model) ? body.model.model_url : undefined
  const models = context.catalog.models().filter((model) => statesFor(actor).includes(model.state))
  const find = (named: string, fits: (model: Model) => boolean): Model => {
    const model = models.find((one) => ['image', 'video', 'custom'].includes(one.kind) && fits(one))
    if (!model) throw refusal('model_not_found', { model: named })
    return model
  }
  if (id !== undefined) {
    if (!/^[1-9]\d{0,17}$/.test(String(id)))
      throw refusal('input_invalid', { field: 'model_id', problem: 'format' })
    return find(String(id), (model) => model.id === BigInt(String(id)))
  }
  if (typeof url === 'string' && url !== '') return find(url, (model) => addressOf(model) === url)
  if (otherwise === null) throw refusal('input_invalid', { field: 'model_id', problem: 'missing' })
  return find(String(otherwise), (model) => model.id === otherwise)
}

function addressOf(model: Model): string | undefined {
  return model.channels.find((channel) => channel.connection)?.connection?.url
}

const LARGEST_SEED = 2_147_483_647

/** Reads a picture's parameters by the names that models of this trade use for them. */
async function toImageInput(context: Context, sent: TaskBody) {
  const { width, height } = readSize(sent, { width: 1_024, height: 1_024 })
  const strength = readNumber(sent, ['strength', 'denoising_strength'])
  const negativePrompt = readText(sent, ['negative_prompt', 'negativePrompt'])
  const input = {
    prompt: readText(sent, ['prompt', 'text', 'description']) ?? '',
    width,
    height,
    count: readNumber(sent, ['n', 'count', 'num_images', 'batch_size']) ?? 1,
    seed: readSeed(context, sent),
    guidance: readNumber(sent, ['guidance_scale', 'cfg_scale', 'guidance']) ?? 7,
    watermark: sent.watermark === true,
    ...(negativePrompt !== null && { negativePrompt }),
  }
  // Last, since it is stored: whatever else is wrong must not leave it behind.
  const source = await readSource(context, sent)
  return source === null ? input : { ...input, source, strength: strength ?? 0.6 }
}

async function toVideoInput(context: Context, sent: TaskBody) {
  const { width, height } = readSize(sent, { width: 1_280, height: 720 })
  const input = {
    prompt: readText(sent, ['prompt', 'text', 'description']) ?? '',
    width,
    height,
    seconds: readNumber(sent, ['duration', 'seconds']) ?? 5,
    fps: readNumber(sent, ['fps']) ?? 24,
    seed: readSeed(context, sent),
  }
  const source = await readSource(context, sent)
  return source === null ? input : { ...input, source }
}

function readText(sent: TaskBody, names: readonly string[]): string | null {
  const name = names.find((one) => sent[one] != null && sent[one] !== '')
  if (name === undefined) return null
  const value = sent[name]
  if (typeof value !== 'string') throw refusal('input_invalid', { field: name, problem: 'type' })
  return value
}

function readNumber(sent: TaskBody, names: readonly string[]): number | null {
  const name = names.find((one) => sent[one] != null && sent[one] !== '')
  if (name === undefined) return null
  const value = sent[name]
  const number = typeof value === 'string' && /^-?\d{1,15}(\.\d{1,10})?$/.test(value) ? Number(value) : value
  if (typeof number !== 'number') throw refusal('input_invalid', { field: name, problem: 'type' })
  return number
}

function readSeed(context: Context, sent: TaskBody): number {
  const seed = readNumber(sent, ['seed'])
  const isSeed = seed !== null && Number.isInteger(seed) && seed >= 1 && seed <= LARGEST_SEED
  return isSeed ? seed : context.ids.integer(1, LARGEST_SEED)
}

function readSize(sent: TaskBody, usual: { width: number; height: number }) {
  const size = readText(sent, ['size', 'resolution', 'image_size'])
  if (size === null) {
    return {
      width: readNumber(sent, ['width']) ?? usual.width,
      height: readNumber(sent, ['height']) ?? usual.height,
    }
  }
  const match = /^(\d{1,5})\s*[x×*]\s*(\d{1,5})$/i.exec(size.trim())
  if (!match) throw refusal('input_invalid', { field: 'size', problem: 'format' })
  return { width: Number(match[1]), height: Number(match[2]) }
}

async function readSource(context: Context, sent: TaskBody): Promise<string | null> {
  const names = ['image', 'image_url', 'imageUrl', 'init_image', 'first_frame']
  const address = readText(sent, names)
  const field = names.find((one) => sent[one] != null && sent[one] !== '') ?? 'image'
  return address === null ? null : storePictureFrom(context, field, address)
}
