const HASHTAG = /(?<![\p{L}\p{N}_&/])#([\p{L}\p{N}_]{1,30})/gu
const MOST_TAGS = 10

/** The topics a text names itself (`#效率`), each once; headings are none, for they have a space after the `#`. */
export function hashtagsIn(text: string): string[] {
  const tags = [...text.matchAll(HASHTAG)].map(([, tag]) => tag ?? '')
  return [...new Set(tags)].slice(0, MOST_TAGS)
}

const RULES: readonly (readonly [RegExp, string])[] = [
  [/\r\n?/g, '\n'],
  [/^```.*$/gm, ''],
  // A picture is handed over as a file, a link keeps its address.
  [/!\[[^\]]*\]\([^)]*\)/g, ''],
  [/\[([^\]]+)\]\(([^)\s]+)[^)]*\)/g, '$1 $2'],
  [/^\s{0,3}#{1,6}\s+(.*?)\s*#*$/gm, '$1'],
  [/^\s{0,3}>\s?/gm, ''],
  [/^(\s*)[-*+]\s+/gm, '$1• '],
  [/^\s*([-*_]\s*){3,}$/gm, ''],
  [/(\*\*|__)(?=\S)(.+?)(?<=\S)\1/g, '$2'],
  [/(?<!\*)\*(?=[^\s*])([^*\n]+?)(?<=[^\s*])\*(?!\*)/g, '$1'],
  [/`([^`\n]+)`/g, '$1'],
  [/[ \t]+$/gm, ''],
  [/\n{3,}/g, '\n\n'],
]

/** Markdown as people type it into a platform that knows none: no marks, bullets for lists. */
export function toPlainText(markdown: string): string {
  return RULES.reduce((text, [mark, instead]) => text.replace(mark, instead), markdown).trim()
}
