import { type Json, type ProviderConnection, ProviderError } from '../../kernel/ports/provider.ts'

type Given = ProviderConnection['options']

/** A mistake in a connection's options is its operator's, not a user's. */
export function wrongOption(words: string): ProviderError {
  return new ProviderError('unavailable', words)
}

/** Throws `ProviderError('unavailable')` for an option that a vendor does not have. */
export function checkNames(vendor: string, options: Given, names: readonly string[]): void {
  const unknown = Object.keys(options).find((name) => !names.includes(name))
  if (unknown !== undefined) throw wrongOption(`${vendor} has no option ${unknown}`)
}

/** One of several words; the first is the default. Throws `ProviderError('unavailable')`. */
export function choose<Choice extends string>(
  vendor: string,
  options: Given,
  name: string,
  choices: readonly [Choice, ...Choice[]],
): Choice {
  const given = options[name] ?? choices[0]
  const choice = choices.find((one) => one === given)
  if (choice === undefined) throw wrongOption(`the ${vendor} option ${name} is one of ${choices.join(', ')}`)
  return choice
}

/** A number within bounds. Throws `ProviderError('unavailable')`. */
export function readNumber(
  vendor: string,
  options: Given,
  name: string,
  bounds: { least: number; most: number; fallback: number; isWhole?: boolean },
): number {
  const { least, most, fallback, isWhole = false } = bounds
  const given = options[name] ?? fallback
  const isSound = typeof given === 'number' && given >= least && given <= most
  if (isSound && (!isWhole || Number.isInteger(given))) return given
  const what = isWhole ? 'a whole number' : 'a number'
  throw wrongOption(`the ${vendor} option ${name} is ${what} from ${least} to ${most}`)
}

/** `timeout_seconds`, over one call, in milliseconds. */
export function readTimeoutMs(vendor: string, options: Given, defaultSeconds: number): number {
  const bounds = { least: 1, most: 3_600, fallback: defaultSeconds }
  return readNumber(vendor, options, 'timeout_seconds', bounds) * 1000
}

/** `extra_body`, or an option like it: fields an operator adds to requests, none of those that a job decides. */
export function readExtraBody(
  vendor: string,
  options: Given,
  ours: readonly string[],
  option = 'extra_body',
): { readonly [name: string]: Json } {
  const given = options[option]
  if (given === undefined || given === null) return {}
  if (typeof given !== 'object' || Array.isArray(given)) {
    throw wrongOption(`the ${vendor} option ${option} is an object`)
  }
  const taken = Object.keys(given).find((name) => ours.includes(name))
  if (taken !== undefined) throw wrongOption(`the ${vendor} option ${option} must not set ${taken}`)
  return given
}

/** A list of whole numbers above 0, such as lengths in seconds; the smallest first. Throws `ProviderError('unavailable')`. */
export function readCounts(vendor: string, options: Given, name: string): readonly number[] | null {
  const given = options[name]
  if (given === undefined || given === null) return null
  const counts = Array.isArray(given) ? given : [given]
  const isSound = (one: Json): one is number => typeof one === 'number' && Number.isInteger(one) && one > 0
  if (counts.length === 0 || !counts.every(isSound)) {
    throw wrongOption(`the ${vendor} option ${name} is a list of whole numbers above 0`)
  }
  return counts.toSorted((a, b) => a - b)
}

/** What is wrong with a connection's options, in a sentence; null when nothing is. */
export function problemOf(read: () => unknown): string | null {
  try {
    read()
    return null
  } catch (error) {
    if (error instanceof ProviderError) return error.message
    throw error
  }
}
