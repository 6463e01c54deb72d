/** Fen as yuan with two decimals. Orders of nothing or less are a mistake of the caller. */
export function yuan(amountFen: bigint): string {
  requirePositive(amountFen)
  return `${amountFen / 100n}.${(amountFen % 100n).toString().padStart(2, '0')}`
}

/** Fen as a JSON number. */
export function wholeFen(amountFen: bigint): number {
  requirePositive(amountFen)
  if (amountFen > BigInt(Number.MAX_SAFE_INTEGER))
    throw new RangeError(`more than a number holds: ${amountFen} fen`)
  return Number(amountFen)
}

function requirePositive(amountFen: bigint): void {
  if (amountFen <= 0n) throw new RangeError(`not an amount to pay: ${amountFen} fen`)
}

/** At most `maxBytes` of UTF-8, cut between characters, in one line. */
export function shortLine(text: string, maxBytes: number): string {
  const clean = text.replace(/\p{Cc}+/gu, ' ').trim()
  let short = ''
  let bytes = 0
  for (const character of clean) {
    bytes += Buffer.byteLength(character)
    if (bytes > maxBytes) break
    short += character
  }
  return short
}

const EIGHT_HOURS_MS = 8 * 3_600_000

/** `2026-11-20T20:45:00`, the wall clock of Beijing, which both wires mean whatever zone the server is in. */
export function beijingTime(time: Date): string {
  return new Date(time.getTime() + EIGHT_HOURS_MS).toISOString().slice(0, 19)
}
