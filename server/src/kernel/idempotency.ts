import { createHash } from 'node:crypto'
import { refusal } from './errors.ts'

/** What a client sent to make its request repeatable: its key, and what the key stands for. */
export type IdempotencyKey = { scope: string; key: string; bodyHash: Buffer }

/**
 * Binds a client's key to the request it came with. The same key with another body is refused later, when the
 * stored hash differs.
 *
 * @param scope which operation: one key may serve one purchase of each kind.
 * @param body the parsed body; equal JSON in another order of fields counts as equal.
 * @throws input_invalid when the key is empty, longer than 255 characters or not printable ASCII.
 */
export function bindIdempotencyKey(scope: string, key: string, body: unknown): IdempotencyKey {
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw refusal('input_invalid', {
      field: 'Idempotency-Key',
      problem: key.length > 255 ? 'too_long' : 'format',
    })
  }
  return { scope, key, bodyHash: createHash('sha256').update(canonical(body)).digest() }
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
    return `{${fields.map(([name, one]) => `${JSON.stringify(name)}:${canonical(one)}`).join(',')}}`
  }
  return JSON.stringify(value) ?? 'null'
}
