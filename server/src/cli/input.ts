import type { Credits } from '../kernel/money.ts'
import { parseCredits } from '../kernel/money.ts'
import { UsageError } from './open.ts'

/**
 * Reads one line of the standard input, for secrets: arguments are seen by every user of the machine.
 * @throws UsageError when it is shorter than 8 characters
 */
export function readSecretLine(what: string): Promise<string> {
  return readSecret(what, (text) => (text.includes('\n') ? firstLine(text) : null))
}

/**
 * Reads a channel's secret likewise; a JSON document, which some gateways want, is one secret however many lines it has.
 * @throws UsageError when it is shorter than 8 characters, or begins like a document and is none
 */
export async function readChannelSecret(): Promise<string> {
  const secret = await readSecret('Key', (text) => {
    if (text.trimStart().startsWith('{')) return compactJson(text)
    return text.includes('\n') ? firstLine(text) : null
  })
  if (secret.startsWith('{') && compactJson(secret) === null)
    throw new UsageError('The secret begins like a JSON document and is none: check its commas and quotes.')
  return secret
}

/** Reads until `complete` finds the secret, or to the end. */
async function readSecret(what: string, complete: (text: string) => string | null): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write(`${what} (shown as you type; end with Enter): `)
  let text = ''
  let secret: string | null = null
  for await (const chunk of process.stdin) {
    text += chunk
    secret = complete(text)
    if (secret !== null) break
  }
  secret ??= firstLine(text)
  if (secret.length < 8 && !secret.startsWith('{'))
    throw new UsageError(`A ${what.toLowerCase()} has at least 8 characters.`)
  return secret
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]?.trim() ?? ''
}

/** The document on one line; null while it is not whole. */
function compactJson(text: string): string | null {
  try {
    return JSON.stringify(JSON.parse(text))
  } catch {
    return null
  }
}

/** An amount of credits as it was typed. @throws UsageError */
export function readAmount(text: string): Credits {
  const amount = parseCredits(text)
  if (amount === null) throw new UsageError(`"${text}" is not an amount with at most four decimals.`)
  return amount
}
