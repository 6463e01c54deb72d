import type { FastifySchemaValidationError } from 'fastify'
import type { InputProblem } from '../kernel/errors.ts'
import type { Issue } from './dialect.ts'

const PROBLEMS: Readonly<Record<string, InputProblem | 'unknown_field'>> = {
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
    const field = [at, name].filter(Boolean).join('.')
    if (!byField.has(field)) byField.set(field, { field, problem: PROBLEMS[keyword] ?? 'format' })
  }
  return [...byField.values()]
}

/**
 * The first text in a value that PostgreSQL cannot store: one with a NUL or half a surrogate pair. Returns the
 * field, or null when all is well.
 */
export function unstorableText(value: unknown, field = ''): string | null {
  if (typeof value === 'string') return value.includes('\0') || !value.isWellFormed() ? field : null
  if (typeof value !== 'object' || value === null) return null
  for (const [name, one] of Object.entries(value)) {
    const path = field ? `${field}.${name}` : name
    const found = unstorableText(name, path) ?? unstorableText(one, path)
    if (found !== null) return found
  }
  return null
}
