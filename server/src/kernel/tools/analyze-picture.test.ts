import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import sharp from 'sharp'
import type { TestSite } from '../../../test/build-site.ts'
import { buildSite } from '../../../test/build-site.ts'
import { createUser } from '../../../test/factories.ts'
import type { FakeVision } from '../../../test/fakes/vision-provider.ts'
import { createFakeVision, END, failsWith, writes } from '../../../test/fakes/vision-provider.ts'
import { statement } from '../../db/database.ts'
import { aigentools } from '../../dialects/aigentools/dialect.ts'
import { createVendorGates } from '../../limits/vendor-gates.ts'
import { setModelState, setSetting } from '../catalog/administer.ts'
import type { Context } from '../context.ts'
import type { Failure } from '../errors.ts'
import { KernelError } from '../errors.ts'
import { units } from '../money.ts'
import { ProviderError } from '../ports/provider.ts'
import { showSettings } from '../settings.ts'
import { sweepExpired } from '../sweep-expired.ts'
import { readBalance } from '../wallet/balance.ts'
import type { Analysis } from './analyze-picture.ts'
import { analyzePicture } from './analyze-picture.ts'

const TEMPLATE = 'picture-to-sales-clip-prompts'

let site: TestSite
let first: FakeVision
let second: FakeVision
let actor: { accountId: bigint }
let address: string

before(async () => {
  // The preset's channel is the built-in renderer's; here a vendor stands in its place.
  ;[first, second] = [createFakeVision('sketch'), createFakeVision('second')]
  site = await buildSite({ dialect: aigentools, providers: [first, second] })
  const tall = { create: { width: 900, height: 1_800, channels: 3, background: '#336699' } } as const
  const jpeg = await sharp(tall)
    .jpeg()
    .withExif({ IFD0: { Copyright: 'a private note' } })
    .toBuffer()
  address = `data:image/jpeg;base64,${jpeg.toString('base64')}`
})
after(() => site.close())
beforeEach(async () => {
  for (const fake of [first, second]) Object.assign(fake, { asked: [], next: [] })
  site.context.vendorGates = createVendorGates()
  actor = { accountId: (await createUser(site.context, units(5))).accountId }
})

const analyze = (
  options: { context?: Context; template?: string; address?: string; capMs?: number } = {},
) => {
  const { context = site.context, template = TEMPLATE, capMs } = options
  const input = { address: options.address ?? address, template }
  return analyzePicture(context, actor, input, { ...(capMs !== undefined && { capMs }) })
}

const refused = async (work: Promise<Analysis>): Promise<KernelError> => {
  const error = await work.then(
    ({ text }) => assert.fail(`it was answered: ${text.slice(0, 100)}`),
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof KernelError)) throw error
  return error
}

/** Fails in the kernel's own words, with nothing of the vendor's. */
const failsFor = async (reason: Failure, work: Promise<Analysis>): Promise<void> => {
  const error = await refused(work)
  assert.equal(error.code, 'analysis_failed')
  assert.deepEqual(error.details, { reason })
  assert.equal(error.message, 'analysis_failed')
  assert.equal(error.cause, undefined)
}

type Row = { outcome: string | null; provider: string | null; template: string; template_version: number }
const readRows = statement(
  'analyses of an account',
  `select outcome, provider, template, template_version, input_tokens::int as input, output_tokens::int as output
   from analysis where account_id = $1 order by id`,
)
const rows = () => site.context.db.rows<Row>(readRows, [actor.accountId])
const outcomes = async () => (await rows()).map(({ outcome }) => outcome)
const makeOlder = (seconds: number) =>
  site.context.db.rows(
    statement(
      'age analyses',
      'update analysis set created_at = created_at - make_interval(secs => $2) where account_id = $1',
    ),
    [actor.accountId, seconds],
  )

/** The context as it would be with other channels of the vision model. */
const withChannels = (
  ...channels: { provider: string; weight?: number; secret?: string; keys?: Context['keys'] }[]
): Context => {
  const models = site.context.catalog.models().map((model) => ({
    ...model,
    channels: channels.map(({ provider, weight = 1, secret, keys = site.context.keys }, index) => ({
      id: BigInt(index + 1),
      provider,
      vendorModel: `${provider}-model`,
      weight,
      priority: 10,
      mostJobs: null,
      startsPerMinute: null,
      connection:
        secret === undefined
          ? null
          : {
              url: 'https://vendor.example',
              sealed: keys
                .seal(JSON.stringify({ secret, headers: { 'x-key': 'header-secret' } }))
                .toString('base64'),
              options: {},
              limits: {},
            },
    })),
  }))
  return { ...site.context, catalog: { ...site.context.catalog, models: () => models } }
}

