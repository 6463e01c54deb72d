import { stringify } from 'csv-stringify/sync'
import { toFixedText } from '../../kernel/money.ts'

type Cell = string | number | bigint

/** Begins a file: without it Excel takes Chinese for Latin-1, and readers of CSV skip it. */
export const BYTE_ORDER_MARK = '\ufeff'

/**
 * Lines of a CSV file (RFC 4180) that a spreadsheet opens without running anything. A bigint is money and gets its
 * four decimals; all else is text or a number.
 */
export function toCsvLines(lines: readonly (readonly Cell[])[]): string {
  return stringify([...lines] as Cell[][], {
    record_delimiter: 'windows',
    escape_formulas: true,
    // A lone CR or LF is no record delimiter here, but is one to many a reader.
    quoted_match: /[\r\n]/,
    cast: { bigint: toFixedText, string: disarm },
  })
}

const FORMULA = '[=+\\-@＝＋－＠]'
const AFTER_BLANKS = new RegExp(`^\\s+(?=${FORMULA})`)
const AFTER_SEPARATOR = new RegExp(`([;\\t\\r\\n]\\s*)(?=${FORMULA})`, 'g')

/**
 * What csv-stringify's `escape_formulas` leaves: a formula after blanks, and one behind a semicolon or line end,
 * where a program that does not split at commas starts a cell. A User-Agent header has room for either (facts B21).
 */
function disarm(text: string): string {
  const inner = text.replace(AFTER_SEPARATOR, `$1'`)
  return AFTER_BLANKS.test(text) ? `'${inner}` : inner
}
