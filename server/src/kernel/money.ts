/**
 * Credits are integers of 1/10000 unit, as `bigint`. Floats exist only at the edge, and pass here.
 */

declare const brand: unique symbol
export type Credits = bigint & { readonly [brand]: true }

const PER_UNIT = 10_000n
/** The largest amount that can be moved or held: 100 thousand million units. */
export const MOST_CREDITS = 1_000_000_000_000_000n as Credits

/** Credits from a stored integer of 1/10000 units. */
export function credits(stored: bigint): Credits {
  return stored as Credits
}

/** Whole units, as presets and tests write prices: `units(20)` is twenty. */
export function units(count: number): Credits {
  if (!Number.isSafeInteger(count)) throw new RangeError(`not a whole number of units: ${count}`)
  return (BigInt(count) * PER_UNIT) as Credits
}

/**
 * The one conversion of a decimal text or JSON number into credits: at most four decimals, no exponent, no
 * sign but a leading minus. Returns null for anything else, and for amounts past `MOST_CREDITS`.
 */
export function parseCredits(value: string | number): Credits | null {
  const match = /^(-?)(\d{1,12})(?:\.(\d{1,4}))?$/.exec(String(value))
  if (!match) return null
  const [, sign, whole = '0', fraction = ''] = match
  const amount = BigInt(whole) * PER_UNIT + BigInt(fraction.padEnd(4, '0'))
  if (amount > MOST_CREDITS) return null
  return (sign === '-' ? -amount : amount) as Credits
}

/** Units as a JSON number. Exact for whole units and for every amount a wallet can have. */
export function toNumber(amount: bigint): number {
  return Number(amount) / Number(PER_UNIT)
}

/** Units as decimal text without trailing zeros: `12.5`, `20`. */
export function toText(amount: bigint): string {
  const absolute = amount < 0n ? -amount : amount
  const fraction = (absolute % PER_UNIT).toString().padStart(4, '0').replace(/0+$/, '')
  return `${amount < 0n ? '-' : ''}${absolute / PER_UNIT}${fraction ? `.${fraction}` : ''}`
}

/** Units as decimal text with all four decimals, as in a table: `12.5000`, `-0.0001`. */
export function toFixedText(amount: bigint): string {
  const absolute = amount < 0n ? -amount : amount
  const fraction = (absolute % PER_UNIT).toString().padStart(4, '0')
  return `${amount < 0n ? '-' : ''}${absolute / PER_UNIT}.${fraction}`
}
