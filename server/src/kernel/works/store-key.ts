import type { Context } from '../context.ts'
import type { Extension } from './media-types.ts'

// A key is 20 characters for the task, 5 for the generation that stored the file, 20 for the file itself, a dot
// and the extension. The first and the last part are keyed hashes of 100 bits that only this site can compute, so
// nobody who knows one file of a task can name another; the first is the same for all of a task's files, and the
// middle tells which worker's they are, so that exactly what is left over can be found and removed.

export type FileRole = 'output' | 'poster'

/** A task as far as its keys need it; the claim's generation fences its files as it fences its writes. */
export type Storing = { id: bigint; generation: number }

const TASK_PART = 20
const GENERATION_PART = 5
const FILE_PART = 20

/** The key of one file of a task. */
export function storeKey(
  context: Pick<Context, 'keys'>,
  task: Storing,
  role: FileRole,
  position: number,
  extension: Extension,
): string {
  const { id, generation } = task
  const own = hash(context, FILE_PART, 'file', String(id), String(generation), role, String(position))
  return `${taskPrefix(context, id)}${encodeGeneration(generation)}${own}.${extension}`
}

/** What the keys of all files of a task begin with. */
export function taskPrefix(context: Pick<Context, 'keys'>, taskId: bigint): string {
  return hash(context, TASK_PART, 'files of task', String(taskId))
}

/** What the keys of all files of the same task begin with. */
export function prefixOf(key: string): string {
  return key.slice(0, TASK_PART)
}

/** The generation that stored a file. */
export function generationOf(key: string): number {
  let generation = 0
  for (const digit of key.slice(TASK_PART, TASK_PART + GENERATION_PART)) {
    generation = generation * 32 + BASE32.indexOf(digit)
  }
  return generation
}

/**
 * The key of the thumbnail of an output. It cannot be told from an output's own, and whoever has it cannot name
 * the output: a work may be shown small to those who may not have it whole.
 */
export function thumbnailKey(context: Pick<Context, 'keys'>, outputKey: string): string {
  return `${thumbnailPrefixOf(outputKey)}${hash(context, FILE_PART, 'thumbnail', outputKey)}.webp`
}

/** What an output's key and its thumbnail's have in common. */
export function thumbnailPrefixOf(key: string): string {
  return key.slice(0, TASK_PART + GENERATION_PART)
}

/** `length` characters of a keyed hash, five bits each. */
function hash(context: Pick<Context, 'keys'>, length: number, ...parts: string[]): string {
  return toBase32(context.keys.codeHash(...parts)).slice(0, length)
}

function encodeGeneration(generation: number): string {
  if (generation < 0 || generation >= 32 ** GENERATION_PART) {
    throw new Error(`generation ${generation} has no place in a key`)
  }
  let text = ''
  for (let rest = generation, place = 0; place < GENERATION_PART; place += 1, rest = Math.floor(rest / 32)) {
    text = BASE32.charAt(rest % 32) + text
  }
  return text
}

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'

function toBase32(bytes: Uint8Array): string {
  let bits = 0
  let value = 0
  let text = ''
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xffff
    bits += 8
    for (; bits >= 5; bits -= 5) text += BASE32.charAt((value >>> (bits - 5)) & 31)
  }
  return text
}
