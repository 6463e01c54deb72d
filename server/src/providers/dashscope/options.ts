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

/** The quirks of one deployment, read from `connection.options`; the README of this folder explains each. */
export type DashScopeOptions = {
  chat: ChatOptions
  /** How pictures are asked for; `model` goes by the model's name. */
  pictureWire: 'model' | 'sync' | 'async'
  /** Below the base address. */
  syncPath: string
  asyncPath: string
  clipPath: string
  /** With `{id}`. */
  cancelPath: string
  /** Where an answer has its pictures or clips: the first path that leads to any. */
  picturesAt: readonly string[]
  clipsAt: readonly string[]
  /** Null: what is known of the model. */
  picturesPerCall: number | null
  imageSize: 'model' | 'exact' | 'off'
  isPictureSeedSent: boolean
  clipSeconds: readonly number[] | null
  isClipSeedSent: boolean
  /** `wan2.6-t2v` becomes `wan2.6-i2v` for a job with a first picture, and the other way round. */
  areModelsPaired: boolean
  /** Whether a task that ended without a result cost nothing. */
  isFailureFree: boolean
  pictureParameters: Extra
  clipParameters: Extra
  /** Over one call, in milliseconds. */
  timeoutMs: number
}

const VENDOR = 'dashscope'
const NAMES = [
  'max_tokens_field',
  'most_tokens',
  'json_mode',
  'text_body',
  'picture_wire',
  'sync_path',
  'async_path',
  'clip_path',
  'cancel_path',
  'pictures_at',
  'clips_at',
  'pictures_per_call',
  'image_size',
  'picture_seed',
  'clip_seconds',
  'clip_seed',
  'pair_models',
  'failed_tasks',
  'picture_parameters',
  'clip_parameters',
  'timeout_seconds',
]
const MOST_TOKENS = 1_000_000
const MOST_PER_CALL = 10
/** A synchronous picture takes one to two minutes (protocols.md 5.5). */
const DEFAULT_TIMEOUT_SECONDS = 300

/** Reads the options. Throws `ProviderError('unavailable')`: a mistake here is the operator's, not a user's. */
export function readOptions({ options }: Pick<ProviderConnection, 'options'>): DashScopeOptions {
  checkNames(VENDOR, options, NAMES)
  const isOn = (name: string): boolean => choose(VENDOR, options, name, ['on', 'off']) === 'on'
  const path = (name: string, usual: string): string => readPath(options[name], name, usual)
  const count = (name: string, most: number): number | null =>
    options[name] === undefined || options[name] === null
      ? null
      : readNumber(VENDOR, options, name, { least: 1, most, fallback: 1, isWhole: true })
  return {
    chat: {
      maxTokensField: choose(VENDOR, options, 'max_tokens_field', [
        'max_tokens',
        'max_completion_tokens',
        'off',
      ]),
      mostTokens: count('most_tokens', MOST_TOKENS),
      isTemperatureSent: true,
      temperature: null,
      isUsageAsked: true,
      isJsonAsked: choose(VENDOR, options, 'json_mode', ['off', 'on']) === 'on',
      extraBody: readExtraBody(VENDOR, options, ['model', 'messages', 'stream'], 'text_body'),
    },
    pictureWire: choose(VENDOR, options, 'picture_wire', ['model', 'sync', 'async']),
    syncPath: path('sync_path', 'api/v1/services/aigc/multimodal-generation/generation'),
    asyncPath: path('async_path', 'api/v1/services/aigc/text2image/image-synthesis'),
    clipPath: path('clip_path', 'api/v1/services/aigc/video-generation/video-synthesis'),
    cancelPath: path('cancel_path', 'api/v1/tasks/{id}/cancel'),
    picturesAt: readPlaces(options.pictures_at, 'pictures_at', [
      'output.choices.*.message.content.*.image',
      'output.results.*.url',
      'output.results.*.image',
    ]),
    clipsAt: readPlaces(options.clips_at, 'clips_at', [
      'output.video_url',
      'output.results.video_url',
      'output.results.*.url',
    ]),
    picturesPerCall: count('pictures_per_call', MOST_PER_CALL),
    imageSize: choose(VENDOR, options, 'image_size', ['model', 'exact', 'off']),
    isPictureSeedSent: isOn('picture_seed'),
    clipSeconds: readCounts(VENDOR, options, 'clip_seconds'),
    isClipSeedSent: isOn('clip_seed'),
    areModelsPaired: isOn('pair_models'),
    isFailureFree: choose(VENDOR, options, 'failed_tasks', ['free', 'charged']) === 'free',
    pictureParameters: readExtraBody(VENDOR, options, ['n', 'size', 'seed'], 'picture_parameters'),
    clipParameters: readExtraBody(VENDOR, options, ['duration', 'size', 'seed'], 'clip_parameters'),
    timeoutMs: readTimeoutMs(VENDOR, options, DEFAULT_TIMEOUT_SECONDS),
  }
}

/** What is wrong with the options, in a sentence; null when nothing is. */
export function problemWith(connection: ProviderConnection): string | null {
  return problemOf(() => readOptions(connection))
}

function readPath(given: Json | undefined, name: string, usual: string): string {
  if (given === undefined || given === null) return usual
  if (typeof given === 'string' && /^[\w./{}-]{1,200}$/.test(given)) return given.replace(/^\/+/, '')
  throw wrongOption(`the dashscope option ${name} is a path such as ${usual}`)
}

function readPlaces(given: Json | undefined, name: string, usual: readonly string[]): readonly string[] {
  if (given === undefined || given === null) return usual
  const places = Array.isArray(given) ? given : [given]
  const isPlace = (one: Json): one is string =>
    typeof one === 'string' && /^[\w*]+(\.[\w*]+){0,20}$/.test(one)
  if (places.length > 0 && places.every(isPlace)) return places
  throw wrongOption(`the dashscope option ${name} is a list of paths such as ${usual[0]}`)
}