describe('a picture is described', () => {
  test('the vendor gets the template and a small upright JPEG without metadata; nothing is kept or charged', async () => {
    const analysis = await analyze()
    assert.deepEqual(analysis, { text: '画面分析\n一段提示词', provider: 'sketch', templateVersion: 1 })
    const [job] = first.asked
    assert.ok(job)
    assert.equal(job.kind, 'vision')
    assert.equal(job.model, 'sketch')
    assert.equal(job.purpose, TEMPLATE)
    assert.match(job.system, /one smooth, slow camera move/)
    assert.equal(job.messages.length, 1)
    assert.match(job.messages[0]?.text ?? '', /512 by 1024 pixels, portrait, about 1:2/)
    const [picture] = job.messages[0]?.pictures ?? []
    assert.equal(picture?.mediaType, 'image/jpeg')
    const sent = await sharp(picture?.bytes).metadata()
    assert.deepEqual([sent.format, sent.width, sent.height, sent.exif], ['jpeg', 512, 1_024, undefined])
    assert.deepEqual(await readdir(join(site.dataDir, 'files', 'aigentools')), [])
    const { available, held, spent } = await readBalance(site.context, actor)
    assert.deepEqual([available, held, spent], [units(5), 0n, 0n])
    const [row] = await rows()
    const expected = { template: TEMPLATE, template_version: 1, provider: 'sketch', outcome: 'succeeded' }
    assert.deepEqual({ ...row }, { ...expected, input: 900, output: 300 })
  })

  test('each template has its own rules', async () => {
    await analyze({ template: 'picture-to-glamour-prompts' })
    const system = first.asked[0]?.system ?? ''
    for (const rule of [
      /Adults only/,
      /in doubt about an age, decline/,
      /No real person is sexualised/,
      /Not explicit/,
      /DECLINED/,
    ])
      assert.match(system, rule)
    assert.doesNotMatch(system, /bypass|evade|jailbreak|filter/i)
  })

  test('a template that an operator switched off is refused like one that never was, and costs nothing', async () => {
    const off = 'picture-to-glamour-prompts'
    await setSetting(site.context, 'templates_off', [off])
    assert.deepEqual(showSettings(site.context.preset).templates_off, [off])
    for (const template of [off, 'nothing', 'constructor', '']) {
      const error = await refused(analyze({ template }))
      assert.equal(error.code, 'input_invalid')
      assert.deepEqual(error.details, { field: 'template', problem: 'format' })
    }
    await analyze()
    assert.equal(first.asked.length, 1)
    assert.equal((await rows()).length, 1)
    await setSetting(site.context, 'templates_off', null)
    await analyze({ template: off })
    for (const wrong of [['no template'], 'picture-to-glamour-prompts', [1], {}])
      await assert.rejects(setSetting(site.context, 'templates_off', wrong), { code: 'input_invalid' })
  })

  test('without an open vision model nobody is asked and nothing counts', async () => {
    const { name } = site.context.catalog.models().find(({ kind }) => kind === 'vision') ?? { name: '' }
    await setModelState(site.context, name, 'closed')
    await site.context.catalog.reload()
    await failsFor('unavailable', analyze())
    await setModelState(site.context, name, 'open')
    await site.context.catalog.reload()
    await failsFor('unavailable', analyze({ context: withChannels({ provider: 'gone' }) }))
    await failsFor('unavailable', analyze({ context: withChannels() }))
    assert.deepEqual(await rows(), [])
  })
})

