import { hash, verify } from '@node-rs/argon2'
import pLimit from 'p-limit'

// OWASP's second argon2id profile: 19 MiB, 2 passes, 1 lane; about 25 ms of one core.
const OPTIONS = { algorithm: 2, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const

// libuv has four threads and files and rendering need them too: at most two passwords are hashed at a time.
const bounded = pLimit(2)

/** Hashes a password with argon2id into its PHC text. */
export function hashPassword(password: string): Promise<string> {
  return bounded(() => hash(password.normalize('NFKC'), OPTIONS))
}

let decoy: Promise<string> | undefined

/**
 * Checks a password against a stored hash. Without one (no such account) it does the same work and answers
 * false, so that the time taken does not tell which addresses are registered.
 */
export async function passwordMatches(stored: string | null, password: string): Promise<boolean> {
  decoy ??= hashPassword('no account has this password')
  const against = stored ?? (await decoy)
  const matches = await bounded(() => verify(against, password.normalize('NFKC')))
  return stored !== null && matches
}
