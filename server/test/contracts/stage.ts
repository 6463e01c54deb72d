import h264 from 'h264-mp4-encoder'
import type { Context } from '../../src/kernel/context.ts'
import { units } from '../../src/kernel/money.ts'
import { addChannel } from '../../src/kernel/payments/channels.ts'
import type { Step } from '../../src/kernel/ports/provider.ts'
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
export type Reply = {
  status: number
  headers: Record<string, unknown>
  text: string
  body: { success: boolean; code: number; message: string; data: Record<string, unknown> | null }
  /** `body.data`, empty where that is null. */
  data: Record<string, unknown>
}

const NO_BODY: Reply['body'] = { success: false, code: -1, message: '', data: null }

/** A whole WaliAssets site whose vendor and cashier are in the test's hands. */
export type Stage = {
  site: TestSite
  context: Context
  provider: FakeProvider
  gateway: FakeGateway
  /** What the gateway's account was given as its secret: nothing that leaves the house may hold it. */
  secret: string
  channel: { id: bigint; uuid: string }
  send: (sent: Sent) => Promise<Reply>
  get: (url: string, token?: string) => Promise<Reply>
  post: (url: string, body: object, token?: string) => Promise<Reply>
  /** A token for a new user who has that many tokens to spend. */
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
export const NO_LIMITS = Object.fromEntries(
  ['auth', 'generate', 'read', 'write'].map((name) => [name, { points: 1_000_000, perSeconds: 60 }]),
) as Preset['limits']

export async function openStage(
  options: { preset?: Partial<Preset>; withWorker?: boolean; leaseMs?: number } = {},
): Promise<Stage> {
  const provider = createFakeProvider()
  const gateway = createFakeGateway()
  const makePictures = provider.start
  Object.assign(provider, {
    kinds: ['image', 'video'],
    start: (async (job, call) => {
      if (job.kind !== 'video' || provider.next.length > 0) return makePictures(job, call)
      provider.started.push(job)
      return tinyClip()
    }) satisfies FakeProvider['start'],
  })
  const site = await buildSite({
    providers: [provider],
    gateways: [gateway],
    preset: { limits: NO_LIMITS, ...options.preset },
  })
  const { context } = site
  const secret = 'the secret of the fake merchant'
  const channel = await addChannel(context, {
    name: 'fake',
    gateway: 'fake',
    url: 'https://payment.example.com',
    merchant: '1001',
    secret,
    options: {},
    methods: ['alipay', 'wxpay'],
  })
  const { withWorker = true, leaseMs } = options
  if (withWorker) site.startWorker(leaseMs === undefined ? {} : { leaseMs })
  const send = async ({ method, url, token, body, headers }: Sent): Promise<Reply> => {
    const reply = await site.app.inject({
      method: method as 'GET',
      url,
      headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...headers },
      ...(body && { payload: body }),
    })
    // A gateway's own words are no envelope.
    const answer = reply.payload.startsWith('{') ? reply.json<Reply['body']>() : NO_BODY
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
    secret,
    channel,
    send,
    get: (url, token) => send({ method: 'GET', url: `/api${url}`, token }),
    post: (url, body, token) => send({ method: 'POST', url: `/api${url}`, body, token }),
    userWith: async (tokens) => (await createUser(context, units(tokens))).token,
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
