import assert from 'node:assert/strict'
import sharp from 'sharp'
import { plaza } from '../../src/dialects/plaza/dialect.ts'
import { units } from '../../src/kernel/money.ts'
import { addChannel } from '../../src/kernel/payments/channels.ts'
import { createUser } from '../factories.ts'
import { createFakeProvider } from '../fakes/provider.ts'
import type { FakeWriter } from '../fakes/writing.ts'
import { writes } from '../fakes/writing.ts'
import { toForm } from '../form.ts'
import type { Json, Operation as SharedOperation, Wire } from './contract.ts'
import { readContract } from './contract.ts'
import type { Reply as SharedReply, Stage as SharedStage, StageOptions } from './stage.ts'
import { openStage as openAnyStage, tinyClip } from './stage.ts'

/** An operation as `contracts/plaza/operations.json` has it; contracts/README.md says what each field means. */
export type Operation = Omit<SharedOperation, 'parameters'> & {
  section: string
  title: string
  auth: boolean | 'admin'
  parameters: { in: string; name: string; description: string; example?: string }[]
  required?: string[]
  example?: { [key: string]: Json }
  form?: Form
  success: { code: number; message: string; data: Json; timestamp: number } | null
  contentType?: string
  extra?: Record<string, string>
  /** Fields that may be null where the example has a value, or have one where it is null. */
  nullable?: string[]
}

/** A form to be sent: its text fields, and what is in its files. */
export type Form = { fields: Record<string, string>; files: Record<string, 'picture' | 'clip'> }

export const wire: Wire = {
  forms: { time: /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/ },
  volatile: [
    [/eyJ[\w-]+\.[\w-]+\.[\w-]+/g, '<token>'],
    [/\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z/g, '<time>'],
    [/^P\d{15,}$/g, 'P<number>'],
    [/pay\?order=\S+/g, 'pay?order=<trade>'],
    [/\btask_\w+/g, 'task_<id>'],
    [/\/(files|uploads)\/\S+\.(\w+)$/g, '/$1/<key>.$2'],
    [/\b[0-9a-f]{8}-[0-9a-f-]{27}\b/g, '<uuid>'],
    [/^\d+$/g, '<number>'],
    [/\b(user|newuser|studio)\d+\b/g, '$1<n>'],
  ],
  serials: ['timestamp', 'total', 'fileSize', 'estimatedTime'],
  keepsFirstRow: true,
}

type Body = {
  code: number
  message: string
  data: Record<string, unknown> | null
  error?: string
  timestamp: number
}
const NO_ENVELOPE: Body = { code: -1, message: '', data: null, timestamp: 0 }

export type Reply = SharedReply<Body>
export type User = { id: bigint; username: string; email: string; password: string; token: string }

export type Stage = Omit<SharedStage<Body>, 'get' | 'post'> & {
  admin: User
  call: (method: string, path: string, token?: string, body?: object) => Promise<Reply>
  /** Sends a form with a real picture or clip in each file. */
  form: (method: string, path: string, token: string | undefined, form: Form) => Promise<Reply>
  user: (credits?: number, role?: 'user' | 'admin') => Promise<User>
  powerOf: (user: User) => Promise<number>
  /** A picture of theirs that is there; its work's and its task's id. */
  picture: (user: User, body?: object) => Promise<{ id: string; taskId: string }>
  clip: (user: User, body?: object) => Promise<{ taskId: string }>
  /** A picture that its owner has published. */
  published: (user?: User) => Promise<{ id: string; owner: User }>
  /** Says something to the assistant and waits for the whole answer. */
  say: (user: User, message: string, conversationId?: string) => Promise<string>
  /** Pays an order at the cashier and has the site look. */
  tradeOf: (orderId: string) => Promise<string>
}

let serial = 0

/** A number that no other call of this process gets. */
export function nextNumber(): number {
  serial += 1
  return serial
}

/** A small picture and a small clip, as files that are what they are said to be. */
export async function sampleFile(
  what: 'picture' | 'clip',
): Promise<{ bytes: Uint8Array; name: string; type: string }> {
  if (what === 'clip') {
    const step = await tinyClip()
    const [output] = step.state === 'done' ? step.outputs : []
    assert.ok(output && 'bytes' in output)
    return { bytes: output.bytes, name: 'clip.mp4', type: 'video/mp4' }
  }
  const bytes = await sharp({ create: { width: 64, height: 48, channels: 3, background: '#4a7c59' } })
    .png()
    .toBuffer()
  return { bytes, name: 'picture.png', type: 'image/png' }
}

