import { refusal } from '../../kernel/errors.ts'

const SHORTEST = 6

/** What the front-end's own form asks of a password (facts/cameo.md, 2). @throws input_invalid for `field` */
export function requirePassword(password: string, field = 'password'): string {
  if ([...password].length < SHORTEST) throw refusal('input_invalid', { field, problem: 'too_short' })
  return password
}
