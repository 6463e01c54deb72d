import { refusal } from '../../kernel/errors.ts'

const LEAST_CHARACTERS = 6
const MOST_BYTES = 72

/**
 * 密码最少6位 (7.1), and no longer than the 72 bytes that clients of the earlier system could use.
 * @throws input_invalid
 */
export function requirePassword(password: string): string {
  if ([...password].length < LEAST_CHARACTERS)
    throw refusal('input_invalid', { field: 'password', problem: 'too_short' })
  if (Buffer.byteLength(password) > MOST_BYTES)
    throw refusal('input_invalid', { field: 'password', problem: 'too_long' })
  return password
}
