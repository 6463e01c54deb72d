/** ISO 8601 in UTC, which a browser's `Date` reads as what it is (facts/cameo.md, 0). */
export function presentTime(time: Date): string {
  return time.toISOString()
}
