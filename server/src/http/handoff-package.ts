import { strToU8, Zip, ZipPassThrough } from 'fflate'
import type { Context } from '../kernel/context.ts'
import type { Handoff } from '../kernel/publishing/handoff.ts'

/** The name of a hand-off's export: the platform and the title, without what file systems forbid. */
export function packageName({ guide, title }: Handoff): string {
  const safe = title.replace(/[\p{C}\\/:*?"<>|]/gu, '').trim()
  return `${guide.name}-${[...safe].slice(0, 30).join('') || '作品'}.zip`
}

/**
 * The work as a zip: its files numbered in order, `title.txt`, `body.txt` and `tags.txt`. Piece by piece, as it is
 * read: a clip is never held as a whole. Pictures and clips are compressed already, so nothing is deflated.
 */
export async function* packHandoff(
  context: Pick<Context, 'files' | 'clock'>,
  handoff: Handoff,
): AsyncGenerator<Uint8Array> {
  const ready: Uint8Array[] = []
  const zip = new Zip((error, chunk) => {
    if (error) throw error
    ready.push(chunk)
  })
  const begin = (name: string): ZipPassThrough => {
    const entry = new ZipPassThrough(name)
    entry.mtime = context.clock.now()
    zip.add(entry)
    return entry
  }
  for (const [index, { storeKey }] of handoff.files.entries()) {
    const extension = storeKey.slice(storeKey.lastIndexOf('.') + 1)
    const entry = begin(`${String(index + 1).padStart(2, '0')}.${extension}`)
    for await (const chunk of context.files.read(storeKey)) {
      entry.push(chunk as Uint8Array)
      yield* ready.splice(0)
    }
    entry.push(new Uint8Array(), true)
  }
  const texts = { 'title.txt': handoff.title, 'body.txt': handoff.body, 'tags.txt': hashtags(handoff.tags) }
  for (const [name, text] of Object.entries(texts)) begin(name).push(strToU8(text), true)
  zip.end()
  yield* ready.splice(0)
}

/** Topics as people write them: `#效率 #工具`. */
export function hashtags(tags: readonly string[]): string {
  return tags.map((tag) => `#${tag}`).join(' ')
}
