import AhoCorasick from 'modern-ahocorasick'
import type { Database } from '../../db/database.ts'
import { statement } from '../../db/database.ts'
import type { Events } from '../ports/events.ts'
import { canonicalForm } from './canonical-form.ts'

/** What users may not ask for, as last read. */
export type WordList = {
  /** How many words there are. */
  size: () => number
  /** Whether any of these texts has a word of the list in it. A few milliseconds for ten thousand of each. */
  finds: (texts: readonly string[]) => boolean
  reload: () => Promise<void>
  close: () => void
}

// Words are added and deleted, never changed, and a new one has a higher number: both together tell of every change.
const readVersion = statement(
  'version of word list',
  'select count(*)::int as words, coalesce(max(id), 0) as newest from moderation_word',
)
const readWords = statement('words of list', 'select word from moderation_word')

// Events tell of changes at once; this finds those whose event was lost.
const RELOAD_MS = 15_000

/** Opens the word list of a site: read once now, again at every `catalog` event and every 15 s. */
export async function openWordList(
  db: Database,
  events: Events,
  onError: (error: unknown) => void,
): Promise<WordList> {
  let matcher: AhoCorasick | null = null
  let size = 0
  let version = ''
  let begun = 0
  let newest = 0

  const reload = async (): Promise<void> => {
    begun += 1
    const place = begun
    const [now] = await db.rows<{ words: number; newest: bigint }>(readVersion, [])
    const seen = `${now?.words} ${now?.newest}`
    if (seen === version && place > newest) {
      newest = place
      return
    }
    const rows = await db.rows<{ word: string }>(readWords, [])
    // Reloads that overlap end in any order, and an older read must not take back what a newer one saw.
    if (place < newest) return
    newest = place
    // Read a moment after its version: at worst the same words are read once more.
    version = seen
    size = rows.length
    // The forms of today's program, whichever one stored them.
    const forms = rows.map(({ word }) => canonicalForm(word)).filter((form) => form !== '')
    matcher = forms.length === 0 ? null : new AhoCorasick(forms)
  }

  await reload()
  const again = (): void => void reload().catch(onError)
  const stop = events.subscribe('catalog', null, again)
  const timer = setInterval(again, RELOAD_MS)
  timer.unref()

  return {
    size: () => size,
    finds: (texts) =>
      matcher !== null && texts.some((text) => text !== '' && matcher?.match(canonicalForm(text))),
    reload,
    close: () => {
      stop()
      clearInterval(timer)
    },
  }
}
