import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import sharp from 'sharp'
import {
  type CallOptions,
  type Json,
  type Output,
  type Provider,
  type ProviderConnection,
  ProviderError,
  type ProviderErrorKind,
  type ProviderJob,
  type ProviderKind,
  type Step,
  type TextJob,
  type TextPart,
} from '../../src/kernel/ports/provider.ts'

/** A provider to test, and the hands to move what is behind it. */
export type ProviderBench = {
  provider: Provider
  connection: ProviderConnection | null
  /** One small job of each kind it serves; it must end well. */
  jobs: readonly (ProviderJob | TextJob)[]
  /** Jobs that it must refuse as the input's fault, of any kinds. */
  refused: readonly { job: ProviderJob | TextJob; kind: 'rejected' | 'content' }[]
  /** A connection to where nobody listens; null for one that needs no network. */
  unreachable: ProviderConnection | null
  /**
   * Makes the vendor leave the next call without an answer until it is hung up; null for one that works on this
   * machine, which then must report progress.
   */
  holdNext: (() => void) | null
  /** How many calls reached the vendor so far; null for one that needs no network. */
  calls: (() => number) | null
  close: () => Promise<void>
}

const isText = (job: ProviderJob | TextJob): job is TextJob => job.kind === 'text' || job.kind === 'vision'

/** Whatever fails here, a `ProviderError` of this kind must come of it. */
export async function providerRefusal(
  work: Promise<unknown>,
  kind: ProviderErrorKind,
): Promise<ProviderError> {
  try {
    await work
  } catch (error) {
    assert.ok(error instanceof ProviderError, `threw ${error}`)
    assert.equal(error.kind, kind, error.message)
    return error
  }
  assert.fail(`it went through, expected ${kind}`)
}

/** All parts of a text. */
export async function allParts(parts: AsyncIterable<TextPart> | undefined): Promise<TextPart[]> {
  assert.ok(parts, 'it writes no text')
  const all: TextPart[] = []
  for await (const part of parts) all.push(part)
  return all
}

/** What every provider must do, whatever its wire. */
export function testProvider(name: string, setup: () => Promise<ProviderBench>): void {
  describe(`${name} as a provider`, () => {
    let bench: ProviderBench
    before(async () => {
      bench = await setup()
    })
    after(() => bench.close())

    const options = (changes: Partial<CallOptions> = {}): CallOptions => ({
      connection: bench.connection,
      signal: new AbortController().signal,
      progress: () => {},
      reference: 'attempt-1',
      ...changes,
    })

    /** Runs a job of any kind to its end. */
    /** A text's pieces are its progress. */
    const reported = async (
      parts: AsyncIterable<TextPart> | undefined,
      { progress }: CallOptions,
    ): Promise<TextPart[]> => {
      const all: TextPart[] = []
      for await (const part of parts ?? []) {
        all.push(part)
        progress(1)
      }
      return all
    }
    const run = async (
      job: ProviderJob | TextJob,
      call: CallOptions,
    ): Promise<readonly (Output | TextPart)[]> =>
      isText(job) ? reported(bench.provider.write?.(job, call), call) : finish(bench.provider, job, call)

    test('has a name, kinds and room for a job, and what its kinds need', () => {
      const { provider, jobs } = bench
      assert.match(provider.name, /^[a-z0-9][a-z0-9-]*$/)
      assert.ok(Number.isInteger(provider.concurrency) && provider.concurrency >= 1)
      assert.deepEqual(
        [...provider.kinds].sort(),
        [...new Set(jobs.map(({ kind }): ProviderKind => kind))].sort(),
        'the bench has one job of each kind',
      )
      if (jobs.some(isText)) assert.ok(provider.write, 'texts need write')
    })

    test('ends a job of each kind well, with outputs that are what they say', async () => {
      for (const job of bench.jobs) {
        if (isText(job)) continue
        const outputs = await finish(bench.provider, job, options())
        assert.ok(outputs.length >= 1, `${job.kind}: no outputs`)
        if ('count' in job) assert.ok(outputs.length <= job.count, `${job.kind}: more than were asked for`)
        for (const output of outputs) await checkOutput(output)
      }
    })

    test('reports progress below 100 that never goes back', async () => {
      for (const job of bench.jobs) {
        if (isText(job)) continue
        const seen: number[] = []
        await finish(bench.provider, job, options({ progress: (percent) => seen.push(percent) }))
        assert.ok(
          seen.every((percent) => percent >= 0 && percent < 100),
          `${job.kind}: ${seen}`,
        )
        assert.deepEqual(
          seen,
          seen.toSorted((a, b) => a - b),
          job.kind,
        )
      }
    })

    test('writes pieces with words in them, and ends once', async () => {
      for (const job of bench.jobs.filter(isText)) {
        const parts = await allParts(bench.provider.write?.(job, options()))
        const end = parts.pop()
        assert.ok(end?.type === 'end', `${job.kind}: the last part is no end`)
        assert.ok(parts.length >= 1, `${job.kind}: nothing was written`)
        for (const part of parts) assert.ok(part.type === 'text' && part.text !== '', JSON.stringify(part))
        for (const tokens of Object.values(end.usage ?? {})) {
          assert.ok(Number.isSafeInteger(tokens) && tokens >= 0, `usage ${tokens}`)
        }
      }
    })

    test('does nothing for a job that was called off before', async () => {
      const before = bench.calls?.()
      for (const job of bench.jobs) {
        const signal = AbortSignal.abort(new Error('called off'))
        const error = await calledOff(run(job, options({ signal })), signal)
        assert.ok(!(error instanceof ProviderError && error.kind === 'ambiguous'), 'nothing was sent')
      }
      assert.equal(bench.calls?.(), before, 'something was sent')
    })

    test('stops within two seconds of being called off', async () => {
      for (const job of bench.jobs) {
        const controller = new AbortController()
        const abort = (): void => controller.abort(new Error('called off'))
        bench.holdNext?.()
        const timer = bench.holdNext && setTimeout(abort, 150)
        const call = options({ signal: controller.signal, ...(!bench.holdNext && { progress: abort }) })
        const work = run(job, call)
        work.catch(() => {})
        await Promise.race([calledOff(work, controller.signal), tooLate(controller.signal)])
        if (timer) clearTimeout(timer)
      }
    })

    test('refuses what it cannot work with as the fault of the input', async () => {
      for (const { job, kind } of bench.refused) {
        const error = await providerRefusal(run(job, options()), kind)
        checkWords(error, bench.connection)
      }
    })

    test('is unavailable, not ambiguous, when nobody is there', async (context) => {
      const connection = bench.unreachable
      if (connection === null) return context.skip('it needs no network')
      for (const job of bench.jobs) {
        const error = await providerRefusal(run(job, options({ connection })), 'unavailable')
        checkWords(error, connection)
      }
    })

    test('refuses a kind that it does not serve', async () => {
      const other: ProviderJob = bench.provider.kinds.includes('custom')
        ? { kind: 'video', model: 'm', prompt: 'p', width: 64, height: 64, seconds: 1, fps: 8, seed: 1 }
        : { kind: 'custom', model: 'm', arguments: {} }
      if (bench.provider.kinds.includes(other.kind)) return
      await providerRefusal(bench.provider.start(other, options()), 'rejected')
    })
  })
}

