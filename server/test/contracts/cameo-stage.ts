import assert from 'node:assert/strict'
import { cameo } from '../../src/dialects/cameo/dialect.ts'
import { units } from '../../src/kernel/money.ts'
import { addChannel } from '../../src/kernel/payments/channels.ts'
import type { Outbound } from '../../src/kernel/ports/outbound.ts'
import { createUser } from '../factories.ts'
import type { FakeWriter } from '../fakes/writing.ts'
import { writes } from '../fakes/writing.ts'
import { toForm } from '../form.ts'
import type { Json, Operation as SharedOperation, Wire } from './contract.ts'
import type { Form } from './plaza-stage.ts'
import { nextNumber, sampleFile } from './plaza-stage.ts'
import type { Reply as SharedReply, Stage as SharedStage, StageOptions } from './stage.ts'
import { openStage as openAnyStage } from './stage.ts'

/** An operation as `contracts/cameo/operations.json` has it; contracts/README.md says what each field means. */
export type Operation = Omit<SharedOperation, 'parameters'> & {
  section: string
  title: string
  auth: boolean
  parameters: { in: string; name: string; description: string; example?: string }[]
  required?: string[]
  form?: Form
  success: { code: number; message: string; data: Json }
  extra?: Record<string, string>
}

export const wire: Wire = {
  forms: { time: /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/, token: /^eyJ[\w-]+\./ },
  volatile: [
    [/eyJ[\w-]+\.[\w-]+\.[\w-]+/g, '<token>'],
    [/\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z/g, '<time>'],
    [/^C\d{15,}$/g, 'C<number>'],
    [/pay\?order=\S+/g, 'pay?order=<trade>'],
    [/\btask_\w+/g, 'task_<id>'],
    [/\/(files|uploads)\/\S+\.(\w+)$/g, '/$1/<key>.$2'],
    [/^[a-z0-9]{16,}\.(png|mp4|jpg|webp)$/g, '<key>.$1'],
    [/^[A-Z0-9]{8}$/g, '<code>'],
    [/ref=[A-Z0-9]{8}/g, 'ref=<code>'],
    [/\b(user|testuser|test)\d+\b/g, '$1<n>'],
    [/^1\d{10}$/g, '<phone>'],
  ],
  serials: ['id', 'user_id', 'work_id', 'total', 'size', 'file_size'],
  keepsFirstRow: true,
}

type Body = { code: number; message: string; data: Record<string, unknown> | null }
const NO_ENVELOPE: Body = { code: -1, message: '', data: null }

export type Reply = SharedReply<Body>
export type User = { id: bigint; username: string; email: string; password: string; token: string }

export type Stage = Omit<SharedStage<Body>, 'get' | 'post'> & {
  call: (method: string, path: string, token?: string, body?: object) => Promise<Reply>
  form: (method: string, path: string, token: string | undefined, form: Form) => Promise<Reply>
  user: (credits?: number, role?: 'user' | 'admin') => Promise<User>
  powerOf: (user: Pick<User, 'token'>) => Promise<number>
  /** The number of a picture of theirs that is there. */
  picture: (user: User, body?: object) => Promise<number>
  /** Waits until a task has ended. */
  ended: (id: unknown, user: User) => Promise<Reply>
  published: (user?: User) => Promise<{ id: number; owner: User }>
  character: (user: User, body?: object) => Promise<number>
  say: (user: User, content: string, sessionId?: string) => Promise<string>
}

/** Answers for the outside: any address of example.com is a small picture. */
const pictures: Outbound = async (url) => {
  const { bytes: body, type } = await sampleFile('picture')
  return { status: 200, headers: { 'content-type': type }, body, url }
}

/** A whole cameo site whose vendor, cashier and outside are in the test's hands. */
export async function openStage(options: StageOptions = {}): Promise<Stage> {
  const {
    get: _get,
    post: _post,
    ...stage
  } = await openAnyStage<Body>(cameo, NO_ENVELOPE, {
    outbound: pictures,
    ...options,
  })
  const { provider, context } = stage
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
    send({ method, url: `${cameo.base}${path}`, token, body })
  const expect = async <Data>(answer: Promise<Reply>): Promise<Data> => {
    const { body, text } = await answer
    assert.equal(body.code, 0, text)
    return body.data as Data
  }
  const user: Stage['user'] = async (count = 100, role = 'user') => {
    const { accountId, account, email, password, token } = await createUser(context, units(count), { role })
    return { id: accountId, username: account.username, email, password, token }
  }
  const ended: Stage['ended'] = async (id, { token }) => {
    const giveUpAt = performance.now() + 20_000
    for (;;) {
      const reply = await call('GET', `/generate/tasks/${id}`, token)
      if (reply.data.status === 'completed' || reply.data.status === 'failed') return reply
      assert.ok(performance.now() < giveUpAt, reply.text)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  const picture: Stage['picture'] = async (owner, body = {}) => {
    const made = await expect<{ id: number }>(
      call('POST', '/generate/text-to-image', owner.token, {
        ...{ task_type: 'text2img', prompt: '一只猫', parameters: { width: 64, height: 64 } },
        ...body,
      }),
    )
    await ended(made.id, owner)
    return made.id
  }
  return {
    ...stage,
    send,
    call,
    user,
    picture,
    ended,
    form: async (method, path, token, { fields, files }) => {
      const parts = await Promise.all(
        Object.entries(files).map(async ([field, what]) => ({ field, ...(await sampleFile(what)) })),
      )
      const { body, headers } = toForm(fields, parts)
      return send({ method, url: `${cameo.base}${path}`, token, body, headers })
    },
    powerOf: async ({ token }) =>
      (await expect<{ computing_power: number }>(call('GET', '/users/profile', token))).computing_power,
    published: async (owner) => {
      const who = owner ?? (await user())
      const id = await picture(who)
      await expect(call('PUT', `/works/${id}`, who.token, { is_public: true }))
      return { id, owner: who }
    },
    character: async ({ token }, body = {}) =>
      (
        await expect<{ id: number }>(
          call('POST', '/characters', token, { name: `角色${nextNumber()}`, type: 'sora', ...body }),
        )
      ).id,
    say: async ({ token }, content, sessionId) =>
      (
        await expect<{ sessionId: string }>(
          call('POST', '/assistant/send', token, { content, ...(sessionId !== undefined && { sessionId }) }),
        )
      ).sessionId,
  }
}

/** 响应格式: three fields; 0 and HTTP 200, or a code that is the status, no data and a sentence in nobody's words but ours. */
function assertEnvelope({ status, body, text }: Reply): void {
  assert.deepEqual(Object.keys(body).sort(), ['code', 'data', 'message'], text)
  if (status < 300) {
    assert.deepEqual([status, body.code], [200, 0], text)
    return
  }
  assert.equal(body.code, [408, 431].includes(status) ? 400 : status, text)
  assert.equal(body.data, null, text)
  assert.match(body.message, /\p{Script=Han}/u, text)
  assert.doesNotMatch(text, /vendor words|select |insert into|\bat .*\.ts:|undefined|NaN|\[object/, text)
}
