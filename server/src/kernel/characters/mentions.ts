import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'

type Mentioned = { id: bigint; name: string; mention: string | null; description: string }

// Only what occurs in the prompt comes over the wire; which mention is which is decided below. The house's come first
// and the newest own last, so that a later one takes the place of an earlier one of the same name.
const findMentioned = statement(
  'mentioned characters',
  `select id, name, mention, description from character
   where (account_id = $1 or account_id is null)
     and (position(lower(name) in lower($2)) > 0 or position(mention in lower($2)) > 0)
   order by account_id is not null, id`,
)

/**
 * Puts characters in the place of their mentions: `@handle` or `@name` of one that the caller may use, in any case,
 * becomes its name with what a model has to know of it, at its first mention; later ones become the name alone, so
 * that a prompt does not grow with how often it says one thing. The longest name that fits counts, and the caller's
 * own before the house's of the same one. Other mentions, and addresses of mail, stay as they are.
 *
 * @returns the prompt for a model, and the ids of those it mentions in the order they come.
 */
export async function expandMentions(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  prompt: string,
): Promise<{ prompt: string; characters: bigint[] }> {
  if (!/[@＠]/.test(prompt)) return { prompt, characters: [] }
  const found = await context.db.rows<Mentioned>(findMentioned, [actor.accountId, prompt])
  const byName = new Map<string, Mentioned>()
  const lengthsFound = new Set<number>()
  for (const one of found) {
    for (const name of one.mention === null ? [one.name] : [one.mention, one.name]) {
      byName.set(name.toLowerCase(), one)
      // As written: there are letters that are longer in lower case.
      lengthsFound.add(name.length)
    }
  }
  // Looked up by length instead of searched for: a name may be anything, a regular expression as well.
  const lengths = [...lengthsFound].sort((one, other) => other - one)
  return replaceMentions(prompt, (at) => {
    for (const length of lengths) {
      const character = byName.get(prompt.slice(at, at + length).toLowerCase())
      if (character && endsWord(prompt, at + length)) return { character, length }
    }
    return null
  })
}

/** @param find what stands at a place behind an `@`, and how long it is. */
function replaceMentions(
  prompt: string,
  find: (at: number) => { character: Mentioned; length: number } | null,
): { prompt: string; characters: bigint[] } {
  const told = new Set<bigint>()
  let text = ''
  let at = 0
  while (at < prompt.length) {
    const found = isMark(prompt, at) ? find(at + 1) : null
    if (found === null) {
      text += prompt.charAt(at)
      at += 1
      continue
    }
    const { character, length } = found
    text += told.has(character.id) ? character.name : describe(character)
    told.add(character.id)
    at += 1 + length
  }
  return { prompt: text, characters: [...told] }
}

function describe({ name, description }: Mentioned): string {
  return `${name}（角色${description && `：${description}`}）`
}

/** An `@` that begins a mention; inside a word it is part of an address. */
function isMark(prompt: string, at: number): boolean {
  const isAt = prompt[at] === '@' || prompt[at] === '＠'
  return isAt && !(at > 0 && /[A-Za-z0-9_.-]/.test(prompt.charAt(at - 1)))
}

/** `@fox` is not meant by `@foxtrot`; Chinese is written without spaces, so there a name ends where it ends. */
function endsWord(prompt: string, end: number): boolean {
  const isLetter = (at: number): boolean => /[A-Za-z0-9_]/.test(prompt.charAt(at))
  return !(isLetter(end - 1) && isLetter(end))
}