/** Runs a job to its end. What is pending goes through JSON, as it does through a task's row. */
async function finish(provider: Provider, job: ProviderJob, call: CallOptions): Promise<Output[]> {
  let step: Step = await provider.start(job, call)
  for (let times = 0; step.state === 'pending'; times += 1) {
    assert.ok(times < 500, 'it is pending for ever')
    assert.ok(provider.check, 'what is pending needs check')
    assert.ok(step.checkAfterMs > 0, `checkAfterMs ${step.checkAfterMs}`)
    if (step.progress !== undefined) call.progress(step.progress)
    const operation = JSON.parse(JSON.stringify(step.operation)) as Json
    assert.deepEqual(operation, step.operation, 'the operation does not survive JSON')
    const remoteId = provider.remoteId?.(operation) ?? null
    assert.ok(remoteId === null || (typeof remoteId === 'string' && remoteId !== ''))
    await sleep(Math.min(step.checkAfterMs, 20))
    step = await provider.check(operation, call)
  }
  return step.outputs
}

async function checkOutput(output: Output): Promise<void> {
  if ('url' in output) {
    assert.match(new URL(output.url).protocol, /^https?:$/)
    return
  }
  assert.ok(output.width > 0 && output.height > 0)
  if (output.mediaType === 'video/mp4') {
    assert.equal(Buffer.from(output.bytes.subarray(4, 8)).toString('latin1'), 'ftyp')
    return
  }
  const { format, width, height } = await sharp(output.bytes).metadata()
  assert.deepEqual(
    { mediaType: output.mediaType, width: output.width, height: output.height },
    { mediaType: `image/${format}`, width, height },
  )
}

/** Called off is either the signal's own reason or a `ProviderError`; nothing else, and never a success. */
async function calledOff(work: Promise<unknown>, signal: AbortSignal): Promise<unknown> {
  try {
    await work
  } catch (error) {
    assert.ok(error instanceof ProviderError || error === signal.reason, `threw ${error}`)
    return error
  }
  assert.fail('it went on to its end')
}

async function tooLate(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) {
    await Promise.race([
      new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true })),
      sleep(60_000, null, { ref: false }),
    ])
  }
  await sleep(2_000, null, { ref: false })
  assert.fail('it went on for two seconds after it was called off')
}

/** Attempts keep these words and operators read them; a key must not be among them. */
function checkWords(error: ProviderError, connection: ProviderConnection | null): void {
  if (!connection?.secret) return
  for (let one: unknown = error; one instanceof Error; one = one.cause) {
    assert.ok(!`${one.message} ${one.stack}`.includes(connection.secret), 'the key is in the error')
  }
}