describe('channels', () => {
  const both = () => withChannels({ provider: 'sketch', weight: 1_000_000 }, { provider: 'second' })

  test('what is known not to have been done goes to the next one', async () => {
    for (const kind of ['unavailable', 'throttled'] as const) {
      first.next.push(failsWith(new ProviderError(kind, 'no')))
      const { provider, text } = await analyze({ context: both() })
      assert.deepEqual([provider, text], ['second', '画面分析\n一段提示词'])
    }
    assert.deepEqual(await outcomes(), ['succeeded', 'succeeded'])
    assert.equal(second.asked[0]?.model, 'second-model')
  })

  test("what may have been done, or is the picture's fault, does not", async () => {
    const reasons = { rejected: 'rejected', content: 'content', ambiguous: 'unknown' } as const
    for (const [kind, reason] of Object.entries(reasons) as [keyof typeof reasons, Failure][]) {
      first.next.push(failsWith(new ProviderError(kind, 'no')))
      await failsFor(reason, analyze({ context: both() }))
    }
    first.next.push(failsWith(new TypeError('a bug of the adapter')))
    await failsFor('unknown', analyze({ context: both() }))
    assert.equal(second.asked.length, 0)
  })

  test('when none is left', async () => {
    for (const fake of [first, second]) fake.next.push(failsWith(new ProviderError('unavailable', 'no')))
    await failsFor('unavailable', analyze({ context: both() }))
    assert.deepEqual(await outcomes(), ['unavailable'])
  })

  test('both are used, by weight', async () => {
    const context = withChannels({ provider: 'sketch', weight: 1 }, { provider: 'second', weight: 1 })
    await Promise.all(Array.from({ length: 20 }, () => analyze({ context })))
    assert.equal(first.asked.length + second.asked.length, 20)
    // One in half a million runs draws the same channel twenty times.
    assert.ok(first.asked.length > 0 && second.asked.length > 0)
  })

  test('one whose key was sealed under another SECRET_KEY is passed over', async () => {
    const foreign = { ...site.context.keys, seal: (text: string) => Buffer.from(`not sealed: ${text}`) }
    const context = withChannels(
      { provider: 'sketch', weight: 1_000_000, secret: 'x', keys: foreign },
      { provider: 'second' },
    )
    assert.equal((await analyze({ context })).provider, 'second')
    await failsFor(
      'unavailable',
      analyze({ context: withChannels({ provider: 'sketch', secret: 'x', keys: foreign }) }),
    )
    assert.equal(first.asked.length, 0)
  })

  test("the log has the vendor's words without the key that they repeat", async () => {
    const lines: string[] = []
    const log = {
      ...site.context.log,
      warn: (details: object) =>
        void lines.push(
          JSON.stringify(details, (_, value) => (typeof value === 'bigint' ? String(value) : value)),
        ),
    }
    const words = `401 from https://vendor.example: key sk-12345 (header-secret) is wrong`
    first.next.push(failsWith(new ProviderError('rejected', words)))
    const context = { ...withChannels({ provider: 'sketch', secret: 'sk-12345' }), log }
    await failsFor('rejected', analyze({ context }))
    assert.equal(lines.length, 1)
    assert.match(lines[0] ?? '', /key \[secret\] \(\[secret\]\) is wrong/)
    assert.doesNotMatch(lines.join(), /sk-12345|header-secret|base64/)
  })
})

describe('a vendor that misbehaves', () => {
  test('slow: given up in time, told so, and counted', async () => {
    let told = false
    first.next.push(async function* (_job, { signal }) {
      yield { type: 'text', text: 'begin' }
      signal.addEventListener('abort', () => {
        told = true
      })
      await new Promise(() => {})
    })
    const startedAt = performance.now()
    await failsFor('deadline', analyze({ capMs: 150 }))
    assert.ok(performance.now() - startedAt < 5_000)
    assert.equal(told, true)
    assert.deepEqual(await outcomes(), ['deadline'])
  })

  test('slow on the first channel: the second gets only what is left of the time', async () => {
    const hangs = async function* () {
      await new Promise(() => {})
    } as never
    first.next.push(failsWith(new ProviderError('unavailable', 'no')))
    second.next.push(hangs)
    const context = withChannels({ provider: 'sketch', weight: 1_000_000 }, { provider: 'second' })
    await failsFor('deadline', analyze({ context, capMs: 150 }))
  })

  test('streams for ever: cut at 20 000 characters, never through one, and told to stop', async () => {
    let stopped = false
    first.next.push(async function* (_job, { signal }) {
      signal.addEventListener('abort', () => {
        stopped = true
      })
      yield { type: 'text', text: 'x' }
      while (!signal.aborted) yield { type: 'text', text: '😀'.repeat(333) }
    })
    const { text } = await analyze()
    assert.equal(text.length, 19_999)
    assert.ok(text.isWellFormed())
    assert.equal(stopped, true)
    assert.deepEqual(await outcomes(), ['succeeded'])
  })

  test('answers nothing, breaks off, fails in the middle: no half answer', async () => {
    const bad = [
      writes(),
      writes(' \n\t', ''),
      async function* () {
        yield { type: 'text' as const, text: 'half' }
      },
      failsWith(new ProviderError('ambiguous', 'reset'), 'half'),
    ]
    for (const one of bad) {
      first.next.push(one)
      await failsFor('unknown', analyze())
    }
    first.next.push(failsWith(new ProviderError('unavailable', 'overloaded'), 'half'))
    await failsFor('unavailable', analyze())
  })

  test('refuses by content: by its moderation, or as the template told it to', async () => {
    first.next.push(async function* () {
      yield { type: 'text', text: 'I beg' }
      yield { ...END, reason: 'content' }
    })
    await failsFor('content', analyze())
    for (const text of ['DECLINED', '  **DECLINED**', 'DECLINED: the age is in doubt', '"DECLINED"\n']) {
      first.next.push(writes(text))
      await failsFor('content', analyze())
    }
    first.next.push(writes('The word DECLINED may stand in a text.'))
    assert.equal((await analyze()).text, 'The word DECLINED may stand in a text.')
    assert.deepEqual(new Set((await outcomes()).slice(0, -1)), new Set(['content']))
  })

  test('stops at its own length: what there is, is an answer', async () => {
    first.next.push(async function* () {
      yield { type: 'text', text: 'as far as it went' }
      yield { ...END, reason: 'length' }
    })
    assert.equal((await analyze()).text, 'as far as it went')
  })
})

