import { type Json, type ProviderConnection, ProviderError } from '../../kernel/ports/provider.ts'

/** The quirks of one deployment, read from `connection.options`; the README of this folder explains each. */
export type OpenAiOptions = {
  maxTokensField: 'max_tokens' | 'max_completion_tokens' | 'off'
  isTemperatureSent: boolean
  /** In place of the job's own; null for that. */
  temperature: number | null
  /** The most tokens a job may ask for; null for any number. */
  mostTokens: number | null
  isUsageAsked: boolean
  /** `model`: by the model's name; `exact`: as asked; `off`: not sent; otherwise the sizes to choose from. */
  imageSize: 'model' | 'exact' | 'off' | readonly Size[]
  responseFormat: 'b64_json' | 'url' | null
  imageField: 'image' | 'image[]'
  /** 1…10; a job of more is several calls, one after another. */
  picturesPerCall: number
  /** Over one call, in milliseconds. */
  timeoutMs: number
  extraBody: { readonly [name: string]: Json }
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
  const unknown = Object.keys(options).find((name) => !NAMES.includes(name))
  if (unknown !== undefined) throw wrong(`openai has no option ${unknown}`)
  const format = choose(options, 'response_format', ['off', 'b64_json', 'url'])
  return {
    maxTokensField: choose(
      options,
      'max_tokens_field',
      // OpenAI's own newer models refuse `max_tokens`; many compatible servers know nothing else.
      isOpenAiItself(url)
        ? ['max_completion_tokens', 'max_tokens', 'off']
        : ['max_tokens', 'max_completion_tokens', 'off'],
    ),
    ...readTemperature(options),
    mostTokens: readMostTokens(options.most_tokens),
    isUsageAsked: choose(options, 'stream_usage', ['on', 'off']) === 'on',
    imageSize: readImageSize(options.image_size),
    responseFormat: format === 'off' ? null : format,
    imageField: choose(options, 'image_field', ['image', 'image[]']),
    picturesPerCall: readPicturesPerCall(options.pictures_per_call),
    timeoutMs: readTimeout(options.timeout_seconds) * 1000,
    extraBody: readExtraBody(options.extra_body),
  }
}

/** What is wrong with the options, in a sentence; null when nothing is. */
export function problemWith(connection: ProviderConnection): string | null {
  try {
    readOptions(connection)
    return null
  } catch (error) {
    if (error instanceof ProviderError) return error.message
    throw error
  }
}

function isOpenAiItself(url: string): boolean {
  return URL.parse(url)?.hostname === 'api.openai.com'
}

/** The first choice is the default. */
function choose<Choice extends string>(
  options: ProviderConnection['options'],
  name: string,
  choices: readonly [Choice, ...Choice[]],
): Choice {
  const given = options[name] ?? choices[0]
  const choice = choices.find((one) => one === given)
  if (choice === undefined) throw wrong(`the openai option ${name} is one of ${choices.join(', ')}`)
  return choice
}

function readImageSize(given: Json | undefined): OpenAiOptions['imageSize'] {
  if (given === undefined || given === null) return 'model'
  if (given === 'model' || given === 'exact' || given === 'off') return given
  const sizes = (Array.isArray(given) ? given : [given]).map(readSize)
  if (sizes.length === 0) throw wrong('the openai option image_size names no size')
  return sizes
}

function readSize(given: Json): Size {
  const [, width, height] = /^([1-9]\d{1,4})x([1-9]\d{1,4})$/.exec(String(given)) ?? []
  if (width === undefined || height === undefined) {
    throw wrong('the openai option image_size is model, exact, off, or sizes such as 1024x1024')
  }
  return { width: Number(width), height: Number(height) }
}

function readTemperature(
  options: ProviderConnection['options'],
): Pick<OpenAiOptions, 'temperature' | 'isTemperatureSent'> {
  const { temperature: given } = options
  if (typeof given === 'number' && given >= 0 && given <= 2)
    return { temperature: given, isTemperatureSent: true }
  const isTemperatureSent = choose(options, 'temperature', ['on', 'off']) === 'on'
  return { temperature: null, isTemperatureSent }
}

function readMostTokens(given: Json | undefined): number | null {
  if (given === undefined || given === null) return null
  if (typeof given === 'number' && Number.isSafeInteger(given) && given >= 1) return given
  throw wrong('the openai option most_tokens is a whole number above 0')
}

function readPicturesPerCall(given: Json | undefined): number {
  const count = given ?? 10
  if (typeof count === 'number' && Number.isInteger(count) && count >= 1 && count <= 10) return count
  throw wrong('the openai option pictures_per_call is a whole number from 1 to 10')
}

function readTimeout(given: Json | undefined): number {
  const seconds = given ?? DEFAULT_TIMEOUT_SECONDS
  if (typeof seconds === 'number' && seconds >= 1 && seconds <= 3_600) return seconds
  throw wrong('the openai option timeout_seconds is a number from 1 to 3600')
}

function readExtraBody(given: Json | undefined): OpenAiOptions['extraBody'] {
  if (given === undefined || given === null) return {}
  if (typeof given !== 'object' || Array.isArray(given)) {
    throw wrong('the openai option extra_body is an object')
  }
  const ours = Object.keys(given).find((name) => OURS.includes(name))
  if (ours !== undefined) throw wrong(`the openai option extra_body must not set ${ours}`)
  return given
}

function wrong(words: string): ProviderError {
  return new ProviderError('unavailable', words)
}
