import type { Static } from 'typebox'
import { Type } from 'typebox'
import type { Issue } from '../../http/dialect.ts'
import { route } from '../../http/dialect.ts'
import type { ModelState } from '../../kernel/catalog/catalog.ts'
import type { ModelDetails, ServingChanges } from '../../kernel/catalog/models.ts'
import { createModel, listModels, readModel, updateModel } from '../../kernel/catalog/models.ts'
import { refusal } from '../../kernel/errors.ts'
import type { ModelKind } from '../../kernel/generation/task-input.ts'
import type { Credits } from '../../kernel/money.ts'
import { parseCredits, toNumber } from '../../kernel/money.ts'
import type { Json } from '../../kernel/ports/provider.ts'
import { given, readId } from '../shared/query.ts'
import { done, refuse } from './envelope.ts'
import { describeIssue } from './faults.ts'
import { readChoice } from './query.ts'
import type { Vendor } from './vendors.ts'
import { findVendor, firstName, readAddress, VENDOR_NAMES } from './vendors.ts'

const MOST_MODELS = 1_000
/** A deleted model is kept for the tasks that were made of it, and found by nobody. */
const LISTED: readonly ModelState[] = ['open', 'draft']

/** 10.1 获取AI模型列表. Models that are switched off are for administrators; keys are for nobody. */
const list = route({
  method: 'GET',
  path: '/models',
  allow: 'user',
  rate: 'read',
  run: async (context, actor, { query }) => {
    // A client in Python writes True.
    const { is_active = '' } = query
    const wanted = readChoice({ is_active: is_active.toLowerCase() }, 'is_active', ['true', 'false'])
    const states = LISTED.filter(
      (state) =>
        (state === 'open' || actor.role === 'admin') &&
        (wanted === null || (state === 'open') === (wanted === 'true')),
    )
    const provider = given(query, 'provider')
    const { items } = await listModels(context, {
      page: 1,
      limit: MOST_MODELS,
      search: null,
      kinds: null,
      states,
    })
    const models = items
      .filter((model) => provider === null || firstName(vendorOf(model)) === firstName(provider))
      .sort((one, other) => Number(one.id - other.id))
    return { models, present: actor.role === 'admin' ? presentForAdmin : presentModel }
  },
  reply: ({ models, present }) => done(models.map((model) => present(model))),
})

const Nullable = <Schema extends Parameters<typeof Type.Union>[0][number]>(schema: Schema) =>
  Type.Optional(Type.Union([schema, Type.Null()]))

/** What an administrator may send besides; `api_key` is only written, and a mask or nothing leaves it. */
const settings = {
  api_key: Nullable(Type.String({ maxLength: 4_000 })),
  api_base: Nullable(Type.String({ maxLength: 2_000 })),
  base_url: Nullable(Type.String({ maxLength: 2_000 })),
  config: Nullable(Type.Object({})),
  kind: Nullable(Type.String({ maxLength: 40 })),
  capabilities: Nullable(Type.Array(Type.String({ maxLength: 40 }), { maxItems: 20 })),
  credits_cost: Nullable(Type.Number()),
  is_active: Nullable(Type.Boolean()),
  description: Nullable(Type.String({ maxLength: 2_000 })),
}
const Name = Type.String({ minLength: 1, maxLength: 200 })
const VendorName = Type.String({ minLength: 1, maxLength: 60 })
const CreateModel = Type.Object({ name: Name, provider: VendorName, model_name: Name, ...settings })
const UpdateModel = Type.Object({
  name: Nullable(Name),
  provider: Nullable(VendorName),
  model_name: Nullable(Name),
  ...settings,
})

/** The kernel's names of what this document calls otherwise. */
const FIELDS: Readonly<Record<string, string>> = { url: 'api_base', secret: 'api_key', price: 'credits_cost' }

function explain({ field, problem }: Issue): string {
  if (field === 'provider' && problem === 'format')
    return `不支持的provider，可用的有：${VENDOR_NAMES.join('、')}`
  if (field === 'kind') return '该provider不支持此类型的模型，请检查config.kind'
  return describeIssue({ field: (Object.hasOwn(FIELDS, field) && FIELDS[field]) || field, problem })
}
const inputInvalid = (issue: Issue) => refuse(400, explain(issue))

