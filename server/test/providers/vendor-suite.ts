import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { addConnection, serveModel } from '../../src/kernel/catalog/administer-connections.ts'
import { advanceTask } from '../../src/kernel/generation/advance.ts'
import { claimTasks } from '../../src/kernel/generation/claim.ts'
import { submitTask } from '../../src/kernel/generation/submit.ts'
import { sweepTasks } from '../../src/kernel/generation/sweep.ts'
import { readTaskById, type Task } from '../../src/kernel/generation/task.ts'
import { units } from '../../src/kernel/money.ts'
import {
  type CallOptions,
  type ImageJob,
  type Json,
  type Output,
  type Provider,
  type ProviderConnection,
  ProviderError,
  type ProviderErrorKind,
  type ProviderJob,
  type Step,
  type TextJob,
  type TextPart,
  type Usage,
  type VideoJob,
} from '../../src/kernel/ports/provider.ts'
import { buildSite, type TestSite } from '../build-site.ts'
import { createUser } from '../factories.ts'
import { createLoopbackOutbound } from './loopback-outbound.ts'
import { allParts } from './provider-suite.ts'
import type { Answer, Misbehaviour, Role, VendorStandIn } from './vendor-stand-in.ts'

type Job = ProviderJob | TextJob

/** What a vendor says, and to which request: the one that orders the work, or one that asks after it. */
export type Said = { at: 'submit' | 'poll'; does: Misbehaviour['does']; isAccepted?: boolean }

/** A vendor's documented words for what goes wrong with a job of some kind. */
export type VendorWords = {
  /** A 429; the suite adds `retry-after` to it. */
  throttled: Answer
  /** A 500. */
  crashed: Answer
  /** How moderation refuses; null for a vendor that has none. */
  content: Said | null
  /** A success with nothing in it. */
  withoutOutputs: Said
  /** A success with a file inside the answer that is none; left out where files are never inside. */
  notAFile?: Said
  /** Puts a status that nobody knows into the good answer to a poll; left out where `start` ends the job. */
  unknownStatus?: (good: Answer) => Answer
  /** What the good answer counts; left out where the wire has nothing of it. */
  usage?: Usage
}

/** A vendor to test: an adapter, a stand-in of its wire, and its words. */
export type VendorBench = {
  /** Made with `createLoopbackOutbound()`. */
  provider: Provider
  standIn: VendorStandIn
  /** To the stand-in, with its key, and with these options added to what the bench itself needs. */
  connection: (options?: ProviderConnection['options']) => ProviderConnection
  /** One small job of each kind, which takes exactly one submit. */
  jobs: readonly Job[]
  words: (job: Job) => VendorWords
  /** What the vendor's own document promises; nothing unless given. */
  documents?: {
    /** A 500 was not done. */
    isCrashSafe?: boolean
    /** What ends without a result costs nothing. */
    isFailureFree?: boolean
  }
}

/** What must not be said where the work may have been done and paid for: these lead to another submit. */
const RESUBMITTING: readonly ProviderErrorKind[] = ['throttled', 'unavailable', 'failed']
const SILENCE_MS = 1_000

const isText = (job: Job): job is TextJob => job.kind === 'text' || job.kind === 'vision'
const isFilm = (job: Job): job is ImageJob | VideoJob => !isText(job) && job.kind !== 'custom'

/**
 * What every adapter of a paid vendor must do when its vendor misbehaves, for each of its kinds. Beside `testProvider`,
 * which is about what it does when all is well.
 */
