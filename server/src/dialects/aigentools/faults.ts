import type { Faults, Issue } from '../../http/dialect.ts'
import type { InputProblem } from '../../kernel/errors.ts'
import { refuse } from './envelope.ts'

const PROBLEMS: Readonly<Record<InputProblem, string>> = {
  missing: 'is required',
  type: 'has the wrong type',
  too_short: 'is too short',
  too_long: 'is too long',
  too_small: 'is too small',
  too_large: 'is too large',
  format: 'is invalid',
  unknown_field: 'is not a known field',
}

/** What the kernel calls otherwise than the document. */
const FIELDS: Readonly<Record<string, string>> = { secret: 'api_key' }

/** One sentence about one field, such as `username is required`. */
export function describeIssue({ field: named, problem }: Issue): string {
  const field = Object.hasOwn(FIELDS, named) ? FIELDS[named] : named
  if (field === '') return 'The request body must be a JSON object'
  return problem === 'format' ? `Invalid ${field}` : `${field} ${PROBLEMS[problem]}`
}

/** 400 with one sentence for each field. */
export function refuseIssues(issues: readonly Issue[]) {
  return refuse(400, issues.map(describeIssue).join('; ') || 'Invalid request parameters')
}

/** Replies outside any route's own work. */
export const faults: Faults = {
  badJson: () => refuse(400, 'The request body is not valid JSON'),
  invalid: refuseIssues,
  malformedRequest: () => refuse(400, 'Malformed request'),
  headersTooLarge: () => refuse(431, 'The request headers are too large'),
  unknownRoute: (method, path) => refuse(404, `No such endpoint: ${method} ${path.slice(0, 200)}`),
  tooLarge: () => refuse(413, 'The request body is too large'),
  unsupportedType: () => refuse(415, 'Send the request body as application/json'),
  tooSlow: () => refuse(408, 'The request took too long to arrive, please try again'),
  crash: () => refuse(500, 'Internal server error'),
}
