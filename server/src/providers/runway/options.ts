import type { Json, ProviderConnection } from '../../kernel/ports/provider.ts'
import { readShape } from '../shared/nearest.ts'
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
export type RunwayOptions = {
  /** Sent as `X-Runway-Version`. */
  version: string
  /** What the model takes, in place of what is known of it; null for that. */
  ratios: readonly string[] | null
  /** Lengths of a clip in seconds, the shortest first; null for what is known of the model. */
  seconds: readonly number[] | null
  isSeedSent: boolean
  /** The longest picture that goes inside a request, as characters of its data address; a longer one is uploaded. */
  mostInline: number
  /** Over one call, in milliseconds. */
  timeoutMs: number
  extraBody: { readonly [name: string]: Json }
}

const VENDOR = 'runway'
const NAMES = ['version', 'ratios', 'seconds', 'seed', 'inline_bytes', 'timeout_seconds', 'extra_body']
/** What a job decides, an operator's extra fields may not. */
const OURS = [
  'model',
  'promptText',
  'promptImage',
  'referenceImages',
  'ratio',
  'duration',
  'seed',
  'outputCount',
]
const DEFAULT_VERSION = '2024-11-06'
/** A start only queues the job, but a picture of megabytes may travel with it. */
const DEFAULT_TIMEOUT_SECONDS = 120
const FIVE_MB = 5_000_000

/** Reads the options. Throws `ProviderError('unavailable')`: a mistake here is the operator's, not a user's. */
export function readOptions({ options }: Pick<ProviderConnection, 'options'>): RunwayOptions {
  checkNames(VENDOR, options, NAMES)
  return {
    version: readVersion(options.version),
    ratios: readRatios(options.ratios),
    seconds: readCounts(VENDOR, options, 'seconds'),
    isSeedSent: choose(VENDOR, options, 'seed', ['on', 'off']) === 'on',
    mostInline: readNumber(VENDOR, options, 'inline_bytes', {
      least: 0,
      most: FIVE_MB,
      fallback: FIVE_MB,
      isWhole: true,
    }),
    timeoutMs: readTimeoutMs(VENDOR, options, DEFAULT_TIMEOUT_SECONDS),
    extraBody: readExtraBody(VENDOR, options, OURS),
  }
}

/** What is wrong with the options, in a sentence; null when nothing is. */
export function problemWith(connection: ProviderConnection): string | null {
  return problemOf(() => readOptions(connection))
}

function readVersion(given: Json | undefined): string {
  if (given === undefined || given === null) return DEFAULT_VERSION
  if (typeof given === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(given)) return given
  throw wrongOption(`the runway option version is a date such as ${DEFAULT_VERSION}`)
}

function readRatios(given: Json | undefined): readonly string[] | null {
  if (given === undefined || given === null) return null
  const ratios = Array.isArray(given) ? given : [given]
  const isRatio = (one: Json): one is string =>
    typeof one === 'string' && /:/.test(one) && readShape(one) !== null
  if (ratios.length === 0 || !ratios.every(isRatio)) {
    throw wrongOption('the runway option ratios is a list such as ["1280:720", "720:1280"]')
  }
  return ratios
}
