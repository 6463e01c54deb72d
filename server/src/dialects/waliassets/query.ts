import { refusal } from '../../kernel/errors.ts'
import type { PageRequest } from '../../kernel/paging.ts'

type Query = Readonly<Record<string, string>>

const MOST_ROWS = 100

/** `page` and `limit` of a list. A limit over 100 means 100; anything but a positive number is refused (W15). */
export function readPage(query: Query, defaultLimit: number): PageRequest {
  return {
    page: positive(query, 'page', 1, 1_000_000),
    limit: Math.min(MOST_ROWS, positive(query, 'limit', defaultLimit, Number.MAX_SAFE_INTEGER)),
  }
}

function positive(query: Query, name: string, otherwise: number, most: number): number {
  const text = query[name] ?? ''
  if (text === '') return otherwise
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (Number.isNaN(number)) throw refusal('input_invalid', { field: name, problem: 'format' })
  if (number < 1) throw refusal('input_invalid', { field: name, problem: 'too_small' })
  if (number > most) throw refusal('input_invalid', { field: name, problem: 'too_large' })
  return number
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
