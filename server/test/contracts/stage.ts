import assert from 'node:assert/strict'
import h264 from 'h264-mp4-encoder'
import type { Dialect } from '../../src/http/dialect.ts'
import type { Context } from '../../src/kernel/context.ts'
import { units } from '../../src/kernel/money.ts'
import type { DeckRenderer } from '../../src/kernel/ports/deck-renderer.ts'
import type { Gateway } from '../../src/kernel/ports/gateway.ts'
import type { Outbound } from '../../src/kernel/ports/outbound.ts'
import type { Platform } from '../../src/kernel/ports/platform.ts'
import type { Provider, ProviderErrorKind, Step } from '../../src/kernel/ports/provider.ts'
import { ProviderError } from '../../src/kernel/ports/provider.ts'
import type { Preset } from '../../src/kernel/preset.ts'
import type { TestSite } from '../build-site.ts'
import { buildSite } from '../build-site.ts'
import { createUser } from '../factories.ts'
import type { FakeProvider } from '../fakes/provider.ts'
import { createFakeProvider } from '../fakes/provider.ts'
import type { FakeGateway } from './fake-gateway.ts'
import { createFakeGateway } from './fake-gateway.ts'

/** A request as a test writes it down. */
export type Sent = {
  method: string
  url: string
  token?: string | undefined
  body?: object | undefined
  headers?: Record<string, string>
}
/** What every dialect's envelope has; each adds marks of its own. */
export type Body = { message: string; data: Record<string, unknown> | null }

export type Reply<B extends Body> = {
  status: number
  headers: Record<string, unknown>
  text: string
  body: B
  /** `body.data`, empty where that is null. */
  data: Record<string, unknown>
}

/** A whole site of one dialect whose vendor and cashier are in the test's hands. */
export type Stage<B extends Body> = {
  site: TestSite
  context: Context
  provider: FakeProvider
  gateway: FakeGateway
  send: (sent: Sent) => Promise<Reply<B>>
  /** Below the dialect's base. */
  get: (url: string, token?: string) => Promise<Reply<B>>
  post: (url: string, body: object, token?: string) => Promise<Reply<B>>
  /** A token for a new user who has that many credits to spend. */
  userWith: (tokens: number) => Promise<string>
  close: () => Promise<void>
}

/** Half a second of a clip in which a grey square turns lighter. */
export async function tinyClip(): Promise<Step> {
  const encoder = await h264.createH264MP4Encoder()
  Object.assign(encoder, { width: 64, height: 64, frameRate: 8, speed: 10 })
  encoder.initialize()
  for (let frame = 0; frame < 4; frame += 1)
    encoder.addFrameRgba(new Uint8Array(64 * 64 * 4).fill(90 + frame * 20))
  encoder.finalize()
  const bytes = new Uint8Array(encoder.FS.readFile(encoder.outputFilename))
  encoder.delete()
  return { state: 'done', outputs: [{ bytes, mediaType: 'video/mp4', width: 64, height: 64 }] }
}

/** Lifts the limits, so that a test meets only those it is about. */
function withoutLimits({ limits }: Preset): Preset['limits'] {
  const lifted = Object.keys(limits).map((name) => [name, { points: 1_000_000, perSeconds: 60 }])
  return Object.fromEntries(lifted) as Preset['limits']
}

/** Quotas likewise; those of nobody stay nobody's. */
export function withoutQuotas({ quotas = {} }: Preset): Pick<Preset, 'quotas'> {
  const lifted = Object.keys(quotas).map((name) => [name, { users: 1_000_000, members: 1_000_000 }])
  return lifted.length > 0 ? { quotas: Object.fromEntries(lifted) as Preset['quotas'] & object } : {}
}

export type StageOptions = {
  preset?: Partial<Preset>
  withWorker?: boolean
  leaseMs?: number
  /** Besides the fake that takes the place of `sketch`. */
  providers?: readonly Provider[]
  /** The fake cashier's name on this site; `fake` unless given. */
  gatewayName?: string
  /** In the fake cashier's place. */
  gateways?: (outbound: Outbound) => readonly Gateway[]
  outbound?: Outbound
  platforms?: readonly Platform[]
  decks?: DeckRenderer
  now?: () => Date
}

