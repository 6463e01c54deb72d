// Letters of scripts that are written without spaces between words, and digits and marks among them: they are compared
// as they follow each other. Those of all others stand and fall with the word they are in.
const UNSPACED = String.raw`[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Bopo}\p{scx=Hang}\p{scx=Thai}\p{scx=Laoo}\p{scx=Khmr}\p{scx=Mymr}]`
const WRITTEN = String.raw`[\p{L}\p{M}\p{N}]`
const TOKENS = new RegExp(`([${WRITTEN}&&${UNSPACED}]+)|[${WRITTEN}--${UNSPACED}]+`, 'gv')

/** What shows nothing: zero-width characters, soft hyphens, variation selectors, fillers. */
const INVISIBLE = /\p{DI}/gu
/** Strokes and dots laid over a letter that make no letter of their own with it. */
const LOOSE_MARKS = /[\u0300-\u036f]/g

/**
 * A text as it is compared with the word list: one case and width, nothing invisible, no punctuation, no spaces between
 * Chinese characters, and exactly one space on either side of each word of a script with spaces. So `form.includes` of
 * a word's own form finds 赌博 in `赌 - 博`, and `ass` in `Ass!` but not in `class`.
 */
export function canonicalForm(text: string): string {
  const plain = text.replace(INVISIBLE, '').normalize('NFKC').toLowerCase().replace(LOOSE_MARKS, '')
  let form = ''
  for (const [token, unspaced] of plain.matchAll(TOKENS)) {
    if (unspaced === undefined) form += form.endsWith(' ') ? `${token} ` : ` ${token} `
    else form += token
  }
  return form
}
