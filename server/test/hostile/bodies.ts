import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { Check } from 'typebox/value'
import type { Route } from '../../src/http/dialect.ts'
import type { Call } from './client.ts'
import type { Ground } from './ground.ts'
import { bodyWith, fieldsOf, pathOf } from './ground.ts'
import {
  isUnstorable,
  JSON_TYPE,
  MEBIBYTE,
  NOT_AN_OBJECT,
  NOT_JSON,
  nested,
  nestedObjects,
  VALUES,
} from './values.ts'

/** What is true of every route, whatever is sent to it as a body. */
export function testBodies(ground: Ground, route: Route): void {
  const { about, ask, read, refuses, leavingNothing } = ground
  const { badInput, malformed } = about.codes
  const { unsupported, tooLarge: refusedAsLarge } = about.statuses ?? { unsupported: 415, tooLarge: 413 }
  const name = `${route.method} ${route.path}`
  const base = {
    method: route.method,
    path: pathOf(ground, route),
    // Not known yet while the tests are declared.
    get token() {
      return about.token?.(route, ground) ?? ground.rich
    },
  }
  // A body means nothing to a GET; Fastify does not read it.
  const readsBody = route.body !== null || route.method !== 'GET'
  const sampleOf = () => about.sample(route, ground)
  const expect = async (call: Call, why: string): Promise<void> => {
    const verdict = read(await ask(call), `${name}: ${why}`)
    if (route.body) assert.equal(verdict.isSuccess, false, `${name}: ${why}`)
  }

  test(`${name}: a body that is not JSON, or not an object`, () =>
    leavingNothing(async () => {
      const sample = JSON.stringify(sampleOf())
      for (const [why, body] of [...NOT_JSON, ['truncated', sample.slice(0, -1)] as const]) {
        const verdict = read(await ask({ ...base, headers: JSON_TYPE, body }), `${name}: ${why}`)
        if (route.body || (readsBody && why !== 'empty')) assert.equal(verdict.code, malformed, why)
      }
      for (const [why, body] of NOT_AN_OBJECT) {
        const { code } = read(await ask({ ...base, headers: JSON_TYPE, body }), `${name}: ${why}`)
        if (route.body) assert.ok(badInput.has(code), `${name}: ${why} was answered ${code}`)
      }
    }))

  test(`${name}: another content type, or none`, () =>
    leavingNothing(async () => {
      const sample = JSON.stringify(sampleOf())
      const form = new URLSearchParams({ email: 'a@qq.com', prompt: 'x' }).toString()
      const parts = '--b\r\ncontent-disposition: form-data; name="prompt"\r\n\r\nx\r\n--b--\r\n'
      const calls: [type: string | null, body: string | Buffer][] = [
        [null, sample],
        ['', sample],
        ['text/plain', sample],
        ['text/json', sample],
        ['application/jsonx', sample],
        ['application/xml', '<prompt>x</prompt>'],
        ['application/x-www-form-urlencoded', form],
        ['multipart/form-data; boundary=b', parts],
        ['nonsense', sample],
        ['application/json, text/plain', sample],
        ['*/*', sample],
      ]
      for (const [type, body] of calls) {
        const headers: Record<string, string> = type === null ? {} : { 'content-type': type }
        const answer = await ask({ ...base, headers, body })
        read(answer, `${name}: ${type}`)
        if (readsBody) assert.equal(answer.status, unsupported, `${name}: ${type}`)
      }
      const zipped = { ...JSON_TYPE, 'content-encoding': 'gzip' }
      await expect({ ...base, headers: zipped, body: gzipSync(sample) }, 'gzip')
      await expect({ ...base, headers: zipped, body: Buffer.from('1f8b08deadbeef', 'hex') }, 'bad gzip')
    }))

  test(`${name}: keys that reach for a prototype, and very deep nesting`, () =>
    leavingNothing(async () => {
      for (const extra of [
        '"__proto__":{"role":"admin"}',
        '"constructor":{"prototype":{"role":"admin"}}',
        '"a":{"__proto__":null}',
        '"\\u005f_proto__":{"role":"admin"}',
        `"a":${nested(30_000)}`,
        `"a":${nestedObjects(30_000)}`,
      ]) {
        const sample = JSON.stringify(sampleOf()).slice(1, -1)
        const body = `{${[sample, extra].filter(Boolean).join(',')}}`
        const why = extra.slice(0, 40)
        const verdict = read(await ask({ ...base, headers: JSON_TYPE, body }), `${name}: ${why}`)
        if (readsBody) assert.equal(verdict.code, malformed, why)
      }
      assert.equal(({} as { role?: string }).role, undefined)
    }))

  if (route.body) testFields(ground, route, base)

  test(`${name}: one megabyte of text, and more than twelve`, () =>
    leavingNothing(async () => {
      const field = fieldsOf(route)[0]?.[0] ?? 'text'
      const megabyte = bodyWith(sampleOf(), field, `"${'字'.repeat(349_000)}"`)
      await expect({ ...base, headers: JSON_TYPE, body: megabyte }, '1 MB')
      const text = `"${'x'.repeat(Math.max(12 * MEBIBYTE, route.bodyLimit))}"`
      const tooLarge = bodyWith(sampleOf(), field, text)
      const chunked = { ...JSON_TYPE, 'transfer-encoding': 'chunked' }
      for (const headers of [JSON_TYPE, chunked]) {
        const answer = await ask({ ...base, headers, body: tooLarge })
        read(answer, `${name}: 12 MB and more`)
        if (readsBody) assert.equal(answer.status, refusedAsLarge)
      }
    }))

  if (!route.body) return
  test(`${name}: fields that no document names change nothing`, () =>
    leavingNothing(async () => {
      const extra = { a: { b: [1] }, role: 'admin', is_admin: true, userId: 1, 猫: null, '': 0, 'x.y': '$1' }
      const token = about.token?.(route, ground) ?? ground.poor
      const call = { ...base, token, headers: JSON_TYPE }
      const without = read(await ask({ ...call, body: JSON.stringify(sampleOf()) }), `${name}: a sample`)
      const body = JSON.stringify({ ...extra, ...sampleOf() })
      assert.deepEqual(read(await ask({ ...call, body }), `${name}: unknown fields`), without)
      assert.equal(without.isSuccess, false, `the sample of ${name} is to be refused`)
    }))

  test(`${name}: text that cannot be stored in any field, known or not`, () =>
    leavingNothing(async () => {
      for (const field of [...fieldsOf(route).map(([one]) => one), 'unknown']) {
        for (const value of ['"a\\u0000"', '"\\ud800"', '[{"x":"\\u0000"}]', '{"a\\u0000":1}']) {
          const body = bodyWith(sampleOf(), field, value)
          const { code } = await refuses({ ...base, headers: JSON_TYPE, body }, `${field} = ${value}`)
          assert.ok(badInput.has(code), `${name}: ${field} = ${value} was answered ${code}`)
        }
      }
      const long = `"${'k'.repeat(100_000)}\\u0000":1`
      const body = `${JSON.stringify(sampleOf()).slice(0, -1)},${long}}`
      await refuses({ ...base, headers: JSON_TYPE, body }, 'a long name is not sent back')
    }))
}

