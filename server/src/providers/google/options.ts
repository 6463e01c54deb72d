import type { Json, ProviderConnection } from '../../kernel/ports/provider.ts'
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

/** The quirks of one deployment, read from `connection.options`; the README of this folder explains each. */
export type GoogleOptions = {
  /** The most tokens a job may ask for; null for any number. */
  mostTokens: number | null
  isTemperatureSent: boolean
  /** In place of the job's own; null for that. */
  temperature: number | null
  /** What is sent as `thinkingConfig`; null for nothing. */
  thinking: { thinkingBudget: number } | { thinkingLevel: string } | null
  isSeedSent: boolean
  imageSize: 'by_size' | 'off' | '1K' | '2K' | '4K'
  isAspectRatioSent: boolean
  clipResolution: 'by_size' | 'off' | '720p' | '1080p'
  /** Lengths that the model makes, in seconds, the shortest first. */
  clipSeconds: readonly number[]
  isClipSeedSent: boolean
  personGeneration: string | null
  /** Over one call, in milliseconds. */
  timeoutMs: number
  extraBody: { readonly [name: string]: Json }
  /** Added to the `parameters` of a clip. */
  extraParameters: { readonly [name: string]: Json }
}

const VENDOR = 'google'
const NAMES = [
  'most_tokens',
  'temperature',
  'thinking',
  'seed',
  'image_size',
  'aspect_ratio',
  'clip_resolution',
  'clip_seconds',
  'clip_seed',
  'person_generation',
  'timeout_seconds',
  'extra_body',
  'extra_parameters',
]
/** What a job decides, an operator's extra fields may not. */
const OURS = ['contents', 'systemInstruction', 'generationConfig']
const OUR_PARAMETERS = ['aspectRatio', 'durationSeconds', 'resolution', 'sampleCount', 'numberOfVideos']
const LEVELS = ['minimal', 'low', 'medium', 'high']
const VEO_SECONDS = [4, 6, 8]
/** Large pictures take minutes. */
const DEFAULT_TIMEOUT_SECONDS = 300

/** Reads the options. Throws `ProviderError('unavailable')`: a mistake here is the operator's, not a user's. */
export function readOptions({ options }: Pick<ProviderConnection, 'options'>): GoogleOptions {
  checkNames(VENDOR, options, NAMES)
  const isOn = (name: string, fallback: 'on' | 'off'): boolean =>
    choose(VENDOR, options, name, fallback === 'on' ? ['on', 'off'] : ['off', 'on']) === 'on'
  return {
    mostTokens: readMostTokens(options),
    ...readTemperature(options),
    thinking: readThinking(options.thinking),
    isSeedSent: isOn('seed', 'on'),
    imageSize: choose(VENDOR, options, 'image_size', ['by_size', 'off', '1K', '2K', '4K']),
    isAspectRatioSent: choose(VENDOR, options, 'aspect_ratio', ['by_size', 'off']) === 'by_size',
    clipResolution: choose(VENDOR, options, 'clip_resolution', ['by_size', 'off', '720p', '1080p']),
    clipSeconds: readCounts(VENDOR, options, 'clip_seconds') ?? VEO_SECONDS,
    isClipSeedSent: isOn('clip_seed', 'off'),
    personGeneration: readPersonGeneration(options.person_generation),
    timeoutMs: readTimeoutMs(VENDOR, options, DEFAULT_TIMEOUT_SECONDS),
    extraBody: readExtraBody(VENDOR, options, OURS),
    extraParameters: readExtraBody(VENDOR, options, OUR_PARAMETERS, 'extra_parameters'),
  }
}

/** What is wrong with the options, in a sentence; null when nothing is. */
export function problemWith(connection: ProviderConnection): string | null {
  return problemOf(() => readOptions(connection))
}

function readMostTokens(options: ProviderConnection['options']): number | null {
  if (options.most_tokens === undefined || options.most_tokens === null) return null
  const bounds = { least: 1, most: Number.MAX_SAFE_INTEGER, fallback: 1, isWhole: true }
  return readNumber(VENDOR, options, 'most_tokens', bounds)
}

function readTemperature(
  options: ProviderConnection['options'],
): Pick<GoogleOptions, 'temperature' | 'isTemperatureSent'> {
  const { temperature: given } = options
  if (typeof given === 'number' && given >= 0 && given <= 2) {
    return { temperature: given, isTemperatureSent: true }
  }
  return {
    temperature: null,
    isTemperatureSent: choose(VENDOR, options, 'temperature', ['on', 'off']) === 'on',
  }
}

function readThinking(given: Json | undefined): GoogleOptions['thinking'] {
  if (given === undefined || given === null || given === 'model') return null
  if (typeof given === 'number' && Number.isInteger(given) && given >= -1) return { thinkingBudget: given }
  if (typeof given === 'string' && LEVELS.includes(given)) return { thinkingLevel: given }
  throw wrongOption(
    `the google option thinking is model, a budget in tokens (-1 for any), or one of ${LEVELS.join(', ')}`,
  )
}

function readPersonGeneration(given: Json | undefined): string | null {
  if (given === undefined || given === null || given === 'off') return null
  if (typeof given === 'string' && /^\w{1,40}$/.test(given)) return given
  throw wrongOption('the google option person_generation is off or a word such as allow_adult')
}
