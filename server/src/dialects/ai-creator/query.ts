import { refusal } from '../../kernel/errors.ts'
import type { PageRequest } from '../../kernel/paging.ts'
import type { Query } from '../shared/query.ts'
import { given, readPageOf } from '../shared/query.ts'
import { ZONE_MS } from './time.ts'

/** Appendix I.5: `page` and `page_size`, 20 rows unless given; more than 100 means 100. */
export function readPage(query: Query): PageRequest {
  return readPageOf(query, { limitName: 'page_size', usual: 20, most: 100 })
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
  // With a zone the year may still become 0.
  if (time.getUTCFullYear() < 1) return null
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
