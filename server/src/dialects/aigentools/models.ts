import type { Static } from 'typebox'
import { Type } from 'typebox'
import { route } from '../../http/dialect.ts'
import type { ModelState } from '../../kernel/catalog/catalog.ts'
import type { Declaration } from '../../kernel/catalog/declaration.ts'
import { readDeclaration } from '../../kernel/catalog/declaration.ts'
import type { ModelChanges, ModelDetails } from '../../kernel/catalog/models.ts'
import { createModel, listModels, readModel, updateModel } from '../../kernel/catalog/models.ts'
import type { Actor } from '../../kernel/context.ts'
import { refusal } from '../../kernel/errors.ts'
import type { Credits } from '../../kernel/money.ts'
import { credits, parseCredits, toNumber } from '../../kernel/money.ts'
import { given, readId } from '../shared/query.ts'
import { done, refuse } from './envelope.ts'
import { readPage } from './query.ts'
import { presentTime } from './time.ts'

/** What tasks can be made of. */
const KINDS = ['image', 'video', 'custom'] as const
const STATES: readonly ModelState[] = ['open', 'closed', 'draft']

/** The states of the models somebody may see and use: drafts and closed ones are for administrators. */
export function statesFor(actor: Pick<Actor, 'role'>): readonly ModelState[] {
  return actor.role === 'admin' ? STATES : ['open']
}

/** 2.1 获取模型列表: `GET /models`. A user who asks for another status than `open` gets an empty list. */
const list = route({
  method: 'GET',
  path: '/models',
  allow: 'user',
  rate: 'read',
  run: (context, actor, { query }) => {
    const status = given(query, 'status')
    if (status !== null && !STATES.some((state) => state === status))
      throw refusal('input_invalid', { field: 'status', problem: 'format' })
    const states = statesFor(actor).filter((state) => status === null || state === status)
    return listModels(context, { ...readPage(query, 10), search: given(query, 'name'), kinds: KINDS, states })
  },
  reply: ({ items, total, page, limit }) =>
    done('Success', { models: items.map(presentModel), total, page, limit }),
})

const MOST_NAMES = 1_000

/** 2.2 获取模型名称列表: `GET /models/names`; the open ones, for everybody alike. */
const names = route({
  method: 'GET',
  path: '/models/names',
  allow: 'user',
  rate: 'read',
  run: (context) =>
    listModels(context, { page: 1, limit: MOST_NAMES, search: null, kinds: KINDS, states: ['open'] }),
  reply: ({ items }) =>
    done(
      'Success',
      items.map((model) => {
        const { parameters: _parameters, ...named } = presentModel(model)
        return named
      }),
    ),
})

/** 2.3 获取模型参数: `GET /models/:id/parameters`. */
const parameters = route({
  method: 'GET',
  path: '/models/:id/parameters',
  allow: 'user',
  rate: 'read',
  run: (context, actor, { params }) => readModel(context, readId('model ID', params.id), statesFor(actor)),
  reply: (model) => done('Success', presentDeclaration(model.declaration)),
})

const Status = Type.Union([Type.Literal('open'), Type.Literal('closed'), Type.Literal('draft')])
const Nullable = <Schema extends Parameters<typeof Type.Union>[0][number]>(schema: Schema) =>
  Type.Optional(Type.Union([schema, Type.Null()]))

/** What an administrator may send; `headers` and `api_key` are only written (decided reading *aigentools*). */
const optional = {
  description: Nullable(Type.String({ maxLength: 10_000 })),
  url: Nullable(Type.String({ maxLength: 2_000 })),
  price: Nullable(Type.Number()),
  parameters: Nullable(Type.Object({})),
  headers: Nullable(Type.Record(Type.String(), Type.String())),
  api_key: Nullable(Type.String({ maxLength: 4_000 })),
}
const CreateModel = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 200 }),
  status: Status,
  ...optional,
})
const UpdateModel = Type.Object({
  name: Nullable(Type.String({ minLength: 1, maxLength: 200 })),
  status: Nullable(Status),
  ...optional,
})

const LARGEST_MODEL = 4 * 1_048_576