/** A whole plaza site whose vendor and cashier are in the test's hands. Every envelope is checked on its way. */
export async function openStage(options: StageOptions = {}): Promise<Stage> {
  const {
    get: _get,
    post: _post,
    ...stage
  } = await openAnyStage<Body>(plaza, NO_ENVELOPE, {
    // Whom an administrator's own deployment is reached by, and an outside that answers.
    providers: [{ ...createFakeProvider(), name: 'openai' }],
    outbound: async (url) => ({ status: 200, headers: {}, body: new Uint8Array(), url }),
    ...options,
  })
  const { provider, context, site } = stage
  const writer = Object.assign(provider, { asked: [], nextText: [] }) as unknown as FakeWriter
  Object.assign(writer, {
    kinds: ['image', 'video', 'text'],
    write: ((job, call) => {
      writer.asked.push(job)
      return (writer.nextText.shift() ?? writes('你', '好'))(job, call)
    }) satisfies FakeWriter['write'],
  })
  await addChannel(context, {
    ...{ name: 'fake', gateway: 'fake', url: 'https://gateway.example.com', merchant: 'merchant' },
    ...{ secret: 'the secret of the fake merchant', options: {}, methods: ['alipay', 'wechat'] },
  })
  const send: Stage['send'] = async (sent) => {
    const reply = await stage.send(sent)
    if (String(reply.headers['content-type']).startsWith('application/json')) assertEnvelope(reply)
    return reply
  }
  const call: Stage['call'] = (method, path, token, body) =>
    send({ method, url: `${plaza.base}${path}`, token, body })
  const expect = async <Data>(answer: Promise<Reply>): Promise<Data> => {
    const { body, text } = await answer
    assert.ok(body.code === 200 || body.code === 201, text)
    return body.data as Data
  }
  const user: Stage['user'] = async (count = 50, role = 'user') => {
    const { accountId, account, email, password, token } = await createUser(context, units(count), { role })
    return { id: accountId, username: account.username, email, password, token }
  }
  const ended = async (path: string, token: string): Promise<void> => {
    const giveUpAt = performance.now() + 20_000
    for (;;) {
      const { status } = await expect<{ status: string }>(call('GET', path, token))
      if (status !== 'processing') return
      assert.ok(performance.now() < giveUpAt, `${path} is still processing`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  const picture: Stage['picture'] = async ({ token }, body = {}) => {
    const { taskId } = await expect<{ taskId: string }>(
      call('POST', '/generate/text-to-image', token, { prompt: '一只猫', width: 64, height: 64, ...body }),
    )
    await ended(`/generate/task/${taskId}`, token)
    const { list } = await expect<{ list: { id: string }[] }>(call('GET', '/works?pageSize=1', token))
    return { id: String(list[0]?.id), taskId }
  }
  const admin = await user(0, 'admin')
  return {
    ...stage,
    send,
    admin,
    call,
    user,
    form: async (method, path, token, { fields, files }) => {
      const parts = await Promise.all(
        Object.entries(files).map(async ([field, what]) => ({ field, ...(await sampleFile(what)) })),
      )
      const { body, headers } = toForm(fields, parts)
      return send({ method, url: `${plaza.base}${path}`, token, body, headers })
    },
    powerOf: async ({ token }) =>
      (await expect<{ remaining: number }>(call('GET', '/user/compute-power', token))).remaining,
    picture,
    clip: async ({ token }, body = {}) => {
      const { taskId } = await expect<{ taskId: string }>(
        call('POST', '/generate/text-to-video', token, { prompt: '海边的日落', duration: 1, ...body }),
      )
      await ended(`/generate/video-task/${taskId}`, token)
      return { taskId }
    },
    published: async (owner) => {
      const who = owner ?? (await user())
      const { id } = await picture(who)
      await expect(call('PUT', `/works/${id}`, who.token, { isPublic: true }))
      return { id, owner: who }
    },
    say: async ({ token }, message, conversationId) => {
      const { text } = await send({
        method: 'POST',
        url: `${plaza.base}/assistant/chat`,
        token,
        body: { message, ...(conversationId !== undefined && { conversationId }) },
      })
      const done = /"conversationId":"([^"]+)"/.exec(text)?.[1]
      assert.ok(done, text)
      return done
    },
    tradeOf: async (orderId) => {
      const { rows } = await site.context.db.pool.query<{ trade: string }>(
        'select trade_number as trade from payment_order where handle = $1',
        [orderId],
      )
      return rows[0]?.trade ?? ''
    },
  }
}

const { error } = readContract<{ error: object }>('plaza', 'common')

/**
 * 响应格式: four fields of a success or of a refusal; HTTP says what `code` says; a refusal has a sentence in Chinese, in
 * nobody's words but ours, and nothing of the inside in its `error`.
 */
function assertEnvelope({ status, body, text }: Reply): void {
  const isDone = status < 300
  const fields = isDone ? ['code', 'data', 'message', 'timestamp'] : Object.keys(error).sort()
  assert.deepEqual(Object.keys(body).sort(), fields, text)
  assert.ok(Number.isSafeInteger(body.timestamp) && body.timestamp > 1_700_000_000_000, text)
  // 408 and 431 are none of the document's; their code is 400.
  assert.equal(body.code, [408, 431].includes(status) ? 400 : status, text)
  if (isDone) return
  assert.match(body.message, /\p{Script=Han}/u, text)
  assert.doesNotMatch(text, /vendor words|select |insert into|\bat .*\.ts:|undefined|NaN|\[object/, text)
}
