import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Reply } from './stage.ts'

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
export type Envelope = { success: boolean; code: number; message: string; data: Json }

/** An operation as `contracts/<dialect>/operations.json` has it. */
export type Operation = {
  source: string
  name: string
  title: string | null
  description: string | null
  method: string
  path: string
  auth: boolean
  parameters: { in: string; name: string; description?: string }[]
  request: { [key: string]: Json } | null
  success: Envelope
  errors: { title: string | null; response: Envelope }[]
}

/** A row of `codes.json`: raised somewhere, or never and then why. */
export type Code = { code: number; meaning: string } & (
  | { raised: string; status: number; message: string | null; unraised?: undefined }
  | { unraised: string; raised?: undefined }
)

const folder = new URL('../../../contracts/', import.meta.url)

/** Reads `contracts/<dialect>/<name>.json`. Its shape is for the caller to say. */
export function readContract<Shape>(dialect: string, name: string): Shape {
  return JSON.parse(readFileSync(new URL(`${dialect}/${name}.json`, folder), 'utf8')) as Shape
}

/** What an example's text stands for, where its form matters to clients: the answer's must have the same. */
const FORMS: Readonly<Record<string, RegExp>> = {
  time: /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/,
  address: /^https?:\/\/\S+$/,
  'picture task': /^img_\d+_[a-z0-9]+$/,
  'clip task': /^anim_\d+_[a-z0-9]+$/,
  order: /^order_\w+$/,
  'trade number': /^trade_\w+$/,
}

function typeOf(value: Json): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  if (typeof value !== 'string') return typeof value
  return Object.entries(FORMS).find(([, form]) => form.test(value))?.[0] ?? 'string'
}

/** Checks that an answer has every field of the example with the same JSON type, and no others. */
export function assertSameShape(actual: Json | undefined, example: Json, at: string): void {
  if (actual === undefined) assert.fail(`${at} is absent`)
  assert.equal(typeOf(actual), typeOf(example), `${at} = ${JSON.stringify(actual)}`)
  if (Array.isArray(example) && Array.isArray(actual)) {
    const [first] = example
    assert.ok(first === undefined || actual.length > 0, `${at} is empty`)
    for (const [index, one] of actual.entries()) {
      assertSameShape(one, example[index] ?? first ?? null, `${at}[${index}]`)
    }
  } else if (isObject(example) && isObject(actual)) {
    assert.deepEqual(Object.keys(actual).sort(), Object.keys(example).sort(), `${at}: its fields`)
    for (const [name, value] of Object.entries(example)) assertSameShape(actual[name], value, `${at}.${name}`)
  }
}

function isObject(value: Json): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What differs from run to run, and what stands for it in a golden file. */
const VOLATILE: readonly [pattern: RegExp, mask: string][] = [
  [/eyJ[\w-]+\.[\w-]+\.[\w-]+/g, '<token>'],
  [/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<uuid>'],
  [/\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z/g, '<time>'],
  [/\b(img|anim|order)_\d+_[a-z0-9]{9}/g, '$1_<ms>_<random>'],
  [/\btrade_[a-z0-9]{10,}/g, 'trade_<random>'],
  [/\bremote_trade_\d+/g, 'remote_trade_<number>'],
  [/\/files\/[a-z0-9]{45}\./g, '/files/<key>.'],
  [/\buser\d+\b/g, 'user<n>'],
]

function mask(value: Json, name = ''): Json {
  if (typeof value === 'string') {
    return VOLATILE.reduce((text, [pattern, stand]) => text.replace(pattern, stand), value)
  }
  if (typeof value === 'number' && name === 'id') return '<number>'
  if (Array.isArray(value)) return value.map((one) => mask(one))
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, mask(one, key)]))
}

const isUpdating = process.env.UPDATE_GOLDEN === '1'

/** Golden replies of a dialect, a file per group: compared, or with UPDATE_GOLDEN=1 written. */
export function createGolden(dialect: string): {
  check: (group: string, name: string, reply: Reply) => void
  save: () => void
} {
  const seen = new Map<string, Record<string, Json>>()
  return {
    check: (group, name, reply) => {
      const masked = { status: reply.status, body: mask(reply.body as Json) }
      if (isUpdating) seen.set(group, { ...seen.get(group), [name]: masked })
      else assert.deepEqual(masked, readContract<Record<string, Json>>(dialect, `golden/${group}`)[name])
    },
    save: () => {
      if (!isUpdating) return
      const golden = fileURLToPath(new URL(`${dialect}/golden/`, folder))
      mkdirSync(golden, { recursive: true })
      for (const [group, replies] of seen) {
        writeFileSync(`${golden}${group}.json`, JSON.stringify(replies, null, 2))
      }
      const root = fileURLToPath(new URL('../', folder))
      execFileSync(`${root}node_modules/.bin/biome`, ['format', '--write', golden], { cwd: root })
    },
  }
}
