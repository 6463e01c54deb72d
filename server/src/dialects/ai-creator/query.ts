import { refusal } from '../../kernel/errors.ts'
import type { PageRequest } from '../../kernel/paging.ts'
import { ZONE_MS } from './time.ts'

type Query = Readonly<Record<string, string>>

const MOST_ROWS = 100

/** Appendix I.5: `page` and `page_size`, 20 rows unless given; more than 100 means 100. */
export function readPage(query: Query): PageRequest {
  return {
    page: positive(query, 'page', 1, 1_000_000),
    limit: Math.min(MOST_ROWS, positive(query, 'page_size', 20, Number.MAX_SAFE_INTEGER)),
  }
}

function positive(query: Query, name: string, otherwise: number, most: number): number {
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

/** A value of a closed list; null when absent. @throws input_invalid for anything else */
export function readChoice<Choice extends string>(
  query: Query,
  name: string,
  choices: readonly Choice[],
): Choice | null {
  const text = given(query, name)
  if (text === null) return null
  const choice = choices.find((one) => one === text)
  if (choice === undefined) throw refusal('input_invalid', { field: name, problem: 'format' })
  return choice
}

const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?$/

/**
 * A moment as the document writes it: ISO 8601, in UTC+8 where it names no zone. Null for anything else, also for
 * days that do not exist, such as those of a year 0, which PostgreSQL cannot read.
 */
export function parseTime(text: string): Date | null {
  if (!INSTANT.test(text) || text.startsWith('0000')) return null
  const hasZone = /(Z|[+-]\d{2}:\d{2})$/.test(text)
  const time = new Date(hasZone ? text : `${text}+08:00`)
  if (Number.isNaN(time.getTime())) return null
  const local = new Date(time.getTime() + ZONE_MS).toISOString()
  return hasZone || local.startsWith(text.slice(0, 16)) ? time : null
}

const DAY_MS = 86_400_000

/** The beginning of a `YYYY-MM-DD` in UTC+8, plus whole days; null when absent. @throws input_invalid */
export function readDay(query: Query, name: string, plusDays = 0): Date | null {
  const text = given(query, name)
  if (text === null) return null
  const time = /^\d{4}-\d{2}-\d{2}$/.test(text) ? parseTime(`${text}T00:00`) : null
  if (time === null) throw refusal('input_invalid', { field: name, problem: 'format' })
  return new Date(time.getTime() + plusDays * DAY_MS)
}
