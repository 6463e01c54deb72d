import assert from 'node:assert/strict'
import { aigentools } from '../../src/dialects/aigentools/dialect.ts'
import { units } from '../../src/kernel/money.ts'
import type { Outbound } from '../../src/kernel/ports/outbound.ts'
import type { ProviderConnection } from '../../src/kernel/ports/provider.ts'
import { createUser } from '../factories.ts'
import type { FakeProvider } from '../fakes/provider.ts'
import { createFakeProvider, donePictures } from '../fakes/provider.ts'
import type { Json, Operation as SharedOperation, Wire } from './contract.ts'
import { readContract } from './contract.ts'
import type { Reply as SharedReply, Stage as SharedStage, StageOptions } from './stage.ts'
import { openStage as openAnyStage, refusing, until } from './stage.ts'

export { refusing, until, VENDOR_WORDS } from './stage.ts'

/** An operation as `contracts/aigentools/operations.json` has it; contracts/README.md says what each field means. */
export type Operation = SharedOperation & {
  auth: boolean | 'admin'
  required?: string[]
  example?: { [key: string]: Json }
  /** The status line of a success; its body says 200 all the same. */
  http: number
  contentType?: string
  success: { status: number; message: string; data: Json } | null
  successText?: string
  extra?: Record<string, string>
  errors: { status: number; title: string }[]
}

export const wire: Wire = {
  forms: {
    time: /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{3})?Z$/,
    address: /^https?:\/\/\S+$/,
    token: /^eyJ[\w-]+\./,
    order: /^order_\w+$/,
  },
  volatile: [
    [/eyJ[\w-]+\.[\w-]+\.[\w-]+/g, '<token>'],
    [/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<uuid>'],
    [/\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{3})?Z/g, '<time>'],
    [/\border_\w+/g, 'order_<random>'],
    [/\btrade_[a-z0-9]{10,}/g, 'trade_<random>'],
    [/\/files\/[a-z0-9]{32,}\./g, '/files/<key>.'],
    [/\b[0-9a-f]{64}\b/g, '<hash>'],
    [/\b(user|registered|returning|renamed|fresh|Model |channel |models\/)\d+\b/g, '$1<n>'],
    [/^\d{4,}$/, '<merchant>'],
    // Temporary keys for uploads are as long as they are unguessable.
    [/^(STS\.)?[\w+/=.-]{20,}$/, '<secret>'],
  ],
  serials: ['id', 'creator_id', 'user_id', 'model_id', 'total'],
  keepsFirstRow: true,
}

type Body = { status: number; message: string; data: Record<string, unknown> | null }
const NO_ENVELOPE: Body = { status: -1, message: '', data: null }

export type Reply = SharedReply<Body>
export type User = { id: number; username: string; email: string; password: string; token: string }
export type Model = { id: number; name: string; url: string; price: number }
export type Task = {
  id: number
  input_data: Record<string, Json>
  creator_id: number
  creator_name: string
  status: number
  result_url: string
  retry_count: number
  max_retries: number
  error_log: string
  remote_task_id: string
  cost: number
  created_at: string
  updated_at: string
}
export type Credit = { total: number; used: number; available: number; usagePercentage: number }
export type Channel = { id: number; uuid: string; pid: string }
/** An order that nobody has paid yet, and the fields that tell of its payment. */
export type Order = {
  user: User
  channel: Channel
  handle: string
  number: string
  form: Record<string, string>
}

export type Stage = SharedStage<Body> & {
  /** What answers at the addresses of models; a model without one runs on `provider`. */
  upstream: FakeProvider
  /** What the upstream was reached with, call by call. */
  connections: (ProviderConnection | null)[]
  admin: User
  call: (method: string, path: string, token?: string, body?: object) => Promise<Reply>
  user: (yuan?: number, role?: 'user' | 'admin') => Promise<User>
  creditOf: (user: User) => Promise<Credit>
  /** An open model that costs 2, unless said otherwise. */
  model: (changes?: object) => Promise<Model>
  channel: (changes?: object) => Promise<Channel>
  /** An order of 100 through a channel of its own. */
  order: () => Promise<Order>
  /** Notifies as a gateway does, by form; the answer is plain text. */
  notify: (form: Record<string, string>, uuid: string) => Promise<[status: number, text: string]>
  /** A task in state 1. */
  submit: (user: User, model: Model, input?: object) => Promise<Task>
  approve: (id: number) => Promise<Task>
  read: (id: number) => Promise<Task>
  /** Runs the queue until it is empty, and stops. */
  finish: (...ids: number[]) => Promise<Task[]>
  /** A task in state 5: the upstream refused it. */
  failed: (user: User, model: Model) => Promise<Task>
}

