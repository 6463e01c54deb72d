import { refusal } from '../../kernel/errors.ts'
import type { Credits } from '../../kernel/money.ts'
import { parseCredits } from '../../kernel/money.ts'
import type { PageRequest } from '../../kernel/paging.ts'
import type { Query } from '../shared/query.ts'
import { given, readId, readPageOf } from '../shared/query.ts'

/** `page` and `limit` of a list (tasks call it `page_size`); more than 200 rows a page means 200. */
export function readPage(query: Query, defaultLimit: number, limitName = 'limit'): PageRequest {
  return readPageOf(query, { limitName, usual: defaultLimit, most: 200 })
}

/** An id in a query; null when absent. */
export function readIdFilter(query: Query, name: string): bigint | null {
  const text = given(query, name)
  return text === null ? null : readId(name, text)
}

const WORDS: Readonly<Record<string, boolean>> = {
  ...{ '1': true, t: true, T: true, true: true, TRUE: true, True: true },
  ...{ '0': false, f: false, F: false, false: false, FALSE: false, False: false },
}

/** A yes or no in the words the earlier system took; null when absent. */
export function readSwitch(query: Query, name: string): boolean | null {
  const text = given(query, name)
  if (text === null) return null
  const value = Object.hasOwn(WORDS, text) ? WORDS[text] : undefined
  if (value === undefined) throw refusal('input_invalid', { field: name, problem: 'format' })
  return value
}

const DAY_MS = 86_400_000
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/

/**
 * A moment as RFC 3339, or a day as `YYYY-MM-DD` in UTC, as the front-end's tables send it; quotes around either
 * are forgiven (facts/aigentools.md, 2.8). `isEnd` makes a day mean its end.
 */
export function readMoment(query: Query, name: string, isEnd = false): Date | null {
  const text = given(query, name)?.replace(/^"(.*)"$/, '$1') ?? null
  if (text === null || text === '') return null
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(text)
  const moment = new Date(isDay ? `${text}T00:00:00Z` : INSTANT.test(text) ? text : Number.NaN)
  const isReal = !Number.isNaN(moment.getTime()) && (!isDay || moment.toISOString().startsWith(text))
  if (!isReal) throw refusal('input_invalid', { field: name, problem: 'format' })
  return isDay && isEnd ? new Date(moment.getTime() + DAY_MS) : moment
}

/** An amount of money, with at most four decimals; null when absent. */
export function readAmount(query: Query, name: string): Credits | null {
  const text = given(query, name)
  if (text === null) return null
  const amount = parseCredits(text)
  if (amount === null) throw refusal('input_invalid', { field: name, problem: 'format' })
  return amount
}
