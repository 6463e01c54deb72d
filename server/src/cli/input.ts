import { UsageError } from './open.ts'

/**
 * Reads one line of the standard input, for secrets: arguments are seen by every user of the machine.
 * @throws UsageError when it is shorter than 8 characters
 */
export async function readSecretLine(what: string): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write(`${what} (shown as you type; end with Enter): `)
  let text = ''
  for await (const chunk of process.stdin) {
    text += chunk
    if (text.includes('\n')) break
  }
  const line = text.split('\n', 1)[0]?.trim() ?? ''
  if (line.length < 8) throw new UsageError(`A ${what.toLowerCase()} has at least 8 characters.`)
  return line
}
