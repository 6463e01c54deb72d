import { refusal } from '../errors.ts'

/**
 * Brings an address into the one form it is stored and compared in: trimmed, lower-case.
 * @throws input_invalid when it is not an address.
 */
export function normaliseEmail(field: string, text: string): string {
  const email = text.trim().toLowerCase()
  // One @, something on both sides, a dot in the domain, no spaces or control characters: mail decides the rest.
  if (email.length > 254) throw refusal('input_invalid', { field, problem: 'too_long' })
  if (
    !/^[^\s@"<>,;:\\()[\]\p{C}]+@[^\s@"<>,;:\\()[\]\p{C}]+$/u.test(email) ||
    !/\.[^.]+$|@localhost$/.test(email)
  ) {
    throw refusal('input_invalid', { field, problem: 'format' })
  }
  return email
}

/** The part behind the @. */
export function domainOf(email: string): string {
  return email.slice(email.lastIndexOf('@') + 1)
}
