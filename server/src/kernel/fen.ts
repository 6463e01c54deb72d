/** Currency is integers of fen (1/100 yuan), as `bigint`. */

declare const brand: unique symbol
export type Fen = bigint & { readonly [brand]: true }

/** Fen from a stored integer. */
export function fen(stored: bigint): Fen {
  return stored as Fen
}

/**
 * Decimal yuan as gateways write them: digits, at most two decimals, no sign, no exponent, no spaces. Null for
 * anything else, so `1e2`, `NaN` and `1.005` are not amounts.
 */
export function parseYuan(text: string): Fen | null {
  const match = /^(\d{1,9})(?:\.(\d{1,2}))?$/.exec(text)
  if (!match) return null
  return (BigInt(match[1] ?? '0') * 100n + BigInt((match[2] ?? '').padEnd(2, '0'))) as Fen
}

/**
 * The one conversion of a JSON number of yuan: at most two decimals. Null for anything else, so an amount is never
 * rounded to one the payer did not ask for.
 */
export function fenOfNumber(yuan: number): Fen | null {
  return parseYuan(String(yuan))
}

/** Fen as decimal yuan with two decimals: `2.00`. */
export function formatYuan(amount: bigint): string {
  return `${amount / 100n}.${(amount % 100n).toString().padStart(2, '0')}`
}