/** 2.4 创建模型: `POST /models/create`. */
const create = route({
  method: 'POST',
  path: '/models/create',
  allow: 'admin',
  rate: 'write',
  body: CreateModel,
  bodyLimit: LARGEST_MODEL,
  refusals: { forbidden: () => refuse(403, 'Only admin can create models') },
  run: (context, _actor, { body }) => {
    const { description, declaration, price, kind, serving } = toChanges(body)
    const { connection } = serving ?? {}
    const url = connection?.url
    return createModel(context, {
      title: readName(body.name),
      state: body.status,
      description: description ?? '',
      kind: kind ?? 'image',
      serving: url ? { provider: 'http', vendorModel: '', connection: { ...connection, url } } : null,
      // The front-end sends null for a field left empty (facts 2.8): free.
      price: price ?? credits(0n),
      declaration: declaration ?? { headers: [], inputs: [], outputs: [] },
    })
  },
  reply: (model) => done('Model created successfully', presentModel(model), 201),
})

/** 2.5 更新模型: `PUT /models/:id`. An absent or null field stays; an empty `url` takes the address away. */
const update = route({
  method: 'PUT',
  path: '/models/:id',
  allow: 'admin',
  rate: 'write',
  body: UpdateModel,
  bodyLimit: LARGEST_MODEL,
  refusals: { forbidden: () => refuse(403, 'Only admin can update models') },
  run: (context, _actor, { body, params }) =>
    updateModel(context, readId('model ID', params.id), {
      ...toChanges(body),
      ...(body.name != null && { title: readName(body.name) }),
      ...(body.status != null && { state: body.status }),
    }),
  reply: (model) => done('Model updated successfully', presentModel(model)),
})

/** 2.6 更新模型状态: `PATCH /models/:id/status`. */
const setStatus = route({
  method: 'PATCH',
  path: '/models/:id/status',
  allow: 'admin',
  rate: 'write',
  body: Type.Object({ status: Status }),
  refusals: { forbidden: () => refuse(403, 'Only admin can update model status') },
  run: (context, _actor, { body, params }) =>
    updateModel(context, readId('model ID', params.id), { state: body.status }),
  reply: () => done('Status updated successfully', null),
})

const MASK = /^\*{3,}$/

function toChanges(body: Static<typeof UpdateModel>): ModelChanges {
  const { description, price } = body
  const declaration = body.parameters == null ? undefined : readParameters(body.parameters)
  return {
    ...(description != null && { description }),
    ...(price != null && { price: readPrice(price) }),
    ...(declaration && { declaration }),
    ...toServing(body, declaration),
  }
}

/** An address makes a model a call of the operator's own; an empty one makes it a maker of pictures again. */
function toServing(
  { url: address, headers, api_key: secret }: Static<typeof UpdateModel>,
  declaration: Declaration | undefined,
): Pick<ModelChanges, 'kind' | 'serving'> {
  const url = address?.trim()
  if (url === '') return { kind: 'image', serving: null }
  const connection = {
    ...(url !== undefined && { url }),
    ...(headers != null && { headers }),
    ...(secret != null && !MASK.test(secret) && { secret: secret.trim() }),
    // Where the answer says what is part of the call (providers/http-model).
    ...(declaration && { options: { outputs: [...declaration.outputs] } }),
  }
  if (url === undefined) return { serving: { connection } }
  return { kind: 'custom', serving: { provider: 'http', vendorModel: '', connection } }
}

function readName(text: string): string {
  const name = text.trim()
  if (name === '') throw refusal('input_invalid', { field: 'name', problem: 'missing' })
  return name
}

function readPrice(number: number): Credits {
  const price = parseCredits(number)
  if (price === null) throw refusal('input_invalid', { field: 'price', problem: 'format' })
  return price
}

/** The document's names for what the kernel calls headers, inputs and outputs. */
const NAMES = { headers: 'request_header', inputs: 'request_body', outputs: 'response_parameters' } as const

function readParameters(value: unknown): Declaration {
  return readDeclaration('parameters', NAMES, value)
}

function presentDeclaration({ headers, inputs, outputs }: Declaration) {
  return { request_header: headers, request_body: inputs, response_parameters: outputs }
}

/** The operator's own address that serves it; empty when a provider does. */
function addressOf({ serving }: ModelDetails): string {
  return (serving?.provider === 'http' && serving.url) || ''
}

function presentModel(model: ModelDetails) {
  return {
    id: Number(model.id),
    name: model.title,
    description: model.description,
    status: model.state,
    url: addressOf(model),
    price: toNumber(model.price),
    parameters: presentDeclaration(model.declaration),
    created_at: presentTime(model.createdAt),
    updated_at: presentTime(model.updatedAt),
  }
}

export const modelRoutes = [list, names, parameters, create, update, setStatus]
