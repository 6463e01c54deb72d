import { refusal } from '../../kernel/errors.ts'
import type { PageRequest } from '../../kernel/paging.ts'
import type { Query } from '../shared/query.ts'
import { readPageOf } from '../shared/query.ts'

/** `page` and `limit` of a list. A limit over 100 means 100; anything but a positive number is refused (W15). */
export function readPage(query: Query, defaultLimit: number): PageRequest {
  return readPageOf(query, { limitName: 'limit', usual: defaultLimit, most: 100 })
}

const DAY_MS = 86_400_000

/** Midnight UTC of a `YYYY-MM-DD`, plus whole days; null when the parameter is absent. */
export function readDay(query: Query, name: string, plusDays = 0): Date | null {
  const text = query[name] ?? ''
  if (text === '') return null
  const day = /^\d{4}-\d{2}-\d{2}$/.test(text) ? new Date(`${text}T00:00:00Z`) : null
  // A day that does not exist (February 30) comes back as another one, or not at all.
  if (!day || Number.isNaN(day.getTime()) || day.toISOString().slice(0, 10) !== text) {
    throw refusal('input_invalid', { field: name, problem: 'format' })
  }
  return new Date(day.getTime() + plusDays * DAY_MS)
}

/** A value of a closed list; absent and unknown ones are null: the earlier system ignored unknown filters. */
export function readChoice<Choice extends string>(
  query: Query,
  name: string,
  choices: Readonly<Record<Choice, unknown>>,
): Choice | null {
  const text = query[name] ?? ''
  return Object.hasOwn(choices, text) ? (text as Choice) : null
}
