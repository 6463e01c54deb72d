/** Times as the document writes them: `2024-01-01T12:00:00Z`. */
export function presentTime(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`
}
