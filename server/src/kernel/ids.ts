import { randomBytes, randomInt, randomUUID } from 'node:crypto'

/** Where the kernel gets identifiers and secrets from; tests hand in a predictable one. */
export type Ids = {
  uuid: () => string
  /** Lower-case letters and digits, unguessable: 5 bits a character. */
  token: (length: number) => string
  /** Decimal digits, uniformly distributed. */
  digits: (length: number) => string
  /** A whole number from `least` to `most`, both included. */
  integer: (least: number, most: number) => number
}

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'

/** Identifiers from the system's secure random source. */
export function createIds(): Ids {
  return {
    uuid: randomUUID,
    token: (length) => Array.from(randomBytes(length), (byte) => ALPHABET[byte & 31]).join(''),
    digits: (length) => Array.from({ length }, () => randomInt(10)).join(''),
    integer: (least, most) => randomInt(least, most + 1),
  }
}
