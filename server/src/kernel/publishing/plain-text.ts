const HASHTAG = /(?<![\p{L}\p{N}_&/])#([\p{L}\p{N}_]{1,30})/gu
const MOST_TAGS = 10

/** The topics a text names itself (`#效率`), each once; headings are none, for they have a space after the `#`. */
export function hashtagsIn(text: string): string[] {
  const tags = [...text.matchAll(HASHTAG)].map(([, tag]) => tag ?? '')
  return [...new Set(tags)].slice(0, MOST_TAGS)
}

// Every repetition inside a line is bounded: a text of nothing but marks must not take minutes.
const RULES: readonly (readonly [RegExp, string])[] = [
  [/\r\n?/g, '\n'],
  [/^```.*$/gm, ''],
  // A picture is handed over as a file, a link keeps its address.
  [/!\[[^\]\n]{0,200}\]\([^)\n]{0,500}\)/g, ''],
  [/\[([^\]\n]{1,200})\]\(([^)\s]{1,500})(?: [^)\n]{0,200})?\)/g, '$1 $2'],
  [/^ {0,3}#{1,6}[ \t]+/gm, ''],
  [/(?<=\S)[ \t]{1,9}#{1,6}[ \t]*$/gm, ''],
  [/^ {0,3}> ?/gm, ''],
  [/^[ \t]{0,9}(?:(?:-[ \t]?){3,99}|(?:\*[ \t]?){3,99}|(?:_[ \t]?){3,99})$/gm, ''],
  [/^([ \t]{0,40})[-*+][ \t]+(?=\S)/gm, '$1• '],
  [/(\*\*|__)(?=\S)(.{1,300}?)(?<=\S)\1/g, '$2'],
  [/(?<![\w*])\*(?=[^\s*])([^*\n]{1,300}?)(?<=[^\s*])\*(?![\w*])/g, '$1'],
  [/`([^`\n]{1,300})`/g, '$1'],
  [/[ \t]{1,99}$/gm, ''],
  [/\n{3,}/g, '\n\n'],
]

/** Markdown as people type it into a platform that knows none: no marks, bullets for lists. */
export function toPlainText(markdown: string): string {
  return RULES.reduce((text, [mark, instead]) => text.replace(mark, instead), markdown).trim()
}