/** 10.2 添加AI模型配置: from then on used by whoever names it. */
const create = route({
  method: 'POST',
  path: '/models',
  allow: 'admin',
  rate: 'write',
  body: CreateModel,
  refusals: { input_invalid: inputInvalid },
  run: (context, _actor, { body }) => {
    const { provider, base } = requireVendor(body.provider)
    const address = addressIn(body) ?? base
    if (provider === 'openai' && address === null)
      throw refusal('input_invalid', { field: 'api_base', problem: 'missing' })
    return createModel(context, {
      title: readText('name', body.name),
      description: body.description ?? '',
      kind: readKind(body) ?? 'text',
      state: body.is_active === false ? 'draft' : 'open',
      vendor: readText('provider', body.provider),
      declaration: { headers: [], inputs: [], outputs: [] },
      price: body.credits_cost == null ? null : readPrice(body.credits_cost),
      serving: {
        provider,
        vendorModel: readText('model_name', body.model_name),
        connection:
          address === null
            ? null
            : { url: address, ...keyIn(body), options: withConfig({}, body.config ?? {}) },
      },
    })
  },
  reply: (model) => done(presentForAdmin(model), '模型添加成功'),
})

/** 10.3 更新AI模型配置. What is absent or null stays. */
const update = route({
  method: 'PUT',
  path: '/models/:id',
  allow: 'admin',
  rate: 'write',
  body: UpdateModel,
  refusals: { input_invalid: inputInvalid },
  run: async (context, _actor, { body, params }) => {
    const id = readId('id', params.id)
    const before = await readModel(context, id, LISTED)
    const kind = readKind(body)
    if (kind !== null && kind !== before.kind)
      throw refusal('input_invalid', { field: 'kind', problem: 'format' })
    const serving = servingIn(body, before)
    return updateModel(
      context,
      id,
      {
        ...(body.name != null && { title: readText('name', body.name) }),
        ...(body.description != null && { description: body.description }),
        ...(body.is_active != null && { state: body.is_active ? 'open' : 'draft' }),
        ...(body.provider != null && { vendor: readText('provider', body.provider) }),
        ...(body.credits_cost != null && { price: readPrice(body.credits_cost) }),
        ...(serving && { serving }),
      },
      { states: LISTED, keepsDefault: true },
    )
  },
  reply: (model) => done(presentForAdmin(model), '模型更新成功'),
})

/** 10.4 删除AI模型配置: nobody finds it any more; tasks under way end as they would. */
const remove = route({
  method: 'DELETE',
  path: '/models/:id',
  allow: 'admin',
  rate: 'write',
  run: (context, _actor, { params }) =>
    updateModel(
      context,
      readId('id', params.id),
      { state: 'closed' },
      { states: LISTED, keepsDefault: true },
    ),
  reply: () => done(null, '模型已删除'),
})

type Sent = Static<typeof UpdateModel>

/** What a change says of how the model is served; undefined when nothing. */
function servingIn(body: Sent, before: ModelDetails): ServingChanges | undefined {
  const vendor = body.provider == null ? null : requireVendor(body.provider)
  const vendorModel = body.model_name == null ? undefined : readText('model_name', body.model_name)
  if (vendor?.provider === 'sketch')
    return { provider: 'sketch', vendorModel: vendorModel ?? 'sketch', connection: null }
  const isOwn = before.serving?.isOwn ?? false
  const isMoved = vendor !== null && firstName(body.provider ?? '') !== firstName(vendorOf(before))
  const url = addressIn(body) ?? (isMoved || !isOwn ? (vendor?.base ?? null) : null)
  const options = body.config && withConfig(isOwn ? (before.serving?.options ?? {}) : {}, body.config)
  const connection = { ...(url !== null && { url }), ...keyIn(body), ...(options && { options }) }
  // A key is not shown to another vendor because nobody thought of it.
  if (isOwn && isMoved && addressIn(body) === null && connection.secret === undefined)
    throw refusal('input_invalid', { field: 'api_key', problem: 'missing' })
  const isTouched = vendor !== null || vendorModel !== undefined || Object.keys(connection).length > 0
  if (!isTouched) return undefined
  // Nothing is known yet of the connection it is about to get.
  if (!isOwn) {
    if (vendor === null && url === null)
      throw refusal('input_invalid', { field: 'provider', problem: 'missing' })
    if (url === null) throw refusal('input_invalid', { field: 'api_base', problem: 'missing' })
    if (vendorModel === undefined) throw refusal('input_invalid', { field: 'model_name', problem: 'missing' })
  }
  return {
    ...((vendor !== null || !isOwn) && { provider: 'openai' }),
    ...(vendorModel !== undefined && { vendorModel }),
    connection,
  }
}

