import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }
/** What every operation in a `contracts/<dialect>/operations.json` has; dialects add what their documents add. */
export type Operation = {
  source: string
  name: string
  title: string | null
  method: string
  path: string
  parameters: { in: string; name: string; description?: string }[]
  request: { [key: string]: Json } | null
}

const folder = new URL('../../../contracts/', import.meta.url)

/** Reads `contracts/<dialect>/<name>.json`. Its shape is for the caller to say. */
export function readContract<Shape>(dialect: string, name: string): Shape {
  return JSON.parse(readFileSync(new URL(`${dialect}/${name}.json`, folder), 'utf8')) as Shape
}

/** How a dialect writes what clients know by its form, and what of its answers differs from run to run. */
export type Wire = {
  /** What an example's text stands for, where its form matters to clients: the answer's must have the same. */
  forms: Readonly<Record<string, RegExp>>
  /** What stands in golden files for texts, or parts of them, that change. */
  volatile: readonly (readonly [pattern: RegExp, mask: string])[]
  /** The fields whose numbers change. */
  serials: readonly string[]
  /** Whether a golden file keeps only the first row of a list, because others may be there. */
  keepsFirstRow?: boolean
}

/** An answer as it came; golden files keep its status and body. */
type Answer = { status: number; body: unknown }

/** A dialect's document against its answers. */
export type Contract = {
  /**
   * Checks that an answer has every field of the example with the same JSON type, and no others but `extra`:
   * paths below the answer, such as `data[].config.url`. An object whose only field is `...` stands for any
   * object, a list whose only row is `...` for any list (contracts/README.md). What `nullable` names may be null on
   * either side.
   */
  assertSameShape: (
    actual: Json | undefined,
    example: Json,
    at: string,
    extra?: Readonly<Record<string, string>>,
    nullable?: readonly string[],
  ) => void
  /** Golden replies, a file per group: compared, or with UPDATE_GOLDEN=1 written by `save`. */
  golden: { check: (group: string, name: string, reply: Answer) => void; save: () => void }
}

export function createContract(dialect: string, wire: Wire): Contract {
  const typeOf = (value: Json): string => {
    if (value === null) return 'null'
    if (Array.isArray(value)) return 'array'
    if (typeof value !== 'string') return typeof value
    return Object.entries(wire.forms).find(([, form]) => form.test(value))?.[0] ?? 'string'
  }
  const compare = (
    actual: Json | undefined,
    example: Json,
    at: string,
    path: string,
    extra: Readonly<Record<string, string>>,
    nullable: readonly string[],
  ): void => {
    if (actual === undefined) assert.fail(`${at} is absent`)
    if ((actual === null || example === null) && nullable.includes(path)) return
    assert.equal(typeOf(actual), typeOf(example), `${at} = ${JSON.stringify(actual)}`)
    if (isAnything(example)) return
    if (Array.isArray(example) && Array.isArray(actual)) {
      const [first] = example
      assert.ok(first === undefined || actual.length > 0, `${at} is empty`)
      for (const [index, one] of actual.entries()) {
        compare(one, example[index] ?? first ?? null, `${at}[${index}]`, `${path}[]`, extra, nullable)
      }
    } else if (isObject(example) && isObject(actual)) {
      const below = (name: string): string => (path ? `${path}.${name}` : name)
      const fields = Object.keys(actual).filter((name) => name in example || !(below(name) in extra))
      assert.deepEqual(fields.sort(), Object.keys(example).sort(), `${at}: its fields`)
      for (const [name, value] of Object.entries(example))
        compare(actual[name], value, `${at}.${name}`, below(name), extra, nullable)
    }
  }
  return {
    assertSameShape: (actual, example, at, extra = {}, nullable = []) =>
      compare(actual, example, at, '', extra, nullable),
    golden: createGolden(dialect, wire),
  }
}

function isObject(value: Json): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The documents write `{ ... }` and `[...]` where they leave an object or a list open. */
export function isAnything(example: Json): boolean {
  const [only, ...others] = Array.isArray(example) ? example : isObject(example) ? Object.keys(example) : []
  return only === '...' && others.length === 0
}

/** The reference's example with everything the document leaves open left open too. */
export function openedLike(shown: Json, example: Json): Json {
  if (isAnything(example)) return example
  if (Array.isArray(shown) && Array.isArray(example))
    return shown.map((one, index) => openedLike(one, example[index] ?? null))
  if (typeof shown !== 'object' || shown === null || Array.isArray(shown)) return shown
  const fields = (example ?? {}) as { [key: string]: Json }
  return Object.fromEntries(
    Object.entries(shown).map(([name, one]) => [name, openedLike(one, fields[name] ?? null)]),
  )
}

function mask(value: Json, wire: Wire, name = ''): Json {
  if (typeof value === 'string') {
    return wire.volatile.reduce((text, [pattern, stand]) => text.replace(pattern, stand), value)
  }
  if (typeof value === 'number' && wire.serials.includes(name)) return '<number>'
  if (Array.isArray(value)) {
    const rows = wire.keepsFirstRow && value.every(isObject) ? value.slice(0, 1) : value
    return rows.map((one) => mask(one, wire))
  }
  if (!isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, mask(one, wire, key)]))
}

const isUpdating = process.env.UPDATE_GOLDEN === '1'

function createGolden(dialect: string, wire: Wire): Contract['golden'] {
  const seen = new Map<string, Record<string, Json>>()
  return {
    check: (group, name, reply) => {
      const masked = { status: reply.status, body: mask(reply.body as Json, wire) }
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
