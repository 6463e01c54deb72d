import { refusal } from '../errors.ts'
import { readPhone } from './phone.ts'

/** What somebody who logs in may name an account by. */
export type NameKind = 'username' | 'email' | 'phone'

/**
 * What a name is where one field takes all three: decided by how it reads and by nothing in the database, so that no
 * account can come between another and its login by what it calls itself. With an `@` it is an address, as a phone
 * number reads it is one, and anything else is a user name.
 */
export function readLoginName(text: string): { by: NameKind; name: string } {
  const name = text.normalize('NFKC').trim()
  if (name.includes('@')) return { by: 'email', name: name.toLowerCase() }
  const phone = readPhone(name)
  return phone === null ? { by: 'username', name } : { by: 'phone', name: phone }
}

/**
 * Refuses a user name that reads as an address or a phone number: where one field takes all three it would open
 * nothing. @throws input_invalid for `username`
 */
export function requirePlainUsername(username: string): string {
  if (readLoginName(username).by !== 'username')
    throw refusal('input_invalid', { field: 'username', problem: 'format' })
  return username
}
