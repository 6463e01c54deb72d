import type { Json, ProviderConnection } from '../../kernel/ports/provider.ts'
import type { ChatOptions } from '../shared/openai/chat.ts'
import {
  checkNames,
  choose,
  problemOf,
  readExtraBody,
  readNumber,
  readTimeoutMs,
  wrongOption,
} from '../shared/options.ts'

/** The quirks of one deployment, read from `connection.options`; the README of this folder explains each. */
export type OpenAiOptions = ChatOptions & {
  /** `model`: by the model's name; `exact`: as asked; `off`: not sent; otherwise the sizes to choose from. */
  imageSize: 'model' | 'exact' | 'off' | readonly Size[]
  responseFormat: 'b64_json' | 'url' | null
  imageField: 'image' | 'image[]'
  /** 1…10; a job of more is several calls, one after another. */
  picturesPerCall: number
  /** Over one call, in milliseconds. */
  timeoutMs: number
}

export type Size = { width: number; height: number }

const NAMES = [
  'max_tokens_field',
  'most_tokens',
  'temperature',
  'stream_usage',
  'image_size',
  'response_format',
  'image_field',
  'pictures_per_call',
  'timeout_seconds',
  'extra_body',
]

/** What a job decides, an operator's extra fields may not. */
const OURS = ['model', 'messages', 'prompt', 'stream', 'n', 'image']

/** Image latency goes to minutes, and a local model may have to be loaded first (protocols.md 5.1, 5.9). */
const DEFAULT_TIMEOUT_SECONDS = 300

/** Reads the options. Throws `ProviderError('unavailable')`: a mistake here is the operator's, not a user's. */
export function readOptions({ url, options }: ProviderConnection): OpenAiOptions {
  checkNames('openai', options, NAMES)
  const format = choose('openai', options, 'response_format', ['off', 'b64_json', 'url'])
  return {
    maxTokensField: choose(
      'openai',
      options,
      'max_tokens_field',
      // OpenAI's own newer models refuse `max_tokens`; many compatible servers know nothing else.
      isOpenAiItself(url)
        ? ['max_completion_tokens', 'max_tokens', 'off']
        : ['max_tokens', 'max_completion_tokens', 'off'],
    ),
    ...readTemperature(options),
    mostTokens: readMostTokens(options.most_tokens),
    isUsageAsked: choose('openai', options, 'stream_usage', ['on', 'off']) === 'on',
    imageSize: readImageSize(options.image_size),
    responseFormat: format === 'off' ? null : format,
    imageField: choose('openai', options, 'image_field', ['image', 'image[]']),
    picturesPerCall: readNumber('openai', options, 'pictures_per_call', {
      least: 1,
      most: 10,
      fallback: 10,
      isWhole: true,
    }),
    timeoutMs: readTimeoutMs('openai', options, DEFAULT_TIMEOUT_SECONDS),
    extraBody: readExtraBody('openai', options, OURS),
  }
}

/** What is wrong with the options, in a sentence; null when nothing is. */
export function problemWith(connection: ProviderConnection): string | null {
  return problemOf(() => readOptions(connection))
}

function isOpenAiItself(url: string): boolean {
  return URL.parse(url)?.hostname === 'api.openai.com'
}

function readImageSize(given: Json | undefined): OpenAiOptions['imageSize'] {
  if (given === undefined || given === null) return 'model'
  if (given === 'model' || given === 'exact' || given === 'off') return given
  const sizes = (Array.isArray(given) ? given : [given]).map(readSize)
  if (sizes.length === 0) throw wrongOption('the openai option image_size names no size')
  return sizes
}

function readSize(given: Json): Size {
  const [, width, height] = /^([1-9]\d{1,4})x([1-9]\d{1,4})$/.exec(String(given)) ?? []
  if (width === undefined || height === undefined) {
    throw wrongOption('the openai option image_size is model, exact, off, or sizes such as 1024x1024')
  }
  return { width: Number(width), height: Number(height) }
}

function readTemperature(
  options: ProviderConnection['options'],
): Pick<OpenAiOptions, 'temperature' | 'isTemperatureSent'> {
  const { temperature: given } = options
  if (typeof given === 'number' && given >= 0 && given <= 2)
    return { temperature: given, isTemperatureSent: true }
  const isTemperatureSent = choose('openai', options, 'temperature', ['on', 'off']) === 'on'
  return { temperature: null, isTemperatureSent }
}

function readMostTokens(given: Json | undefined): number | null {
  if (given === undefined || given === null) return null
  if (typeof given === 'number' && Number.isSafeInteger(given) && given >= 1) return given
  throw wrongOption('the openai option most_tokens is a whole number above 0')
}
