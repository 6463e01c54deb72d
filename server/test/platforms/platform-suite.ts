import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import sharp from 'sharp'
import { createOutbound } from '../../src/files/fetch-remote.ts'
import type { Outbound } from '../../src/kernel/ports/outbound.ts'
import type {
  Platform,
  PlatformAccount,
  PlatformApi,
  PlatformErrorKind,
  PlatformProblem,
  PlatformSecrets,
  PublishContent,
  PublishMedia,
  PublishStep,
} from '../../src/kernel/ports/platform.ts'
import { PlatformError } from '../../src/kernel/ports/platform.ts'
import type { Json } from '../../src/kernel/ports/provider.ts'
import type { PlatformStandIn } from './stand-in.ts'

/** A platform to test, and what is behind it. */
export type PlatformBench = {
  standIn: PlatformStandIn
  /** Makes the platform; `url` is the stand-in's, or one where nobody is. */
  create: (outbound: Outbound, url: string) => Platform
  given: PlatformSecrets
  /** Credentials that the stand-in does not know. */
  wrong: PlatformSecrets
  content: PublishContent
  ends: 'drafted' | 'in_review' | 'published'
  /** Paths of the calls that make something, and of one that prepares. */
  acting: readonly string[]
  preparing: string
  /** The answer that says a token has run out. */
  stale: object
  /** Documented answers, where they come and what they mean. */
  refusals: readonly [path: string, answer: object, kind: PlatformErrorKind, reason: PlatformProblem | null][]
}

const SHORT_MS = 400

/** No request of a test waits half a minute for a stand-in that does not answer. */
export function quickOutbound(): Outbound {
  const outbound = createOutbound({ allow: ['127.0.0.1/32'] })
  return (url, request) => outbound(url, { ...request, timeoutMs: Math.min(request.timeoutMs, SHORT_MS) })
}

export async function pictureOf(name: string, width = 64, height = 48): Promise<PublishMedia> {
  const bytes = await sharp({ create: { width, height, channels: 3, background: '#3a7' } })
    .png()
    .toBuffer()
  return { name, mediaType: 'image/png', bytes: bytes.byteLength, read: async () => bytes }
}

export function clipOf(bytes: Uint8Array): PublishMedia {
  return { name: 'clip.mp4', mediaType: 'video/mp4', bytes: bytes.byteLength, read: async () => bytes }
}

/** Whatever fails here, `PlatformError` of this kind must come of it. */
export async function refusalOf(work: Promise<unknown>): Promise<PlatformError> {
  const outcome = await work.then(
    (value) => assert.fail(`it went through: ${JSON.stringify(value)}`),
    (error: unknown) => error,
  )
  assert.ok(outcome instanceof PlatformError, `threw ${outcome}`)
  return outcome
}

