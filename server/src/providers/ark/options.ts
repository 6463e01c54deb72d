import type { Json, ProviderConnection } from '../../kernel/ports/provider.ts'
import type { ChatOptions } from '../shared/openai/chat.ts'
import {
  checkNames,
  choose,
  problemOf,
  readCounts,
  readExtraBody,
  readNumber,
  readTimeoutMs,
} from '../shared/options.ts'

/** The quirks of one deployment, read from `connection.options`; the README of this folder explains each. */
export type ArkOptions = ChatOptions & {
  /** How pictures come: inside the answer, or by an address that lives for a day. */
  responseFormat: 'b64_json' | 'url'
  /** Pixels of one picture, in place of what is known of the model; null for that. */
  leastPixels: number | null
  mostPixels: number | null
  /** Whether seed and guidance go out: by the model's name, always or never. */
  seeds: 'model' | 'on' | 'off'
  /** Whether a clip's size, length and seed go out as fields or as flags behind the prompt. */
  clipParameters: 'model' | 'fields' | 'flags'
  /** Lengths of a clip in seconds, the shortest first; null for what is known of the model. */
  seconds: readonly number[] | null
  resolutions: readonly ('480p' | '720p' | '1080p')[]
  /** Whether clips have sound; null leaves it to the model. */
  hasAudio: boolean | null
  /** Over one call, in milliseconds. */
  timeoutMs: number
}

const VENDOR = 'ark'
const NAMES = [
  'most_tokens',
  'temperature',
  'response_format',
  'least_pixels',
  'most_pixels',
  'seeds',
  'clip_parameters',
  'seconds',
  'most_resolution',
  'audio',
  'timeout_seconds',
  'extra_body',
]
/** What a job decides, an operator's extra fields may not. */
const OURS = [
  'model',
  'messages',
  'prompt',
  'content',
  'image',
  'stream',
  'size',
  'duration',
  'ratio',
  'resolution',
]
const RESOLUTIONS = ['480p', '720p', '1080p'] as const
/** Pictures of four megapixels take up to a minute or two. */
const DEFAULT_TIMEOUT_SECONDS = 300
const MOST_PIXELS = 100_000_000

/** Reads the options. Throws `ProviderError('unavailable')`: a mistake here is the operator's, not a user's. */
export function readOptions({ options }: Pick<ProviderConnection, 'options'>): ArkOptions {
  checkNames(VENDOR, options, NAMES)
  const whole = (name: string, most: number): number | null =>
    options[name] === undefined || options[name] === null
      ? null
      : readNumber(VENDOR, options, name, { least: 1, most, fallback: 1, isWhole: true })
  const audio = choose(VENDOR, options, 'audio', ['model', 'on', 'off'])
  const mostResolution = choose(VENDOR, options, 'most_resolution', ['1080p', '720p', '480p'])
  return {
    maxTokensField: 'max_tokens',
    mostTokens: whole('most_tokens', 1_000_000),
    isTemperatureSent: choose(VENDOR, options, 'temperature', ['on', 'off']) === 'on',
    temperature: null,
    isUsageAsked: true,
    responseFormat: choose(VENDOR, options, 'response_format', ['b64_json', 'url']),
    leastPixels: whole('least_pixels', MOST_PIXELS),
    mostPixels: whole('most_pixels', MOST_PIXELS),
    seeds: choose(VENDOR, options, 'seeds', ['model', 'on', 'off']),
    clipParameters: choose(VENDOR, options, 'clip_parameters', ['model', 'fields', 'flags']),
    seconds: readCounts(VENDOR, options, 'seconds'),
    resolutions: RESOLUTIONS.slice(0, RESOLUTIONS.indexOf(mostResolution) + 1),
    hasAudio: audio === 'model' ? null : audio === 'on',
    timeoutMs: readTimeoutMs(VENDOR, options, DEFAULT_TIMEOUT_SECONDS),
    extraBody: readExtraBody(VENDOR, options, OURS) as { readonly [name: string]: Json },
  }
}

/** What is wrong with the options, in a sentence; null when nothing is. */
export function problemWith(connection: ProviderConnection): string | null {
  return problemOf(() => readOptions(connection))
}