export function testVendor(name: string, setup: () => Promise<VendorBench>): void {
  describe(`${name} when its vendor misbehaves`, () => {
    let bench: VendorBench
    before(async () => {
      bench = await setup()
    })
    after(() => bench.standIn.close())
    beforeEach(() => {
      for (const misbehaviours of Object.values(bench.standIn.next)) misbehaviours.length = 0
    })

    const options = (changes: Partial<CallOptions> = {}): CallOptions => ({
      connection: bench.connection(),
      signal: new AbortController().signal,
      progress: () => {},
      reference: `attempt-${Math.trunc(performance.now())}`,
      ...changes,
    })
    /** Starts a job; a text is written to its end. */
    const start = (job: Job, call = options()): Promise<Step | TextPart[]> =>
      isText(job) ? allParts(bench.provider.write?.(job, call)) : bench.provider.start(job, call)
    const check = (step: Step & { state: 'pending' }, call = options()): Promise<Step> => {
      assert.ok(bench.provider.check, 'what is pending needs check')
      return bench.provider.check(JSON.parse(JSON.stringify(step.operation)) as Json, call)
    }
    const finish = async (step: Step): Promise<Step & { state: 'done' }> => {
      for (let times = 0; step.state === 'pending'; times += 1) {
        assert.ok(times < 200, 'it is pending for ever')
        await sleep(5)
        step = await check(step)
      }
      assert.ok(step.outputs.length >= 1, 'done with nothing')
      return step
    }
    /** Runs a job against one misbehaviour, and sees to it that it was sent once. */
    const meet = async (job: Job, misbehaviour: Misbehaviour, call = options()): Promise<ProviderError> => {
      const submits = bench.standIn.count('submit')
      bench.standIn.next.submit.push(misbehaviour)
      const error = await refusalOf(start(job, call))
      assert.equal(bench.standIn.count('submit') - submits, 1, `${job.kind} was sent more than once`)
      return error
    }
    /** Runs a job to where the vendor says this. */
    const hear = async (job: Job, { at, does, isAccepted = true }: Said): Promise<ProviderError> => {
      if (at === 'submit') return meet(job, { does, isAccepted })
      const step = await start(job)
      assert.ok(!Array.isArray(step) && step.state === 'pending', `${job.kind} is not asked after`)
      bench.standIn.next.poll.push({ does })
      return refusalOf(finish(step))
    }
    const mayBeDone = (job: Job, { kind, message }: ProviderError): void => {
      // What costs nobody anything may be made again.
      if (bench.provider.repeatable) return
      assert.ok(!RESUBMITTING.includes(kind), `${job.kind}: ${kind}, which is sent again: ${message}`)
    }
    /** The jobs that go on at the vendor after they were started, each just started. */
    const started = async function* (): AsyncGenerator<[ProviderJob, Step & { state: 'pending' }]> {
      for (const job of bench.jobs) {
        if (isText(job) || !bench.words(job).unknownStatus) continue
        const step = await bench.provider.start(job, options())
        assert.ok(step.state === 'pending', `${job.kind} ended at once, but has words for polls`)
        yield [job, step]
      }
    }

    test('429 is `throttled`, with the time to wait in seconds, as a date, or unknown', async () => {
      for (const job of bench.jobs) {
        const { throttled } = bench.words(job)
        for (const [after, least, most] of [
          ['7', 7_000, 7_000],
          [new Date(Date.now() + 30_000).toUTCString(), 26_000, 32_000],
          [null, 0, 0],
        ] as const) {
          const accepted = bench.standIn.accepted()
          const headers = { ...throttled.headers, ...(after !== null && { 'retry-after': after }) }
          const error = await meet(job, { does: { status: 429, ...throttled, headers } })
          assert.equal(error.kind, 'throttled', `${job.kind}: ${error.message}`)
          const { retryAfterMs } = error
          if (after === null) assert.ok(retryAfterMs === undefined || retryAfterMs > 0, `${retryAfterMs}`)
          else assert.ok(retryAfterMs !== undefined && retryAfterMs >= least && retryAfterMs <= most, after)
          assert.equal(bench.standIn.accepted(), accepted)
        }
      }
    })

    test('500 leaves it open whether the work was done, before the vendor took it and after', async () => {
      for (const job of bench.jobs) {
        const { crashed } = bench.words(job)
        for (const isAccepted of [false, true]) {
          const error = await meet(job, { isAccepted, does: { status: 500, ...crashed } })
          if (bench.documents?.isCrashSafe) continue
          mayBeDone(job, error)
          assert.ok(error.kind !== 'content', `${job.kind}: a crash is nobody's words`)
        }
      }
    })

    test('an answer that breaks off in the middle is `ambiguous`', async () => {
      for (const job of bench.jobs) {
        const accepted = bench.standIn.accepted()
        const error = await meet(job, { does: 'cut' })
        assert.equal(bench.standIn.accepted(), accepted + 1, 'the stand-in took it')
        isAmbiguous(bench.provider, job, error)
      }
    })

    test('a status that nobody knows is still pending, and the job ends well', async () => {
      for await (const [job, step] of started()) {
        const { unknownStatus } = bench.words(job)
        assert.ok(unknownStatus)
        bench.standIn.next.poll.push({ does: unknownStatus })
        const next = await check(step)
        assert.ok(next.state === 'pending', `${job.kind}: ${next.state}`)
        await finish(next)
      }
    })

    for (const [what, makeIt] of [
      ['500', (job: Job): Answer => ({ status: 500, ...bench.words(job).crashed })],
      ['429', (job: Job): Answer => ({ status: 429, ...bench.words(job).throttled })],
      ['a page', (): Answer => ({ body: '<html><title>502</title></html>' })],
      ['a broken answer', () => 'cut'],
      ['an answer without an end', () => 'huge'],
    ] as [string, (job: Job) => Misbehaviour['does']][]) {
      test(`a poll that meets ${what} is made again, and the job is not lost`, async () => {
        for await (const [job, step] of started()) {
          const accepted = bench.standIn.accepted()
          bench.standIn.next.poll.push({ does: makeIt(job) })
          const outcome = await check(step).catch((error: unknown) => error)
          if (outcome instanceof ProviderError) {
            assert.ok(/^(unavailable|throttled)$/.test(outcome.kind), `${job.kind}: ${outcome.kind}`)
            sayNoKey(outcome, bench)
          } else {
            assert.ok(isStep(outcome) && outcome.state === 'pending', `${job.kind}: ${outcome}`)
          }
          await finish(step)
          assert.equal(bench.standIn.accepted(), accepted)
        }
      })
    }

    test('a success without outputs is neither a success nor a reason to order it again', async () => {
      for (const job of bench.jobs) {
        const accepted = bench.standIn.accepted()
        const error = await hear(job, bench.words(job).withoutOutputs)
        if (!bench.documents?.isFailureFree) mayBeDone(job, error)
        assert.ok(bench.standIn.accepted() <= accepted + 1)
      }
    })

    test('what is not of the wire (a page, a picture that is none) is `ambiguous`', async () => {
      for (const job of bench.jobs) {
        const page: Answer = { body: '<html><title>Welcome</title></html>' }
        isAmbiguous(bench.provider, job, await meet(job, { isAccepted: true, does: page }))
        const wrongJson: Answer = { json: ['hello'] }
        isAmbiguous(bench.provider, job, await meet(job, { isAccepted: true, does: wrongJson }))
        const { notAFile } = bench.words(job)
        if (notAFile) mayBeDone(job, await hear(job, notAFile))
      }
    })

    test('silence ends by the time of the connection', async () => {
      for (const job of bench.jobs) {
        const call = options({ connection: bench.connection({ timeout_seconds: SILENCE_MS / 1000 }) })
        const since = performance.now()
        const error = await meet(job, { does: 'silence' }, call)
        assert.ok(performance.now() - since < SILENCE_MS + 1_500, `${job.kind} went on`)
        isAmbiguous(bench.provider, job, error)
      }
      for await (const [job, step] of started()) {
        bench.standIn.next.poll.push({ does: 'silence' })
        const call = options({ connection: bench.connection({ timeout_seconds: SILENCE_MS / 1000 }) })
        const { kind } = await refusalOf(check(step, call))
        assert.equal(kind, 'unavailable', `${job.kind} is asked after again`)
        await finish(step)
      }
    })

    test('silence ends within two seconds of being called off', async () => {
      const endsInTime = async (role: Role, begin: () => Promise<unknown>, controller: AbortController) => {
        const reason = new Error('called off')
        const count = bench.standIn.count(role)
        let isEnded = false
        const ended = begin()
          .then(
            () => 'went on to its end',
            (error: unknown) => error,
          )
          .finally(() => {
            isEnded = true
          })
        while (bench.standIn.count(role) === count && !isEnded) await sleep(10)
        await sleep(50)
        controller.abort(reason)
        const outcome = await Promise.race([ended, sleep(2_000, 'went on for two seconds', { ref: false })])
        assert.ok(outcome === reason || outcome instanceof ProviderError, String(outcome))
        return outcome
      }
      for (const job of bench.jobs) {
        const controller = new AbortController()
        bench.standIn.next.submit.push({ does: 'silence' })
        const call = options({ signal: controller.signal })
        const outcome = await endsInTime('submit', () => start(job, call), controller)
        if (outcome instanceof ProviderError) mayBeDone(job, outcome)
      }
      for await (const [, step] of started()) {
        const controller = new AbortController()
        bench.standIn.next.poll.push({ does: 'silence' })
        const call = options({ signal: controller.signal })
        await endsInTime('poll', () => check(step, call), controller)
      }
    })

    test('moderation is `content`', async () => {
      for (const job of bench.jobs) {
        const { content } = bench.words(job)
        if (!content) continue
        const isAccepted = content.isAccepted ?? content.at === 'poll'
        const { kind, message } = await hear(job, { ...content, isAccepted })
        assert.equal(kind, 'content', `${job.kind}: ${message}`)
      }
    })

    test('a wrong key is `unavailable`, nothing is accepted, and no key is in any words', async (context) => {
      if (bench.standIn.key === null) return context.skip('it asks for no key')
      for (const job of bench.jobs) {
        const accepted = bench.standIn.accepted()
        // Not of any vendor's form, so that no rule about a form hides it; with characters that addresses escape.
        const connection = { ...bench.connection(), secret: 'wrong-0123456789/key+of=nobody' }
        const error = await refusalOf(start(job, options({ connection })))
        assert.equal(error.kind, 'unavailable', `${job.kind}: ${error.message}`)
        sayNoKey(error, bench, connection.secret)
        assert.equal(bench.standIn.accepted(), accepted)
      }
    })

    test('no key is in any words when the vendor repeats it in an error', async (context) => {
      const { key } = bench.standIn
      if (key === null) return context.skip('it asks for no key')
      for (const job of bench.jobs) {
        const words = JSON.stringify(bench.words(job).crashed.json ?? {})
        for (const given of [key, encodeURIComponent(key)]) {
          const said = `${'x'.repeat(290 - given.length)} ${given} Bearer ${given}`
          const json = JSON.parse(words, (_name, value: unknown) =>
            typeof value === 'string' ? said : value,
          )
          for (const status of [400, 500]) sayNoKey(await meet(job, { does: { status, json } }), bench)
        }
      }
    })

    test('an answer without an end is not read to its end', async () => {
      for (const job of bench.jobs) {
        const since = performance.now()
        isAmbiguous(bench.provider, job, await meet(job, { does: 'huge' }))
        assert.ok(performance.now() - since < 10_000, `${job.kind} went on reading`)
      }
    })

    test('a job whose answer broke off is found by our name of it, and no other is', async (context) => {
      const { find } = bench.provider
      if (!find) return context.skip('it cannot be asked by our name of a job')
      for (const [at, job] of bench.jobs.entries()) {
        if (isText(job)) continue
        const call = options({ reference: `lost-${at}-${Math.trunc(performance.now())}` })
        await meet(job, { does: 'cut' }, call)
        const accepted = bench.standIn.accepted()
        const found = await find(job, call)
        assert.ok(found.state !== 'not_done', `${job.kind} is at the vendor`)
        await finish(found)
        // A vendor that cannot be sure says so, and an operator decides.
        const none = await find(job, options({ reference: `${call.reference}-other` })).catch(refused)
        assert.ok(none instanceof ProviderError || none.state === 'not_done', `${job.kind} is nobody's`)
        assert.equal(bench.standIn.accepted(), accepted, 'looking orders nothing')
      }
    })

    test('says what a job took, where the wire does', async () => {
      for (const job of bench.jobs) {
        const { usage } = bench.words(job)
        if (!usage) continue
        const step = await start(job)
        if (!Array.isArray(step)) assert.deepEqual((await finish(step)).usage, usage, job.kind)
        else {
          const end = step.at(-1)
          assert.ok(end?.type === 'end')
          assert.deepEqual(end.usage, usage, job.kind)
        }
      }
    })

    test('a result that has expired is asked for again or given up, and never ordered again', async (context) => {
      const downloaded = await jobsWithAddresses()
      if (downloaded.length === 0) return context.skip('its files come inside its answers')
      const stage = await openStage(bench)
      try {
        for (const job of downloaded) {
          const accepted = bench.standIn.accepted()
          bench.standIn.next.download.push({ does: { status: 403, body: 'expired' } })
          const once = await stage.run(job)
          if (once.state !== 'succeeded') await stage.isPaidBack(once)
          assert.equal(bench.standIn.accepted(), accepted + 1, `${job.kind} was ordered again`)

          for (let times = 0; times < 8; times += 1) {
            bench.standIn.next.download.push({ does: { status: 403, body: 'expired' } })
          }
          const never = await stage.run(job, 4)
          assert.notEqual(never.state, 'succeeded')
          if (never.state !== 'running') await stage.isPaidBack(never)
          assert.equal(bench.standIn.accepted(), accepted + 2, `${job.kind} was ordered again`)
          bench.standIn.next.download.length = 0
        }
      } finally {
        await stage.close()
      }
    })

    test('a result that is no file of its kind is given up and paid back', async (context) => {
      const downloaded = await jobsWithAddresses()
      if (downloaded.length === 0) return context.skip('its files come inside its answers')
      const stage = await openStage(bench)
      try {
        for (const job of downloaded) {
          const accepted = bench.standIn.accepted()
          bench.standIn.next.download.push({ does: { body: '<html>This is a page</html>' } })
          const task = await stage.run(job)
          await stage.isPaidBack(task)
          assert.equal(bench.standIn.accepted(), accepted + 1, `${job.kind} was ordered again`)
        }
      } finally {
        await stage.close()
      }
    })

    const jobsWithAddresses = async (): Promise<(ImageJob | VideoJob)[]> => {
      const found: (ImageJob | VideoJob)[] = []
      for (const job of bench.jobs.filter(isFilm)) {
        const { outputs } = await finish(await bench.provider.start(job, options()))
        if (outputs.some((output: Output) => 'url' in output)) found.push(job)
      }
      return found
    }
  })
}

