/** Times as the front-end reads them: RFC 3339 in UTC, such as `2024-01-01T00:00:00.000Z`. */
export function presentTime(time: Date): string {
  return time.toISOString()
}