/**
 * Opens a site of one dialect.
 *
 * @param otherwise the envelope that stands for an answer without one: a gateway's own words, a file.
 */
export async function openStage<B extends Body>(
  dialect: Dialect,
  otherwise: B,
  options: StageOptions = {},
): Promise<Stage<B>> {
  const provider = createFakeProvider()
  const gateway = { ...createFakeGateway(), name: options.gatewayName ?? 'fake' }
  const makePictures = provider.start
  Object.assign(provider, {
    kinds: ['image', 'video'],
    start: (async (job, call) => {
      if (job.kind !== 'video' || provider.next.length > 0) return makePictures(job, call)
      provider.started.push(job)
      return tinyClip()
    }) satisfies FakeProvider['start'],
  })
  const { outbound, gateways } = options
  const site = await buildSite({
    dialect,
    providers: [provider, ...(options.providers ?? [])],
    gateways: gateways && outbound ? gateways(outbound) : [gateway],
    preset: {
      limits: withoutLimits(dialect.preset),
      ...withoutQuotas(dialect.preset),
      ...options.preset,
    },
    ...(outbound && { outbound }),
    ...(options.platforms && { platforms: options.platforms }),
    ...(options.decks && { decks: options.decks }),
    ...(options.now && { now: options.now }),
  })
  const { context } = site
  const { withWorker = true, leaseMs } = options
  if (withWorker) site.startWorker(leaseMs === undefined ? {} : { leaseMs })
  const send = async ({ method, url, token, body, headers }: Sent): Promise<Reply<B>> => {
    const reply = await site.app.inject({
      method: method as 'GET',
      url,
      headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...headers },
      ...(body && { payload: body }),
    })
    const answer = reply.payload.startsWith('{') ? reply.json<B>() : otherwise
    return {
      status: reply.statusCode,
      headers: reply.headers,
      text: reply.payload,
      body: answer,
      data: answer.data ?? {},
    }
  }
  return {
    site,
    context,
    provider,
    gateway,
    send,
    get: (url, token) => send({ method: 'GET', url: `${dialect.base}${url}`, token }),
    post: (url, body, token) => send({ method: 'POST', url: `${dialect.base}${url}`, body, token }),
    userWith: async (count) => (await createUser(context, units(count))).token,
    close: site.close,
  }
}

/** Puts something of the context in another's place while `body` runs. */
export async function withPart<Name extends keyof Context, Result>(
  context: Context,
  name: Name,
  part: Context[Name],
  body: () => Promise<Result>,
): Promise<Result> {
  const before = context[name]
  context[name] = part
  try {
    return await body()
  } finally {
    context[name] = before
  }
}

/** A vendor's refusal, in words that nobody but an operator may read. */
export const VENDOR_WORDS = 'vendor words with sk-secret-of-the-vendor'
export const providerFailure = (kind: ProviderErrorKind): ProviderError =>
  new ProviderError(kind, VENDOR_WORDS)
export const refusing = (kind: ProviderErrorKind) => () => Promise.reject(providerFailure(kind))

/**
 * Has the vendor's next job last until nobody waits for it any more. @returns when it has begun: a task that is canceled
 * before would leave this to the next one.
 */
export function holdNextJob({ next }: Pick<FakeProvider, 'next'>): Promise<void> {
  return new Promise((begun) => {
    next.push((_job, { signal }) => {
      begun()
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    })
  })
}

/** Asks again until an answer holds; ten seconds at most. */
export async function until<Answer>(
  ask: () => Promise<Answer>,
  holds: (answer: Answer) => boolean,
): Promise<Answer> {
  const giveUpAt = performance.now() + 10_000
  for (;;) {
    const answer = await ask()
    if (holds(answer)) return answer
    assert.ok(performance.now() < giveUpAt, `still ${JSON.stringify(answer)}`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}
