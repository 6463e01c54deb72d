import type { VendorDefinition } from '../../kernel/catalog/add-vendor.ts'
import type { VendorKind } from '../../kernel/catalog/vendors.ts'
import type { InputProblem } from '../../kernel/errors.ts'
import { refusal } from '../../kernel/errors.ts'
import type { Json } from '../../kernel/ports/provider.ts'

type CustomProvider = {
  type: 'image' | 'video' | 'assistant'
  name: string
  apiUrl: string
  apiKey: string
  config?: object
}

const KIND: Readonly<Record<CustomProvider['type'], VendorKind>> = {
  image: 'image',
  video: 'video',
  assistant: 'text',
}

function refuse(field: string, problem: InputProblem, reason?: string): never {
  throw refusal('input_invalid', { field, problem, ...(reason !== undefined && { reason }) })
}

/**
 * Reads what an administrator wrote of a vendor. `config.kind` is `openai` (or absent: a deployment that speaks OpenAI's
 * wire) or `http` (an API that the rest of `config` describes); `config.models` or `config.model` names its models,
 * `config.headers` are sent with each call. Everything else is an option of that wire
 * (providers/openai/README.md, providers/http-model/README.md).
 * @throws input_invalid
 */
export function readCustomProvider({
  type,
  name,
  apiUrl,
  apiKey,
  config = {},
}: CustomProvider): VendorDefinition {
  const { kind = 'openai', models, model, headers, ...options } = config as { [name: string]: Json }
  if (kind !== 'openai' && kind !== 'http') refuse('config.kind', 'format', '只能是 openai 或 http')
  if (type === 'video' && kind === 'openai')
    refuse('config.kind', 'format', 'OpenAI 兼容接口不能生成视频，请使用 http 并说明接口的请求和响应')
  if (type === 'assistant' && kind === 'http') refuse('config.kind', 'format', 'AI助手只支持 openai 兼容接口')
  const title = name.trim()
  return {
    kind: KIND[type],
    title,
    url: apiUrl.trim(),
    otherUrls: readOtherUrls(options.queryUrl),
    provider: kind,
    models: readModels(models, model, kind === 'http' ? [title] : []),
    options,
    secret: apiKey.trim(),
    headers: readHeaders(headers),
  }
}

/** What a job is asked after at, with some number in the place of its own. */
function readOtherUrls(queryUrl: Json | undefined): VendorDefinition['otherUrls'] {
  if (typeof queryUrl !== 'string') return []
  return [{ field: 'config.queryUrl', url: queryUrl.replaceAll(/%s|\{id\}/g, '0') }]
}

/** An API that is described in full may have but one model, which needs no name. */
function readModels(models: Json | undefined, model: Json | undefined, otherwise: string[]): string[] {
  if (models === undefined && model === undefined) return otherwise
  if (models === undefined) return typeof model === 'string' ? [model.trim()] : refuse('config.model', 'type')
  if (!Array.isArray(models)) refuse('config.models', 'type')
  return models.map((one, index) =>
    typeof one === 'string' ? one.trim() : refuse(`config.models[${index}]`, 'type'),
  )
}

function readHeaders(headers: Json | undefined): Record<string, string> {
  if (headers === undefined) return {}
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers))
    refuse('config.headers', 'type')
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) =>
      typeof value === 'string' ? [name, value] : refuse(`config.headers.${name}`, 'type'),
    ),
  )
}
