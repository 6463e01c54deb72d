import { refusal } from '../../kernel/errors.ts'

/** A body of which only this much is known; what its fields are is read one by one. */
export type Fields = Readonly<Record<string, unknown>>

/**
 * A number of a body, or of a form, where numbers come as text; null when it is absent, null or empty.
 * @throws input_invalid for the field
 */
export function readNumber(
  fields: Fields,
  name: string,
  { least, most, whole = true }: { least: number; most: number; whole?: boolean },
): number | null {
  const value = fields[name]
  if (value === undefined || value === null || value === '') return null
  const number = typeof value === 'string' && /^-?\d{1,12}(\.\d{1,10})?$/.test(value) ? Number(value) : value
  if (typeof number !== 'number' || !Number.isFinite(number) || (whole && !Number.isInteger(number)))
    throw refusal('input_invalid', { field: name, problem: 'type' })
  if (number < least) throw refusal('input_invalid', { field: name, problem: 'too_small' })
  if (number > most) throw refusal('input_invalid', { field: name, problem: 'too_large' })
  return number
}

/** A text of a body, trimmed; null when it is absent, null or empty. @throws input_invalid for the field */
export function readText(fields: Fields, name: string, most: number): string | null {
  const value = fields[name]
  if (value === undefined || value === null) return null
  if (typeof value !== 'string') throw refusal('input_invalid', { field: name, problem: 'type' })
  const text = value.trim()
  if (text.length > most) throw refusal('input_invalid', { field: name, problem: 'too_long' })
  return text === '' ? null : text
}

/** The same where there must be one. @throws input_invalid for the field */
export function needText(fields: Fields, name: string, most: number): string {
  const text = readText(fields, name, most)
  if (text === null) throw refusal('input_invalid', { field: name, problem: 'missing' })
  return text
}

/** One of the words, in any case; null when it is absent. @throws input_invalid for the field */
export function readWord<Word extends string>(
  fields: Fields,
  name: string,
  words: readonly Word[],
): Word | null {
  const text = readText(fields, name, 100)?.toLowerCase() ?? null
  if (text === null) return null
  const word = words.find((one) => one === text)
  if (word === undefined) throw refusal('input_invalid', { field: name, problem: 'format' })
  return word
}

const LARGEST_SEED = 2_147_483_647

/** The seed of a body, whose 0 and -1 mean any, as is usual; then, and without one, `any`. @throws input_invalid */
export function readSeed(fields: Fields, any: () => number): number {
  const seed = readNumber(fields, 'seed', { least: -1, most: LARGEST_SEED })
  return seed === null || seed < 1 ? any() : seed
}
