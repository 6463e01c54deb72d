import { refusal } from '../../kernel/errors.ts'
import type { PageRequest } from '../../kernel/paging.ts'

export type Query = Readonly<Record<string, string>>

/** The last page anybody may ask for: an offset beyond it would only cost the database. */
const LAST_PAGE = 1_000_000

/**
 * A page of a list. More rows than `most` mean `most`; anything but a positive number is refused.
 *
 * @throws input_invalid for the parameter's name
 */
export function readPageOf(
  query: Query,
  { limitName, usual, most }: { limitName: string; usual: number; most: number },
): PageRequest {
  return {
    page: readCount(query, 'page', 1, LAST_PAGE),
    limit: Math.min(most, readCount(query, limitName, usual, Number.MAX_SAFE_INTEGER)),
  }
}

function readCount(query: Query, name: string, otherwise: number, most: number): number {
  const text = given(query, name)
  if (text === null) return otherwise
  const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (Number.isNaN(number)) throw refusal('input_invalid', { field: name, problem: 'format' })
  if (number < 1) throw refusal('input_invalid', { field: name, problem: 'too_small' })
  if (number > most) throw refusal('input_invalid', { field: name, problem: 'too_large' })
  return number
}

/** A parameter as sent; null when it is absent or empty. */
export function given(query: Query, name: string): string | null {
  const text = (query[name] ?? '').trim()
  return text === '' ? null : text
}

/** An id in a path: a positive whole number. @throws input_invalid for `field` */
export function readId(field: string, text: string | undefined): bigint {
  if (text === undefined || !/^[1-9]\d{0,17}$/.test(text))
    throw refusal('input_invalid', { field, problem: 'format' })
  return BigInt(text)
}
