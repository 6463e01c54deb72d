/** A JSON object that was answered. Numbers are the digits that were sent: `2.00` stays `2.00`, long ids stay whole. */
export type Answer = {
  /** A field as text without spaces around it; empty when it is missing or neither text nor number. */
  text: (name: string) => string
  /** The object in a field; null when there is none. */
  nested: (name: string) => Answer | null
  has: (name: string) => boolean
}

/**
 * Reads a JSON object; null for anything else. Trimming takes the byte order marks away that PHP files saved by an
 * editor print before their answer.
 */
export function readAnswer(json: string | Uint8Array): Answer | null {
  try {
    const text = typeof json === 'string' ? json : new TextDecoder().decode(json)
    const value: unknown = JSON.parse(text.trim(), keepDigits)
    return isRecord(value) ? readable(value) : null
  } catch {
    return null
  }
}

/** Node's reviver is told the source text of each number; the types do not know yet. */
function keepDigits(_key: string, value: unknown, context?: { source?: string }): unknown {
  return typeof value === 'number' ? (context?.source ?? String(value)) : value
}

function readable(record: Readonly<Record<string, unknown>>): Answer {
  return {
    text: (name) => {
      const value = Object.hasOwn(record, name) ? record[name] : ''
      return typeof value === 'string' ? value.trim() : ''
    },
    nested: (name) => {
      const value = Object.hasOwn(record, name) ? record[name] : null
      return isRecord(value) ? readable(value) : null
    },
    has: (name) => Object.hasOwn(record, name),
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
