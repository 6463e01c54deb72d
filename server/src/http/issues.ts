import type { FastifySchemaValidationError } from 'fastify'
import type { InputProblem } from '../kernel/errors.ts'
import type { Issue } from './dialect.ts'

const PROBLEMS: Readonly<Record<string, InputProblem>> = {
  required: 'missing',
  type: 'type',
  minLength: 'too_short',
  maxLength: 'too_long',
  minItems: 'too_short',
  maxItems: 'too_long',
  minimum: 'too_small',
  exclusiveMinimum: 'too_small',
  maximum: 'too_large',
  exclusiveMaximum: 'too_large',
  additionalProperties: 'unknown_field',
}

/** Puts the validator's findings into the words that dialects answer with, one per field. */
export function toIssues(errors: readonly FastifySchemaValidationError[]): Issue[] {
  const byField = new Map<string, Issue>()
  for (const { keyword, instancePath, params } of errors) {
    const at = instancePath.slice(1).replaceAll('/', '.')
    const name = String(params.missingProperty ?? params.additionalProperty ?? '')
    const field = shorten([at, name].filter(Boolean).join('.'))
    if (!byField.has(field)) byField.set(field, { field, problem: PROBLEMS[keyword] ?? 'format' })
  }
  return [...byField.values()]
}

/** Deeper than any document asks for; walking much deeper would exhaust the stack. */
const DEEPEST = 64
const LONGEST_NAME = 100

/** Names can be the client's own, of any length; a reply does not send megabytes back. */
export function shorten(field: string): string {
  return field.length > LONGEST_NAME ? `${field.slice(0, LONGEST_NAME)}…` : field
}

/**
 * The first part of a value that cannot be kept: text with a NUL or half a surrogate pair, which PostgreSQL
 * refuses, or nesting without end. Returns the field, or null when all is well.
 */
export function unstorablePart(value: unknown, field = '', depth = 0): string | null {
  if (typeof value === 'string') return value.includes('\0') || !value.isWellFormed() ? shorten(field) : null
  if (typeof value !== 'object' || value === null) return null
  if (depth >= DEEPEST) return shorten(field)
  for (const [name, one] of Object.entries(value)) {
    const path = field ? `${field}.${name}` : name
    const found = unstorablePart(name, path) ?? unstorablePart(one, path, depth + 1)
    if (found !== null) return found
  }
  return null
}
