/** Appendix I.6: ISO 8601 in UTC+8 without a zone, such as `2026-01-22T10:00:00`. */
export function presentTime(time: Date): string {
  return new Date(time.getTime() + ZONE_MS).toISOString().slice(0, 19)
}

/** UTC+8, without summer time. */
export const ZONE_MS = 8 * 3_600_000
