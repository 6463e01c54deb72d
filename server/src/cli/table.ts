type Cell = string | number | bigint | boolean | Date | null

/** Prints rows as an aligned table, or as one JSON object a line for other programs. */
export function printRows(rows: readonly Record<string, Cell>[], asJson: boolean): void {
  if (asJson) {
    for (const row of rows)
      print(JSON.stringify(row, (_name, value) => (typeof value === 'bigint' ? String(value) : value)))
    return
  }
  const [first] = rows
  if (!first) {
    print('None.')
    return
  }
  const names = Object.keys(first)
  const lines = [names, ...rows.map((row) => names.map((name) => show(row[name] ?? null)))]
  const widths = names.map((_name, column) => Math.max(...lines.map((line) => widthOf(line[column] ?? ''))))
  for (const line of lines) {
    print(
      line
        .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - widthOf(cell)))
        .join('  ')
        .trimEnd(),
    )
  }
}

/** Prints one line. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

function show(cell: Cell): string {
  if (cell === null) return '-'
  return cell instanceof Date ? cell.toISOString().slice(0, 19).replace('T', ' ') : String(cell)
}

/** Columns on a terminal: Chinese, Japanese and Korean characters take two. */
function widthOf(text: string): number {
  return [...text].reduce(
    (width, character) => width + (/[\u1100-\u115f\u2e80-\uffdc]/.test(character) ? 2 : 1),
    0,
  )
}
