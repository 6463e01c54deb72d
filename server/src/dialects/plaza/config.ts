import { Type } from 'typebox'
import type { Reply, Route } from '../../http/dialect.ts'
import { route } from '../../http/dialect.ts'
import { addVendor } from '../../kernel/catalog/add-vendor.ts'
import type { InUse, ModelChoice } from '../../kernel/catalog/choose-models.ts'
import { chooseModels, modelsInUse } from '../../kernel/catalog/choose-models.ts'
import type { VendorKind, VendorSummary } from '../../kernel/catalog/vendors.ts'
import { listVendors, VENDOR_KINDS } from '../../kernel/catalog/vendors.ts'
import type { ErrorDetails } from '../../kernel/errors.ts'
import { refusal } from '../../kernel/errors.ts'
import { readCustomProvider } from './custom-provider.ts'
import { done, refuse } from './envelope.ts'
import { describeIssue, refuseIssues } from './faults.ts'

/** The document's word for a kind, as in `assistantModel`. */
const WORD: Readonly<Record<VendorKind, 'image' | 'video' | 'assistant'>> = {
  image: 'image',
  video: 'video',
  text: 'assistant',
}

/** 1. 获取可用服务商列表: `GET /config/providers`; never a key, an address or a header. */
const providers = route({
  method: 'GET',
  path: '/config/providers',
  allow: 'user',
  rate: 'read',
  run: (context) => listVendors(context),
  reply: (vendors) =>
    done(
      Object.fromEntries(
        VENDOR_KINDS.map((kind) => [
          WORD[kind],
          vendors.filter((vendor) => vendor.kind === kind).map(presentVendor),
        ]),
      ),
    ),
})

/** `servedBy` says who really makes it: a documented name without a key is drawn by `sketch` (decided reading). */
function presentVendor({ name, title, isOpen, models, servedBy }: VendorSummary) {
  return { id: name, name: title, enabled: isOpen, models, servedBy: servedBy.join(', ') }
}

/** 2. 获取当前配置: `GET /config/current`. */
const current = route({
  method: 'GET',
  path: '/config/current',
  allow: 'user',
  rate: 'read',
  run: async (context) => modelsInUse(context),
  reply: (inUse) => done(presentCurrent(inUse)),
})

function presentCurrent(inUse: Record<VendorKind, InUse>): Record<string, string> {
  return Object.fromEntries(
    VENDOR_KINDS.flatMap((kind) => [
      [`${WORD[kind]}Provider`, inUse[kind].vendor ?? ''],
      [`${WORD[kind]}Model`, inUse[kind].model ?? ''],
    ]),
  )
}

const Name = Type.Optional(Type.String({ minLength: 1, maxLength: 200 }))
const UpdateProviders = Type.Object({
  imageProvider: Name,
  imageModel: Name,
  videoProvider: Name,
  videoModel: Name,
  assistantProvider: Name,
  assistantModel: Name,
})

const NEXT = '请从服务商列表（GET /config/providers）中选择'

/** 3. 更新服务商配置: `PUT /config/providers`; what is absent stays, and of what is given all is taken or nothing. */
const update = route({
  method: 'PUT',
  path: '/config/providers',
  allow: 'admin',
  rate: 'write',
  body: UpdateProviders,
  refusals: {
    input_invalid: () => refuse(400, '没有要更新的字段'),
    vendor_not_found: ({ vendor, kind }) =>
      refuse(400, '服务商不存在或未启用', `${fieldOf(kind, 'Provider')}：${vendor} 不存在或未启用，${NEXT}`),
    model_not_found: ({ model, kind }) =>
      refuse(400, '模型不存在或未启用', `${fieldOf(kind, 'Model')}：该服务商没有模型 ${model}，${NEXT}`),
  },
  run: async (context, _actor, { body }) => {
    const choices = VENDOR_KINDS.map((kind): ModelChoice => {
      const word = WORD[kind]
      return { kind, vendor: body[`${word}Provider`] ?? null, model: body[`${word}Model`] ?? null }
    }).filter(({ vendor, model }) => vendor !== null || model !== null)
    if (choices.length === 0) throw refusal('input_invalid', { field: '', problem: 'missing' })
    await chooseModels(context, choices)
    return modelsInUse(context)
  },
  reply: (inUse) => done(presentCurrent(inUse), '配置已更新'),
})

function fieldOf(kind: ErrorDetails['model_not_found']['kind'], part: 'Provider' | 'Model'): string {
  const known = VENDOR_KINDS.find((one) => one === kind)
  return known ? `${WORD[known]}${part}` : part
}

const CustomProvider = Type.Object({
  type: Type.Union([Type.Literal('image'), Type.Literal('video'), Type.Literal('assistant')]),
  name: Type.String({ minLength: 1, maxLength: 60 }),
  apiUrl: Type.String({ minLength: 1, maxLength: 2_000 }),
  apiKey: Type.String({ maxLength: 4_000 }),
  config: Type.Optional(Type.Object({})),
})

/** 4. 添加自定义服务商: `POST /config/providers/custom`; for administrators too, for it says where requests go. */
const custom = route({
  method: 'POST',
  path: '/config/providers/custom',
  allow: 'admin',
  rate: 'write',
  body: CustomProvider,
  refusals: {
    input_invalid: explainCustom,
    vendor_exists: ({ vendor }) => refuse(400, '同名服务商已存在', `name：${vendor} 已存在，请更换名称`),
  },
  run: (context, _actor, { body }) => addVendor(context, readCustomProvider(body)),
  reply: ({ kind, name, title, models }) =>
    done({ id: name, type: WORD[kind], name: title, enabled: true, models }, '添加成功', 201),
})

/** The document's words for what the kernel asks for. */
const FIELDS: Readonly<Record<string, string>> = {
  title: 'name',
  url: 'apiUrl',
  secret: 'apiKey',
  models: 'config.models',
  options: 'config',
  provider: 'config.kind',
}

function explainCustom({ field, problem, reason }: ErrorDetails['input_invalid']): Reply {
  const named = Object.hasOwn(FIELDS, field)
    ? (FIELDS[field] ?? field)
    : field.startsWith('headers')
      ? `config.${field}`
      : field
  const isAddress = named === 'apiUrl' || named === 'config.queryUrl'
  if (isAddress && problem === 'format') {
    const rule = '必须是以 https:// 开头的公网地址，内网地址须先由运维列入 OUTBOUND_ALLOW'
    return refuse(400, '请求参数错误', `${named}${rule}`)
  }
  if (reason === undefined) return refuseIssues([{ field: named, problem }])
  return refuse(400, '请求参数错误', `${describeIssue({ field: named, problem })}：${reason}`)
}

/** AI服务商配置接口. */
export const configRoutes: readonly Route[] = [providers, current, update, custom]