/** What every platform with an API must do, whatever its wire. */
export function testPlatform(name: string, setup: () => Promise<PlatformBench>): void {
  describe(`${name} as a platform`, () => {
    let bench: PlatformBench
    let api: PlatformApi
    let account: PlatformAccount
    let renewals: number
    const signal = new AbortController().signal
    const apiAt = (url: string): PlatformApi => {
      const { api: found } = bench.create(quickOutbound(), url)
      assert.ok(found)
      return found
    }
    before(async () => {
      bench = await setup()
    })
    after(() => bench.standIn.close())
    beforeEach(async () => {
      bench.standIn.reset()
      // A platform of its own for each test, so that no token of an earlier one is left.
      api = apiAt(bench.standIn.url)
      const { remoteAccount, secrets } = await api.bind(bench.given, signal)
      renewals = 0
      let stored = secrets
      account = {
        remoteAccount,
        get secrets() {
          return stored
        },
        renew: async (stale, renew) => {
          assert.deepEqual(stale, stored)
          renewals += 1
          stored = await renew(stored)
          return stored
        },
      }
      bench.standIn.requests.length = 0
    })

    const step = (operation: Json): Promise<PublishStep> =>
      api.advance(account, bench.content, operation, signal)

    /** Goes on from an operation, each written down and read again as by another worker, until it ends. */
    const run = async (
      from: Json = null,
    ): Promise<PublishStep & { state: 'drafted' | 'in_review' | 'published' }> => {
      for (let operation = from, count = 0; ; count += 1) {
        assert.ok(count < 20, 'it does not end')
        const next = await step(operation)
        if (next.state !== 'working') return next
        operation = JSON.parse(JSON.stringify(next.operation)) as Json
      }
    }

    /** The operation with which `path` is called next. */
    const operationBefore = async (path: string): Promise<Json> => {
      for (let operation: Json = null; ; ) {
        const before = bench.standIn.to(path).length
        const copy = JSON.parse(JSON.stringify(operation)) as Json
        if (bench.acting.indexOf(path) === bench.standIn.made.length && operation !== null) return copy
        const next = await step(operation)
        assert.equal(bench.standIn.to(path).length, before, 'it went past')
        if (next.state !== 'working') assert.fail('it ended before')
        assert.equal(next.phase, 'acting')
        operation = next.operation
      }
    }

    test('tells whose account it is, and none of its secrets', async () => {
      const bound = await api.bind(bench.given, signal)
      assert.ok(bound.name && bound.remoteAccount)
      for (const [field, value] of Object.entries(bound.secrets)) {
        if (/secret|token/.test(field))
          assert.ok(!bound.name.includes(value) && !bound.remoteAccount.includes(value))
      }
    })

    test('refuses wrong credentials', async () => {
      const { kind, reason, message } = await refusalOf(api.bind(bench.wrong, signal))
      assert.deepEqual([kind, reason], ['refused', 'credentials_wrong'])
      for (const [field, value] of Object.entries(bench.wrong))
        if (/secret|token|code/.test(field)) assert.ok(!message.includes(value), message)
    })

    test('publishes once, by operations that any worker can resume', async () => {
      const first = await step(null)
      assert.equal(first.state, 'working')
      assert.equal(bench.standIn.made.length, 0, 'the first step makes nothing')
      bench.standIn.requests.length = 0
      assert.equal((await run()).state, bench.ends)
      assert.equal(bench.standIn.made.length, bench.acting.length)
    })

    test('a token that has run out is renewed once and the call made again, wherever it happens', async () => {
      for (const path of [bench.preparing, ...bench.acting]) {
        bench.standIn.made.length = 0
        bench.standIn.misbehave(path, bench.stale)
        assert.equal((await run()).state, bench.ends, path)
        assert.equal(bench.standIn.made.length, bench.acting.length, path)
      }
    })

    test('a token that stays refused is a matter of credentials', async () => {
      bench.standIn.misbehave(bench.preparing, bench.stale, bench.stale)
      const { kind, reason } = await refusalOf(step(null))
      assert.deepEqual([kind, reason], ['refused', 'credentials_wrong'])
      assert.ok(renewals <= 1)
    })

    for (const how of ['cut', 'garbage', 'http-500', 'slow'] as const) {
      test(`what was taken and answered with ${how} is ambiguous`, async () => {
        for (const path of bench.acting) {
          bench.standIn.reset()
          const operation = await operationBefore(path)
          bench.standIn.misbehave(path, how)
          assert.equal((await refusalOf(step(operation))).kind, 'ambiguous', path)
          assert.equal(bench.standIn.to(path).length, 1, 'sent once')
        }
      })
    }

    test('HTTP 429 is throttled, with the wait it names', async () => {
      bench.standIn.misbehave(bench.preparing, 'http-429')
      const { kind, retryAfterMs } = await refusalOf(step(null))
      assert.deepEqual([kind, retryAfterMs], ['throttled', 7_000])
    })

    test('nobody there is unavailable: nothing was done', async () => {
      const nowhere = apiAt('http://127.0.0.1:9')
      const path = bench.acting[0] ?? ''
      const operation = await operationBefore(path)
      for (const one of [null, operation])
        assert.equal(
          (await refusalOf(nowhere.advance(account, bench.content, one, signal))).kind,
          'unavailable',
        )
      assert.equal((await refusalOf(nowhere.bind(bench.given, signal))).kind, 'unavailable')
    })

    test('documented refusals mean what the document says', async () => {
      for (const [path, answer, kind, reason] of bench.refusals) {
        bench.standIn.reset()
        api = apiAt(bench.standIn.url)
        bench.standIn.misbehave(path, answer, answer)
        const error = await refusalOf(run())
        assert.deepEqual(
          [error.kind, reason && error.reason],
          [kind, reason],
          `${path} ${JSON.stringify(answer)}`,
        )
      }
    })

    test('a platform that quotes what it was sent brings no secret into an error', async () => {
      const secrets = Object.entries(account.secrets).filter(([field]) => /secret|token/.test(field))
      const quoted = secrets.map(([, value]) => value).join(' ')
      for (const [path, answer] of bench.refusals) {
        const error = JSON.parse(JSON.stringify(answer), (field, value) =>
          /msg|description|message/.test(field) ? `${value} ${quoted}` : value,
        )
        bench.standIn.reset()
        bench.standIn.misbehave(path, error, error)
        const { message } = await refusalOf(run())
        for (const [, value] of secrets) assert.ok(!message.includes(value), message)
      }
    })
  })
}
