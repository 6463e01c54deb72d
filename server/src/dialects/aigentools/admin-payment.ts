import { Type } from 'typebox'
import type { Issue } from '../../http/dialect.ts'
import { route } from '../../http/dialect.ts'
import { refusal } from '../../kernel/errors.ts'
import type { PaymentChannel } from '../../kernel/payments/channels.ts'
import {
  addChannel,
  deleteChannel,
  listChannels,
  SECRET_MASK,
  updateChannel,
} from '../../kernel/payments/channels.ts'
import { readId } from '../shared/query.ts'
import { done, refuse } from './envelope.ts'
import { describeIssue } from './faults.ts'
import { presentTime } from './time.ts'

/** 7.3 获取支付配置列表. The key is never shown; the address is, by both of its names (facts/aigentools.md, 2.8). */
const list = route({
  method: 'GET',
  path: '/admin/payment/config',
  allow: 'admin',
  rate: 'read',
  run: (context) => listChannels(context),
  reply: (channels) => done('success', channels.map(presentConfig)),
})

function presentConfig(channel: PaymentChannel) {
  return {
    id: Number(channel.id),
    uuid: channel.uuid,
    name: channel.name,
    payment_method: channel.gateway,
    config: { pid: channel.merchant, key: SECRET_MASK, gateway: channel.url, url: channel.url },
    enable: channel.enabled,
    created_at: presentTime(channel.createdAt),
    updated_at: presentTime(channel.updatedAt),
  }
}

/** What the kernel calls the parts of a channel is `config` here. */
const namedHere = {
  payment_method_refused: () => refuse(400, 'unsupported payment_method'),
  input_invalid: ({ field, problem }: Issue) =>
    refuse(400, describeIssue({ field: FIELDS[field] ?? field, problem })),
}
const FIELDS: Readonly<Record<string, string>> = {
  url: 'config.gateway',
  merchant: 'config.pid',
  secret: 'config.key',
}

const optionalText = Type.Optional(Type.Union([Type.String({ maxLength: 500 }), Type.Null()]))

// The merchant id is a number to some; the address goes by two names. The front-end repeats the three at the top
// level, where they are ignored.
const Config = Type.Object({
  pid: Type.Optional(Type.Union([Type.String({ maxLength: 100 }), Type.Integer(), Type.Null()])),
  key: optionalText,
  gateway: optionalText,
  url: optionalText,
})

const CreateConfig = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 100 }),
  payment_method: Type.String({ minLength: 1, maxLength: 40 }),
  config: Config,
  enable: Type.Optional(Type.Union([Type.Boolean(), Type.Null()])),
})

/** 7.3 创建支付配置; `enable: false` stays false (facts/aigentools.md, B15). */
const create = route({
  method: 'POST',
  path: '/admin/payment/config',
  allow: 'admin',
  rate: 'write',
  body: CreateConfig,
  refusals: namedHere,
  run: (context, _actor, { body }) => {
    const { name, payment_method: method, config } = body
    if (method !== 'epay') throw refusal('payment_method_refused', { method })
    return addChannel(context, {
      name,
      gateway: method,
      url: required('config.gateway', config.gateway || config.url),
      merchant: required('config.pid', config.pid),
      secret: required('config.key', config.key),
      options: {},
      methods: [...context.preset.methods],
      enabled: body.enable ?? true,
    })
  },
  reply: ({ id, uuid }) => done('success', { id: Number(id), uuid }),
})

function required(field: string, value: string | number | null | undefined): string {
  const text = String(value ?? '').trim()
  if (text === '') throw refusal('input_invalid', { field, problem: 'missing' })
  return text
}

const UpdateConfig = Type.Object({
  name: optionalText,
  config: Type.Optional(Type.Union([Config, Type.Null()])),
  enable: Type.Optional(Type.Union([Type.Boolean(), Type.Null()])),
})

/** 7.3 更新支付配置; a key that is absent, empty or sent back as its mask stays. */
const update = route({
  method: 'PUT',
  path: '/admin/payment/config/:id',
  allow: 'admin',
  rate: 'write',
  body: UpdateConfig,
  refusals: namedHere,
  run: (context, _actor, { params, body }) =>
    updateChannel(context, readId('ID', params.id), {
      name: body.name?.trim(),
      enabled: body.enable ?? undefined,
      urls: [body.config?.gateway ?? '', body.config?.url ?? ''].map((url) => url.trim()),
      merchant: String(body.config?.pid ?? '').trim(),
      secret: body.config?.key?.trim(),
    }),
  reply: () => done('success', null),
})

/** 7.3 删除支付配置; its open orders are verified and credited all the same. */
const remove = route({
  method: 'DELETE',
  path: '/admin/payment/config/:id',
  allow: 'admin',
  rate: 'write',
  run: (context, _actor, { params }) => deleteChannel(context, readId('ID', params.id)),
  reply: () => done('success', null),
})

export const adminPaymentRoutes = [list, create, update, remove]
