import assert from 'node:assert/strict'
import sharp from 'sharp'
import type { Dialect } from '../src/http/dialect.ts'
import { units } from '../src/kernel/money.ts'
import type { Outbound } from '../src/kernel/ports/outbound.ts'
import type { CallOptions, ProviderJob, Step } from '../src/kernel/ports/provider.ts'
import { readBalance } from '../src/kernel/wallet/balance.ts'
import type { TestSite } from './build-site.ts'
import { buildSite } from './build-site.ts'
import { tinyClip, withoutQuotas } from './contracts/stage.ts'
import { createUser } from './factories.ts'
import type { FakeProvider } from './fakes/provider.ts'
import { createFakeProvider } from './fakes/provider.ts'

// biome-ignore lint/suspicious/noExplicitAny: an answer is whatever came; the tests look at what they are about
type Answer = { status: number; text: string; headers: Record<string, unknown>; body: any; data: any }
export type Someone = { token: string; accountId: bigint }
export type CallSettings = {
  as?: Someone | null
  key?: string
  headers?: Record<string, string>
  form?: FormData
}

/** A site of one dialect that makes pictures and clips as the test says, with somebody who has 1000 to spend. */
export type WorksStage = {
  site: TestSite
  provider: FakeProvider
  call: (
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body?: object,
    settings?: CallSettings,
  ) => Promise<Answer>
  someone: (credits?: number) => Promise<Someone>
  availableOf: (who: Someone) => Promise<number>
  /** Asks until the answer's `data` is so. */
  until: (path: string, holds: (data: Answer['data']) => boolean, as: Someone) => Promise<Answer['data']>
}

export async function openWorksStage(
  dialect: Dialect,
  options: { outbound?: Outbound; now?: () => Date; withWorker?: boolean } = {},
): Promise<WorksStage> {
  const provider = Object.assign(createFakeProvider(), { kinds: ['image', 'image_edit', 'video'] })
  const usual = provider.start
  const start = async (job: ProviderJob, call: CallOptions): Promise<Step> => {
    if (job.kind !== 'video' || provider.next.length > 0) return usual(job, call)
    provider.started.push(job)
    return tinyClip()
  }
  Object.assign(provider, { start })
  const { limits } = dialect.preset
  const many = Object.keys(limits).map((name) => [name, { points: 1e6, perSeconds: 60 }])
  const { outbound, now, withWorker = true } = options
  const site = await buildSite({
    dialect,
    providers: [provider],
    preset: { limits: Object.fromEntries(many) as typeof limits, ...withoutQuotas(dialect.preset) },
    ...(outbound && { outbound }),
    ...(now && { now }),
  })
  if (withWorker) site.startWorker()
  const call: WorksStage['call'] = async (method, path, body, { as, key, headers = {}, form } = {}) => {
    const encoded = form && new Request('http://localhost', { method: 'POST', body: form })
    const reply = await site.app.inject({
      method,
      url: path.startsWith('/files') ? path : `/api/v1${path}`,
      headers: {
        ...(as && { authorization: `Bearer ${as.token}` }),
        ...(key !== undefined && { 'idempotency-key': key }),
        ...(encoded && { 'content-type': encoded.headers.get('content-type') ?? '' }),
        ...headers,
      },
      ...(body && { payload: body }),
      ...(encoded && { payload: Buffer.from(await encoded.arrayBuffer()) }),
    })
    const isJson = String(reply.headers['content-type']).startsWith('application/json')
    const parsed = isJson ? reply.json() : null
    return {
      status: reply.statusCode,
      text: reply.body,
      headers: reply.headers,
      body: parsed,
      data: parsed?.data,
    }
  }
  return {
    site,
    provider,
    call,
    someone: async (credits = 1_000) => {
      const { token, accountId } = await createUser(site.context, units(credits))
      return { token, accountId }
    },
    availableOf: async ({ accountId }) =>
      Number((await readBalance(site.context, { accountId })).available) / 10_000,
    until: async (path, holds, as) => {
      for (let tries = 0; tries < 800; tries += 1) {
        const { data } = await call('GET', path, undefined, { as })
        if (holds(data)) return data
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      return assert.fail(`${path} never came to hold`)
    },
  }
}

/** A small PNG, as a user would send it. */
export async function aPicture(side = 80): Promise<Buffer> {
  return sharp({ create: { width: side, height: side, channels: 3, background: '#336699' } })
    .png()
    .toBuffer()
}

/** A step that lasts until the test lets it go. */
export function held(): {
  step: FakeProvider['next'][number]
  begun: Promise<void>
  letGo: (step: Step) => void
} {
  let letGo: (step: Step) => void = () => {}
  let hasBegun: () => void = () => {}
  const begun = new Promise<void>((resolve) => {
    hasBegun = resolve
  })
  const result = new Promise<Step>((resolve) => {
    letGo = resolve
  })
  return {
    step: (_job, { signal }) => {
      hasBegun()
      return Promise.race([
        result,
        new Promise<Step>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      ])
    },
    begun,
    letGo: (step) => letGo(step),
  }
}