function requireVendor(name: string): Vendor {
  const vendor = findVendor(name)
  if (!vendor) throw refusal('input_invalid', { field: 'provider', problem: 'format' })
  return vendor
}

function addressIn({ api_base, base_url }: Sent): string | null {
  const text = (api_base ?? base_url ?? '').trim()
  return text === '' ? null : readAddress(text)
}

const MASK = /^\S{0,8}\*{3,}\S{0,8}$/

/** Nothing for no key, an empty one, or one that a screen has masked. */
function keyIn({ api_key: key }: Sent): { secret?: string } {
  const secret = (key ?? '').trim()
  return secret === '' || MASK.test(secret) ? {} : { secret }
}

/** What a model may be for, in the words of documents and of front-ends. */
const KINDS: Readonly<Record<string, ModelKind>> = {
  text: 'text',
  chat: 'text',
  writing: 'text',
  vision: 'vision',
  image: 'image',
  video: 'video',
  ppt: 'deck',
  deck: 'deck',
}

/** Null when the body does not say. */
function readKind({ kind, capabilities, config }: Sent): ModelKind | null {
  const more = (config ?? {}) as { kind?: unknown; capabilities?: unknown }
  const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
  const all = [kind, more.kind, ...list(capabilities), ...list(more.capabilities)]
  const named = all.find((one) => one !== undefined && one !== null)
  if (named === undefined) return null
  const known = typeof named === 'string' && Object.hasOwn(KINDS, named) ? KINDS[named] : undefined
  if (known === undefined) throw refusal('input_invalid', { field: 'kind', problem: 'format' })
  return known
}

/** The connection's options with what a `config` says; what it does not name stays. */
function withConfig(before: { readonly [name: string]: Json }, config: object): { [name: string]: Json } {
  const options = { ...before }
  for (const [name, value] of Object.entries(config) as [string, unknown][]) {
    if (name === 'kind' || name === 'capabilities') continue
    const option = name === 'temperature' ? 'temperature' : name === 'max_tokens' ? 'most_tokens' : null
    // A setting that changes nothing would look as if it did.
    if (option === null)
      throw refusal('input_invalid', { field: `config.${name.slice(0, 60)}`, problem: 'unknown_field' })
    if (value === null) delete options[option]
    else options[option] = readNumber(name, value)
  }
  return options
}

function readNumber(name: string, value: unknown): number {
  const field = `config.${name}`
  if (typeof value !== 'number') throw refusal('input_invalid', { field, problem: 'type' })
  const isSound =
    name === 'temperature' ? value >= 0 && value <= 2 : Number.isInteger(value) && value >= 1 && value <= 1e6
  if (!isSound) throw refusal('input_invalid', { field, problem: 'format' })
  return value
}

function readText(field: string, text: string): string {
  const trimmed = text.trim()
  if (trimmed === '') throw refusal('input_invalid', { field, problem: 'missing' })
  return trimmed
}

function readPrice(number: number): Credits {
  const price = parseCredits(number)
  if (price === null) throw refusal('input_invalid', { field: 'credits_cost', problem: 'format' })
  return price
}

/** As its administrator named it, or what serves it. */
function vendorOf({ vendor, serving }: ModelDetails): string {
  return vendor ?? serving?.provider ?? ''
}

function presentModel(model: ModelDetails) {
  return {
    id: Number(model.id),
    name: model.title,
    provider: vendorOf(model),
    model_name: model.serving?.vendorModel ?? '',
    is_active: model.state === 'open',
    credits_cost: toNumber(model.price),
    kind: model.kind,
    capabilities: [model.kind],
    description: model.description,
  }
}

function presentForAdmin(model: ModelDetails) {
  const { temperature, most_tokens: maxTokens } = model.serving?.options ?? {}
  return {
    ...presentModel(model),
    api_base: model.serving?.url ?? null,
    config: {
      ...(typeof temperature === 'number' && { temperature }),
      ...(maxTokens !== undefined && { max_tokens: maxTokens }),
    },
  }
}

export const modelRoutes = [list, create, update, remove]
