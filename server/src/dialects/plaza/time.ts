/** ISO 8601 in UTC to the second, such as `2024-01-26T00:00:00Z`. */
export function presentTime(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`
}