/** Each declared field with every value, the others as they should be. */
function testFields(ground: Ground, route: Route, base: Call): void {
  const { about, ask, read, refuses, leavingNothing } = ground
  const { badInput } = about.codes
  const name = `${route.method} ${route.path}`
  /** Calls with one field's value, told whether the schema lets them through. */
  const callsFor = (field: string): { call: Call; isAllowed: boolean; why: string }[] => {
    const trial = about.trial?.(route, ground)
    const path = trial ? pathOf(ground, route, trial.param) : base.path
    return VALUES.map((value) => {
      const body = bodyWith(trial?.fields ?? about.sample(route, ground), field, value)
      const isAllowed = Check(route.body as never, JSON.parse(body)) && !isUnstorable(value)
      const own = about.token?.(route, ground)
      const token = own ?? (isAllowed ? ground.poor : ground.rich)
      const why = `${name}: ${field} = ${value.slice(0, 60)}`
      return { call: { ...base, path, token, headers: JSON_TYPE, body }, isAllowed, why }
    })
  }

  test(`${name}: each declared field with a wrong value, or without one`, () =>
    leavingNothing(async () => {
      for (const [field, isRequired] of fieldsOf(route)) {
        if (isRequired) {
          const { [field]: _left, ...rest } =
            about.trial?.(route, ground)?.fields ?? about.sample(route, ground)
          const call = { ...base, headers: JSON_TYPE, body: JSON.stringify(rest) }
          const { code } = await refuses(call, `without ${field}`)
          assert.ok(badInput.has(code), `${name} without ${field} was answered ${code}`)
        }
        for (const { call, isAllowed, why } of callsFor(field)) {
          if (isAllowed) continue
          const { code } = await refuses(call, why)
          assert.ok(badInput.has(code), `${why} was answered ${code}`)
        }
      }
    }))

  test(`${name}: each declared field with whatever its schema lets through`, async () => {
    const attempt = async (): Promise<void> => {
      for (const [field] of fieldsOf(route)) {
        for (const { call, isAllowed, why } of callsFor(field)) {
          if (!isAllowed) continue
          const { isSuccess } = read(await ask(call), why)
          if (!about.trial?.(route, ground)) assert.equal(isSuccess, false, why)
        }
      }
    }
    await (about.trial?.(route, ground) ? attempt() : leavingNothing(attempt))
  })
}