function refused(error: unknown): ProviderError {
  assert.ok(error instanceof ProviderError, `threw ${error}`)
  return error
}

const isStep = (value: unknown): value is Step =>
  typeof value === 'object' && value !== null && 'state' in value

async function refusalOf(work: Promise<unknown>): Promise<ProviderError> {
  try {
    await work
  } catch (error) {
    assert.ok(error instanceof ProviderError, `threw ${error instanceof Error ? error.stack : error}`)
    return error
  }
  assert.fail('it went through')
}

function isAmbiguous({ repeatable }: Provider, job: Job, { kind, message }: ProviderError): void {
  if (repeatable) assert.ok(kind === 'ambiguous' || kind === 'unavailable', `${job.kind}: ${kind} ${message}`)
  else assert.equal(kind, 'ambiguous', `${job.kind}: ${message}`)
}

/** Attempts keep these words and operators read them. Half a key is a leak as well. */
function sayNoKey(error: ProviderError, { standIn }: VendorBench, ...others: string[]): void {
  for (const key of [...(standIn.key === null ? [] : [standIn.key]), ...others]) {
    for (let one: unknown = error; one instanceof Error; one = one.cause) {
      const said = `${one.message} ${one.stack}`
      for (const form of [key, encodeURIComponent(key), key.slice(0, 12)]) {
        assert.ok(!said.includes(form), 'the key is in the error')
      }
    }
  }
}

