import type { Json, ProviderConnection } from '../../kernel/ports/provider.ts'
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
export type StabilityOptions = {
  accept: 'json' | 'image'
  outputFormat: 'png' | 'jpeg' | 'webp'
  isAspectRatioSent: boolean
  isGuidanceSent: boolean
  /** For edits that name none, 0…1. */
  strength: number
  stylePreset: string | null
  /** Over one call, in milliseconds. */
  timeoutMs: number
  /** Fields of the form, as text. */
  extraBody: Readonly<Record<string, string>>
}

const VENDOR = 'stability'
const NAMES = [
  'accept',
  'output_format',
  'aspect_ratio',
  'guidance',
  'strength',
  'style_preset',
  'timeout_seconds',
  'extra_body',
]
/** What a job decides, an operator's extra fields may not. */
const OURS = ['prompt', 'negative_prompt', 'model', 'mode', 'image', 'aspect_ratio', 'seed', 'strength']
const DEFAULT_TIMEOUT_SECONDS = 180

/** Reads the options. Throws `ProviderError('unavailable')`: a mistake here is the operator's, not a user's. */
export function readOptions({ options }: Pick<ProviderConnection, 'options'>): StabilityOptions {
  checkNames(VENDOR, options, NAMES)
  return {
    accept: choose(VENDOR, options, 'accept', ['json', 'image']),
    outputFormat: choose(VENDOR, options, 'output_format', ['png', 'jpeg', 'webp']),
    isAspectRatioSent: choose(VENDOR, options, 'aspect_ratio', ['by_size', 'off']) === 'by_size',
    isGuidanceSent: choose(VENDOR, options, 'guidance', ['off', 'on']) === 'on',
    strength: readNumber(VENDOR, options, 'strength', { least: 0, most: 1, fallback: 0.6 }),
    stylePreset: readStylePreset(options.style_preset),
    timeoutMs: readTimeoutMs(VENDOR, options, DEFAULT_TIMEOUT_SECONDS),
    extraBody: Object.fromEntries(
      Object.entries(readExtraBody(VENDOR, options, OURS)).map(([name, value]) => [name, fieldOf(value)]),
    ),
  }
}

/** What is wrong with the options, in a sentence; null when nothing is. */
export function problemWith(connection: ProviderConnection): string | null {
  return problemOf(() => readOptions(connection))
}

const fieldOf = (value: Json): string => (typeof value === 'string' ? value : JSON.stringify(value))

function readStylePreset(given: Json | undefined): string | null {
  if (given === undefined || given === null || given === 'off') return null
  if (typeof given === 'string' && /^[a-z0-9-]{1,40}$/.test(given)) return given
  throw wrongOption('the stability option style_preset is off or a name such as photographic')
}