describe('twenty an hour', () => {
  test('of a hundred at once, in two processes, exactly twenty are asked', async () => {
    const other = await site.another()
    const all = await Promise.allSettled(
      Array.from({ length: 100 }, (_, index) => analyze({ context: index % 2 === 0 ? site.context : other })),
    )
    assert.equal(all.filter(({ status }) => status === 'fulfilled').length, 20)
    for (const one of all) {
      if (one.status === 'fulfilled') continue
      assert.ok(one.reason instanceof KernelError, String(one.reason))
      assert.equal(one.reason.code, 'rate_limited')
      const { retryAfterSeconds } = one.reason.details as { retryAfterSeconds: number }
      assert.ok(retryAfterSeconds > 3_500 && retryAfterSeconds <= 3_600, `${retryAfterSeconds}`)
    }
    assert.equal(first.asked.length, 20)
    assert.equal((await rows()).length, 20)
    const exhausted = actor
    actor = { accountId: (await createUser(site.context, units(5))).accountId }
    await analyze()
    actor = exhausted
    await makeOlder(3_590)
    const error = await refused(analyze())
    assert.ok((error.details as { retryAfterSeconds: number }).retryAfterSeconds <= 10)
    await makeOlder(20)
    await analyze()
  })

  test('what nobody can have billed does not count; what may have been billed does', async () => {
    await setSetting(site.context, 'limit_analysis', { points: 2, perSeconds: 60 })
    for (let i = 0; i < 3; i += 1) {
      first.next.push(failsWith(new ProviderError('unavailable', 'no')))
      await failsFor('unavailable', analyze())
      assert.equal((await refused(analyze({ address: 'data:image/png;base64,AAAA' }))).code, 'input_invalid')
    }
    first.next.push(failsWith(new ProviderError('ambiguous', 'reset')))
    await failsFor('unknown', analyze())
    first.next.push(failsWith(new ProviderError('content', 'no')))
    await failsFor('content', analyze())
    const asked = first.asked.length
    const error = await refused(analyze())
    assert.equal(error.code, 'rate_limited')
    assert.ok((error.details as { retryAfterSeconds: number }).retryAfterSeconds <= 60)
    assert.equal(first.asked.length, asked)
    await setSetting(site.context, 'limit_analysis', null)
    await analyze()
  })

  test('one whose process died counts until it is an hour old', async () => {
    const died = statement(
      'analyses that died',
      `insert into analysis (account_id, template, template_version) select $1, 't', 1 from generate_series(1, 20)`,
    )
    await site.context.db.rows(died, [actor.accountId])
    assert.equal((await refused(analyze())).code, 'rate_limited')
    await makeOlder(3_601)
    await analyze()
  })

  test('an answer that cannot be noted down is given all the same', async () => {
    const failing = {
      ...site.context.db,
      rows: async (what: { name: string }, values: readonly unknown[]) => {
        if (what.name === 'end analysis') throw new Error('the connection was lost')
        return site.context.db.rows(what as never, values)
      },
    }
    const { text } = await analyze({ context: { ...site.context, db: failing as never } })
    assert.equal(text, '画面分析\n一段提示词')
    assert.deepEqual(await outcomes(), [null])
  })

  test('the record is kept for thirteen months', async () => {
    await analyze()
    await makeOlder(390 * 86_400)
    await sweepExpired(site.context)
    assert.equal((await rows()).length, 1)
    await makeOlder(10 * 86_400)
    await sweepExpired(site.context)
    assert.equal((await rows()).length, 0)
  })
})
