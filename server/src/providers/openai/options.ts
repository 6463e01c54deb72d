import type { Json, ProviderConnection, ProviderKind } from '../../kernel/ports/provider.ts'
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
export type OpenAiOptions = Omit<ChatOptions, 'isTemperatureSent'> & {
  /** `model`: by the model's name. */
  temperatureSent: 'model' | 'on' | 'off'
  /** How long a model thinks before it writes: `model`: briefly where its name says that it thinks. */
  reasoningEffort: 'model' | 'off' | 'none' | 'minimal' | 'low' | 'medium' | 'high'
  /** `model`: by the model's name; `exact`: as asked; `off`: not sent; otherwise the sizes to choose from. */
  imageSize: 'model' | 'exact' | 'off' | readonly Size[]
  responseFormat: 'b64_json' | 'url' | null
  imageField: 'image' | 'image[]'
  /** Fields of pictures that an operator chooses, as they are sent. */
  pictureFields: Readonly<Record<string, Json>>
  /** 1…10; a job of more is several calls, one after another. */
  picturesPerCall: number
  videos: VideoOptions
  /** Over one call, in milliseconds. */
  timeoutMs: number
}

export type VideoOptions = {
  /** Off, no clip is started; one that was started before is asked after all the same. */
  isOn: boolean
  /** The sizes to choose from; null for any. */
  sizes: readonly Size[] | null
  /** The lengths to choose from; null for any. */
  seconds: readonly number[] | null
  /** Whether a clip that failed costs nothing, and so may be tried again. */
  isFailureFree: boolean
  checkEveryMs: number
}

export type Size = { width: number; height: number }

const NAMES = [
  'max_tokens_field',
  'most_tokens',
  'temperature',
  'stream_usage',
  'image_size',
  'response_format',
  'json_mode',
  'seed',
  'reasoning_effort',
  'quality',
  'background',
  'output_format',
  'output_compression',
  'moderation',
  'videos',
  'video_size',
  'video_seconds',
  'video_failures',
  'video_check_seconds',
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
    reasoningEffort: choose('openai', options, 'reasoning_effort', EFFORTS),
    isJsonAsked: choose('openai', options, 'json_mode', ['off', 'on']) === 'on',
    isSeedSent: choose('openai', options, 'seed', ['off', 'on']) === 'on',
    pictureFields: readPictureFields(options),
    videos: readVideos(options),
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
export function problemWith(connection: ProviderConnection, kind: ProviderKind): string | null {
  return problemOf(() => {
    const { videos } = readOptions(connection)
    if (kind === 'video' && !videos.isOn) throw wrongOption(VIDEOS_OFF)
  })
}

/** OpenAI's own were shut down on 2026-09-24 (protocols.md 0.1); some gateways go on speaking the wire. */
export const VIDEOS_OFF = 'openai makes clips only at gateways that have /videos: set the option videos to on'

function isOpenAiItself(url: string): boolean {
  return URL.parse(url)?.hostname === 'api.openai.com'
}

function readImageSize(given: Json | undefined): OpenAiOptions['imageSize'] {
  if (given === undefined || given === null) return 'model'
  if (given === 'model' || given === 'exact' || given === 'off') return given
  return readSizes(given, 'the openai option image_size is model, exact, off, or sizes such as 1024x1024')
}

function readSizes(given: Json, words: string): readonly Size[] {
  const sizes = (Array.isArray(given) ? given : [given]).map((one) => {
    const [, width, height] = /^([1-9]\d{1,4})x([1-9]\d{1,4})$/.exec(String(one)) ?? []
    if (width === undefined || height === undefined) throw wrongOption(words)
    return { width: Number(width), height: Number(height) }
  })
  if (sizes.length === 0) throw wrongOption(words)
  return sizes
}

/** What GPT image models know beside a job's own (protocols.md 5.1); each is left out until it is set. */
function readPictureFields(options: ProviderConnection['options']): Readonly<Record<string, Json>> {
  const fields: Record<string, Json> = {}
  for (const [name, choices] of Object.entries(PICTURE_FIELDS)) {
    const choice = choose('openai', options, name, ['off', ...choices])
    if (choice !== 'off') fields[name] = choice
  }
  if (options.output_compression !== undefined && options.output_compression !== null) {
    const bounds = { least: 0, most: 100, fallback: 100, isWhole: true }
    fields.output_compression = readNumber('openai', options, 'output_compression', bounds)
  }
  return fields
}

const PICTURE_FIELDS = {
  quality: ['auto', 'low', 'medium', 'high', 'xhigh', 'max', 'standard', 'hd'],
  background: ['auto', 'opaque', 'transparent'],
  output_format: ['png', 'jpeg', 'webp'],
  moderation: ['auto', 'low'],
} as const

const EFFORTS = ['model', 'off', 'none', 'minimal', 'low', 'medium', 'high'] as const

const VIDEO_SIZES = ['1280x720', '720x1280', '1792x1024', '1024x1792']
const VIDEO_SECONDS = [4, 8, 12]

function readVideos(options: ProviderConnection['options']): VideoOptions {
  const { video_size: size = VIDEO_SIZES, video_seconds: seconds = VIDEO_SECONDS } = options
  const checks = { least: 1, most: 600, fallback: 10 }
  return {
    isOn: choose('openai', options, 'videos', ['off', 'on']) === 'on',
    sizes:
      size === 'exact'
        ? null
        : readSizes(size, 'the openai option video_size is exact, or sizes such as 1280x720'),
    seconds: seconds === 'exact' ? null : readSeconds(seconds),
    isFailureFree: choose('openai', options, 'video_failures', ['charged', 'free']) === 'free',
    checkEveryMs: readNumber('openai', options, 'video_check_seconds', checks) * 1000,
  }
}

function readSeconds(given: Json): readonly number[] {
  const lengths = Array.isArray(given) ? given : [given]
  const sound = lengths.filter((one) => typeof one === 'number').filter((one) => one > 0 && one <= 600)
  if (sound.length > 0 && sound.length === lengths.length) return sound
  throw wrongOption('the openai option video_seconds is exact, or lengths such as [4, 8, 12]')
}

function readTemperature(
  options: ProviderConnection['options'],
): Pick<OpenAiOptions, 'temperature' | 'temperatureSent'> {
  const { temperature: given } = options
  if (typeof given === 'number' && given >= 0 && given <= 2)
    return { temperature: given, temperatureSent: 'on' }
  const temperatureSent = choose('openai', options, 'temperature', ['model', 'on', 'off'])
  return { temperature: null, temperatureSent }
}

function readMostTokens(given: Json | undefined): number | null {
  if (given === undefined || given === null) return null
  if (typeof given === 'number' && Number.isSafeInteger(given) && given >= 1) return given
  throw wrongOption('the openai option most_tokens is a whole number above 0')
}