const PROMPT = {
  ...{ name: 'prompt', type: 'string', required: false, description: 'What to make', example: 'a kitten' },
}
export const PARAMETERS = { request_header: [], request_body: [PROMPT], response_parameters: [] }
export const MERCHANT_KEY = 'the-key-of-the-merchant'

/** A web where https://example.com/image.jpg is a picture, and nothing else is there. */
export const oneThing: Outbound = async (url, { readBody }) => {
  const step = await donePictures()
  const [output] = step.state === 'done' ? step.outputs : []
  assert.ok(url === 'https://example.com/image.jpg' && output && 'bytes' in output, `nothing at ${url}`)
  const head = { status: 200, headers: { 'content-type': output.mediaType }, url }
  const { bytes } = output
  if (!readBody) return { ...head, body: bytes }
  await readBody(
    (async function* () {
      yield bytes
    })(),
    head,
  )
  return { ...head, body: new Uint8Array() }
}

let serial = 0

/**
 * A whole aigentools site. Nothing works on its queue until `finish`, or a worker of the test's own, does. Every
 * answer with an envelope is held against 通用响应格式 on its way.
 */
export async function openStage(options: StageOptions = {}): Promise<Stage> {
  const upstream = createFakeProvider()
  const connections: Stage['connections'] = []
  const doomed = new Set<string>()
  const start = upstream.start
  Object.assign(upstream, {
    name: 'http',
    kinds: ['custom'],
    start: ((job, call) => {
      connections.push(call.connection)
      if (job.kind === 'custom' && doomed.has(String(job.arguments.prompt))) return refusing('content')()
      return start(job, call)
    }) satisfies FakeProvider['start'],
    remoteId: (operation: unknown) => String((operation as { id?: string } | null)?.id ?? ''),
  })
  const stage = await openAnyStage<Body>(aigentools, NO_ENVELOPE, {
    withWorker: false,
    providers: [upstream],
    gatewayName: 'epay',
    outbound: oneThing,
    ...options,
  })
  const { provider, context } = stage
  provider.kinds = [...provider.kinds, 'vision', 'text']
  provider.write = async function* () {
    yield { type: 'text', text: 'Variant 1: a slow turn' }
    yield { type: 'end', reason: 'stop', usage: { inputTokens: 900, outputTokens: 7 } }
  }

  const send: Stage['send'] = async (sent) => {
    const reply = await stage.send(sent)
    if (String(reply.headers['content-type']).startsWith('application/json')) assertEnvelope(reply)
    return reply
  }
  const call: Stage['call'] = (method, path, token, body) =>
    send({ method, url: `${aigentools.base}${path}`, token, body })
  /** The data of an answer that must be a success. */
  const expect = async <Data>(answer: Promise<Reply>): Promise<Data> => {
    const { body, text } = await answer
    assert.equal(body.status, 200, text)
    return body.data as Data
  }

  const user: Stage['user'] = async (yuan = 0, role = 'user') => {
    const { accountId, account, email, password, token } = await createUser(context, units(yuan), { role })
    return { id: Number(accountId), username: account.username, email, password, token }
  }
  const admin = await user(0, 'admin')
  const read: Stage['read'] = (id) => expect<Task>(call('GET', `/tasks/${id}`, admin.token))
  const submit: Stage['submit'] = (by, model, input = { prompt: 'a kitten' }) =>
    expect<Task>(
      call('POST', '/tasks', by.token, {
        body: { model_id: model.id, ...input },
        user: { creatorId: by.id, creatorName: by.username },
      }),
    )
  const approve: Stage['approve'] = (id) => expect<Task>(call('PATCH', `/tasks/${id}/approve`, admin.token))
  const countIn = async (status: number): Promise<number> =>
    (await expect<{ total: number }>(call('GET', `/tasks?status=${status}`, admin.token))).total
  const finish: Stage['finish'] = async (...ids) => {
    const worker = stage.site.startWorker()
    try {
      // In this order, so that one that begins in between is seen.
      await until(
        async () => (await countIn(2)) + (await countIn(3)),
        (waiting) => waiting === 0,
      )
      return await until(
        () => Promise.all(ids.map(read)),
        (tasks) => tasks.every(({ status }) => status >= 4),
      )
    } finally {
      await worker.stop(1_000)
    }
  }
  const channel: Stage['channel'] = async (changes = {}) => {
    serial += 1
    // A merchant's key signs for one site of a gateway only, so each has a number of its own.
    const pid = String(1000 + serial)
    const config = { pid, key: MERCHANT_KEY, gateway: 'https://pay.example.com' }
    const body = { name: `channel ${serial}`, payment_method: 'epay', config, enable: true, ...changes }
    return { ...(await expect<Channel>(call('POST', '/admin/payment/config', admin.token, body))), pid }
  }
  const order: Stage['order'] = async () => {
    const [by, through] = [await user(), await channel()]
    const body = {
      ...{ amount: 100, payment_method_uuid: through.uuid, payment_channel: 'alipay' },
      return_url: 'https://your-site.com/callback',
    }
    const made = await expect<{ jump_url: string; order_id: string }>(
      call('POST', '/payment/create', by.token, body),
    )
    // The fake cashier names our number in its link.
    const number = new URL(made.jump_url).searchParams.get('order') ?? ''
    const form = {
      ...{ pid: through.pid, out_trade_no: number, money: '100.00', trade_status: 'TRADE_SUCCESS' },
      ...{ trade_no: stage.gateway.trades.get(number)?.gatewayTrade ?? '', sign: MERCHANT_KEY },
    }
    return { user: by, channel: through, handle: made.order_id, number, form }
  }
  return {
    ...stage,
    send,
    get: (path, token) => call('GET', path, token),
    post: (path, body, token) => call('POST', path, token, body),
    upstream,
    connections,
    admin,
    call,
    user,
    creditOf: async ({ token }) =>
      (await expect<{ credit: Credit }>(call('GET', '/auth/user', token))).credit,
    model: async (changes = {}) => {
      serial += 1
      const body = {
        ...{ name: `Model ${serial}`, description: 'Description', status: 'open', price: 2 },
        ...{ url: `https://api.example.com/models/${serial}`, parameters: PARAMETERS, ...changes },
      }
      return expect<Model>(call('POST', '/models/create', admin.token, body))
    },
    channel,
    order,
    notify: async (form, uuid) => {
      const reply = await stage.site.app.inject({
        method: 'POST',
        url: aigentools.preset.notifyPath(uuid),
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        payload: new URLSearchParams(form).toString(),
      })
      return [reply.statusCode, reply.payload]
    },
    submit,
    approve,
    read,
    finish,
    failed: async (by, model) => {
      serial += 1
      const prompt = `refused ${serial}`
      const { id } = await submit(by, model, { prompt })
      await approve(id)
      doomed.add(prompt)
      const [task] = await finish(id)
      doomed.delete(prompt)
      assert.ok(task && task.status === 5, JSON.stringify(task))
      return task
    },
  }
}

const envelope = readContract<{ error: object }>('aigentools', 'common').error

/** 通用响应格式: these three and never a `success` (facts 2.1), the status twice, no data where it failed. */
function assertEnvelope({ status, body, text }: Reply): void {
  assert.deepEqual(Object.keys(body).sort(), Object.keys(envelope).sort(), text)
  assert.equal(typeof body.message, 'string')
  const isSuccess = status < 400
  assert.equal(body.status, isSuccess ? 200 : status, text)
  if (!isSuccess) assert.equal(body.data, null, text)
}
