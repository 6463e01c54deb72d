/**
 * A text in pieces: what must stand and what may, so that a text can be made about as long as it was asked for
 * without cutting a sentence. Pieces keep their order; those that may stand are taken by rank, lowest first.
 */
export type Part = {
  text: string
  rank: number
  /** What stands between it and the piece before; an empty line when not given. */
  join?: string
}

export const must = (text: string): Part => ({ text, rank: 0 })
export const may = (rank: number, text: string): Part => ({ text, rank })

/** Goes on in the same paragraph, or in the next line of the same list. */
export const goOn = (rank: number, text: string, join = ''): Part => ({ text, rank, join })

/** Characters as an editor counts them: no white space and no marks of layout. */
export function countCharacters(text: string): number {
  return [...text.replace(/[\s#*>|`\-—·]/g, '')].length
}

/** Takes pieces as long as each brings the text nearer to its length, and joins them. */
export function assemble(parts: readonly Part[], target: number): string {
  let length = 0
  const taken = new Set<Part>()
  for (const part of [...parts].sort((a, b) => a.rank - b.rank)) {
    const more = countCharacters(part.text)
    if (part.rank > 0 && length + more - target > target - length) break
    length += more
    taken.add(part)
  }
  return parts
    .filter((part) => taken.has(part) && part.text !== '')
    .reduce((whole, { text, join }) => (whole === '' ? text : `${whole}${join ?? '\n\n'}${text}`), '')
}

export const list = (lines: readonly string[]): string => lines.map((line) => `- ${line}`).join('\n')
export const numbered = (lines: readonly string[]): string =>
  lines.map((line, index) => `${index + 1}. ${line}`).join('\n')
export const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n')

/** 一, 二, 三 … for headings; figures after ten. */
export const ordinal = (index: number): string => '一二三四五六七八九十'[index] ?? String(index + 1)