/** A whole site whose models of pictures and clips are served by the vendor. */
async function openStage(bench: VendorBench) {
  const site = await buildSite({ providers: [bench.provider], outbound: createLoopbackOutbound() })
  const { context } = site
  const user = await createUser(context, units(1_000))
  await addConnection(context, { name: 'vendor', provider: bench.provider.name, ...bench.connection() })
  return {
    close: site.close,
    /** Submits a job and takes it further, at most so many steps, whatever time it wants to wait in between. */
    run: async (job: ImageJob | VideoJob, mostSteps = 30): Promise<Task> => {
      const model = job.kind === 'video' ? 'animation_model' : 'image_model'
      const serving = { model, connection: 'vendor', vendorModel: job.model, weight: 1, isOnly: true }
      await serveModel(context, serving)
      const { taskId } = await submitTask(context, user, await submissionOf(site, job))
      for (let steps = 0; steps < mostSteps; steps += 1) {
        await context.db.pool.query('update task set due_at = now() where id = $1', [taskId])
        const [task] = await claimTasks(context, 'the suite', 1, 60_000)
        if (task) await advanceTask(context, task, new AbortController().signal)
        const { state } = await readTaskById(context, user, taskId)
        if (state !== 'queued' && state !== 'running') break
      }
      const task = await readTaskById(context, user, taskId)
      // Out of the way of the next one, at the vendor too: what goes on there takes a place.
      await context.db.pool.query(`update task set deadline = now() - interval '1 second' where id = $1`, [
        taskId,
      ])
      await sweepTasks(context)
      return task
    },
    isPaidBack: async ({ id, state, cost }: Task): Promise<void> => {
      assert.equal(state, 'failed')
      const { rows } = await context.db.pool.query(
        `select state, captured::text from hold where task_id = $1 order by id desc limit 1`,
        [id],
      )
      assert.deepEqual(rows, [{ state: 'released', captured: '0' }], `of ${cost}`)
    },
  }
}

async function submissionOf({ context }: TestSite, job: ImageJob | VideoJob) {
  const { kind, model: _model, source, ...input } = job
  // Small ones keep the suite quick, and are less than users may ask for.
  input.width = Math.max(input.width, 256)
  input.height = Math.max(input.height, 256)
  const rest = { model: null, parameters: {}, idempotencyKey: null, origin: { ip: null, device: null } }
  const key = source && `${context.ids.token(32)}.png`
  if (source && key) await context.files.put(key, source.bytes)
  const given = { ...input, ...(key !== undefined && { source: key }) }
  return kind === 'video'
    ? { ...rest, kind, input: given as Omit<VideoJob, 'kind' | 'model' | 'source'> }
    : { ...rest, kind: 'image' as const, input: given as Omit<ImageJob, 'kind' | 'model' | 'source'> }
}
