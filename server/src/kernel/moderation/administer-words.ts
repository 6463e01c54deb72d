import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import { canonicalForm } from './canonical-form.ts'

// How operators say what users may not ask for. Every change is in force at once, in all processes.

/** So many make a matcher in about a quarter of a second. */
const MOST_WORDS = 50_000
const LONGEST_WORD = 100

const countWords = statement(
  'count words of list',
  'select count(*)::int as words from moderation_word where form <> all ($1)',
)
const addRows = statement(
  'add words to list',
  `insert into moderation_word (word, form) select * from unnest($1::text[], $2::text[])
   on conflict on constraint one_moderation_word_per_form do nothing returning id`,
)
const removeRows = statement(
  'remove words from list',
  'delete from moderation_word where form = any ($1) returning id',
)
const listRows = statement('list words', 'select word, created_at from moderation_word order by word')

/**
 * Adds words and phrases. One that reads like a word of the list is that word (`Foo` and `ｆｏｏ`).
 * @returns how many are new.
 * @throws input_invalid for `words`, with a sentence that names the bad one
 */
export async function addWords(context: Context, words: readonly string[]): Promise<number> {
  const trimmed = words.map((word) => word.trim())
  const forms = trimmed.map(formOf)
  const [others] = await context.db.rows<{ words: number }>(countWords, [forms])
  if ((others?.words ?? 0) + new Set(forms).size > MOST_WORDS)
    refuse('too_large', `A list has at most ${MOST_WORDS} words.`)
  const rows = await context.db.rows(addRows, [trimmed, forms])
  await announce(context)
  return rows.length
}

/** Removes words, however they are written. @returns how many the list had. @throws input_invalid */
export async function removeWords(context: Context, words: readonly string[]): Promise<number> {
  const rows = await context.db.rows(removeRows, [words.map(formOf)])
  await announce(context)
  return rows.length
}

/** The words in force, as they were written. */
export function listWords(context: Context): Promise<{ word: string; created_at: Date }[]> {
  return context.db.rows(listRows, [])
}

/** The words of a file: one a line; empty lines and those that begin with `#` are none. */
export function readWordFile(text: string): string[] {
  return text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
}

function formOf(word: string): string {
  if (word.length > LONGEST_WORD)
    refuse('too_long', `"${word.slice(0, 40)}…" is longer than ${LONGEST_WORD} characters.`)
  const form = canonicalForm(word)
  if (form === '') refuse('format', `"${word}" has no letter and no digit, and nothing else is compared.`)
  return form
}

function refuse(problem: 'too_long' | 'too_large' | 'format', reason: string): never {
  throw refusal('input_invalid', { field: 'words', problem, reason })
}

async function announce(context: Context): Promise<void> {
  await context.words.reload()
  context.events.publish('catalog')
}
