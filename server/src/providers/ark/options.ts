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
  wrongOption,
} from '../shared/options.ts'

type Extra = { readonly [name: string]: Json }
export type Resolution = '480p' | '720p' | '1080p'

/** The quirks of one deployment, read from `connection.options`; the README of this folder explains each. */
export type ArkOptions = {
  chat: ChatOptions
  /** `model`: pixels by the model's name; `exact`: as wanted; otherwise sent as it is, such as `2K`. */
  imageSize: string
  /** Pixels that the model takes, in place of what is known of it. */
  pixels: { fewest: number; most: number } | null
  responseFormat: 'b64_json' | 'url'
  /** How several pictures are had: a call for each, or one call that makes a series. */
  several: 'calls' | 'series'
  /** Seed and guidance of pictures; `model` sends them to models of version 3 only. */
  picturesBySeed: 'model' | 'on' | 'off'
  clipFlags: 'fields' | 'text'
  sourceRatio: 'adaptive' | 'job'
  sourceRole: string | null
  resolutions: readonly Resolution[] | null
  clipSeconds: readonly number[] | null
  isClipSeedSent: boolean
  /** Whether a task that ended without a result cost nothing. */
  isFailureFree: boolean
  pictureBody: Extra
  clipBody: Extra
  /** Over one call, in milliseconds. */
  timeoutMs: number
}

const VENDOR = 'ark'
const NAMES = [
  'max_tokens_field',
  'most_tokens',
  'json_mode',
  'thinking',
  'text_body',
  'image_size',
  'image_pixels',
  'response_format',
  'several_pictures',
  'picture_seed',
  'clip_flags',
  'source_ratio',
  'source_role',
  'clip_resolutions',
  'clip_seconds',
  'clip_seed',
  'failed_tasks',
  'picture_body',
  'clip_body',
  'timeout_seconds',
]
const OUR_PICTURE_FIELDS = ['model', 'prompt', 'image', 'response_format', 'stream']
const OUR_CLIP_FIELDS = ['model', 'content', 'duration', 'resolution', 'ratio', 'seed']
const RESOLUTIONS: readonly Resolution[] = ['480p', '720p', '1080p']
const MOST_TOKENS = 1_000_000
/** Large pictures take a minute or two, and a series as long for each. */
const DEFAULT_TIMEOUT_SECONDS = 300

/** Reads the options. Throws `ProviderError('unavailable')`: a mistake here is the operator's, not a user's. */
export function readOptions({ options }: Pick<ProviderConnection, 'options'>): ArkOptions {
  checkNames(VENDOR, options, NAMES)
  return {
    chat: {
      maxTokensField: choose(VENDOR, options, 'max_tokens_field', [
        'max_tokens',
        'max_completion_tokens',
        'off',
      ]),
      mostTokens: readMostTokens(options),
      isTemperatureSent: true,
      temperature: null,
      isUsageAsked: true,
      isJsonAsked: choose(VENDOR, options, 'json_mode', ['off', 'on']) === 'on',
      extraBody: {
        ...readThinking(options),
        ...readExtraBody(VENDOR, options, ['model', 'messages', 'stream', 'thinking'], 'text_body'),
      },
    },
    imageSize: readWord(options.image_size, 'image_size', 'model'),
    pixels: readPixels(options.image_pixels),
    responseFormat: choose(VENDOR, options, 'response_format', ['b64_json', 'url']),
    several: choose(VENDOR, options, 'several_pictures', ['calls', 'series']),
    picturesBySeed: choose(VENDOR, options, 'picture_seed', ['model', 'on', 'off']),
    clipFlags: choose(VENDOR, options, 'clip_flags', ['fields', 'text']),
    sourceRatio: choose(VENDOR, options, 'source_ratio', ['adaptive', 'job']),
    sourceRole: readRole(options.source_role),
    resolutions: readResolutions(options.clip_resolutions),
    clipSeconds: readCounts(VENDOR, options, 'clip_seconds'),
    isClipSeedSent: choose(VENDOR, options, 'clip_seed', ['on', 'off']) === 'on',
    isFailureFree: choose(VENDOR, options, 'failed_tasks', ['free', 'charged']) === 'free',
    pictureBody: readExtraBody(VENDOR, options, OUR_PICTURE_FIELDS, 'picture_body'),
    clipBody: readExtraBody(VENDOR, options, OUR_CLIP_FIELDS, 'clip_body'),
    timeoutMs: readTimeoutMs(VENDOR, options, DEFAULT_TIMEOUT_SECONDS),
  }
}

/** What is wrong with the options, in a sentence; null when nothing is. */
export function problemWith(connection: ProviderConnection): string | null {
  return problemOf(() => readOptions(connection))
}

/**
 * Doubao thinks unless it is told not to, outside of `max_tokens`: what it thinks is billed, and no hold could be large
 * enough for it.
 */
function readThinking(options: ProviderConnection['options']): Extra {
  const type = choose(VENDOR, options, 'thinking', ['disabled', 'auto', 'enabled', 'off'])
  return type === 'off' ? {} : { thinking: { type } }
}

function readMostTokens(options: ProviderConnection['options']): number | null {
  if (options.most_tokens === undefined || options.most_tokens === null) return null
  return readNumber(VENDOR, options, 'most_tokens', {
    least: 1,
    most: MOST_TOKENS,
    fallback: 1,
    isWhole: true,
  })
}

function readWord(given: Json | undefined, name: string, usual: string): string {
  if (given === undefined || given === null) return usual
  if (typeof given === 'string' && /^\w{1,40}$/.test(given)) return given
  throw wrongOption(`the ark option ${name} is a word such as ${usual}`)
}

function readRole(given: Json | undefined): string | null {
  const role = readWord(given, 'source_role', 'first_frame')
  return role === 'off' ? null : role
}

function readPixels(given: Json | undefined): ArkOptions['pixels'] {
  if (given === undefined || given === null) return null
  const [fewest, most, ...others] = Array.isArray(given) ? given : []
  const isCount = (one: Json | undefined): one is number => Number.isSafeInteger(one) && Number(one) > 0
  if (isCount(fewest) && isCount(most) && fewest <= most && others.length === 0) return { fewest, most }
  throw wrongOption(
    'the ark option image_pixels is the fewest and the most pixels, such as [3686400, 16777216]',
  )
}

function readResolutions(given: Json | undefined): ArkOptions['resolutions'] {
  if (given === undefined || given === null) return null
  const words = Array.isArray(given) ? given : [given]
  const chosen = RESOLUTIONS.filter((one) => words.includes(one))
  if (chosen.length > 0 && chosen.length === words.length) return chosen
  throw wrongOption(`the ark option clip_resolutions is a list of ${RESOLUTIONS.join(', ')}`)
}
