import assert from 'node:assert/strict'
import { aiCreator } from '../../src/dialects/ai-creator/dialect.ts'
import { startPublicationWorker } from '../../src/jobs/publication-worker.ts'
import { units } from '../../src/kernel/money.ts'
import { addChannel } from '../../src/kernel/payments/channels.ts'
import { createUser } from '../factories.ts'
import type { FakePlatform } from '../fakes/platform.ts'
import { createFakePlatform } from '../fakes/platform.ts'
import type { FakeWriter } from '../fakes/writing.ts'
import { aDeck, createFakeRenderer, writes } from '../fakes/writing.ts'
import type { Json, Operation as SharedOperation, Wire } from './contract.ts'
import { readContract } from './contract.ts'
import type { Reply as SharedReply, Stage as SharedStage, StageOptions } from './stage.ts'
import { openStage as openAnyStage } from './stage.ts'

/** An operation as `contracts/ai-creator/operations.json` has it; contracts/README.md says what each field means. */
export type Operation = Omit<SharedOperation, 'parameters'> & {
  section: string
  title: string
  auth: boolean | 'admin' | 'refresh'
  parameters: { in: string; name: string; example?: string }[]
  required?: string[]
  example?: { [key: string]: Json }
  success: { code: number; message: string; data: Json }
  extra?: Record<string, string>
}

export const wire: Wire = {
  forms: {
    time: /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$/,
    address: /^https?:\/\/\S+$/,
    token: /^eyJ[\w-]+\./,
    'recharge order': /^R\d{15,}$/,
    'membership order': /^M\d{15,}$/,
    'clip task': /^video_task_\w+$/,
  },
  volatile: [
    [/eyJ[\w-]+\.[\w-]+\.[\w-]+/g, '<token>'],
    [/\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}/g, '<time>'],
    [/^([RM])\d{15,}$/g, '$1<number>'],
    [/pay\?order=\S+/g, 'pay?order=<trade>'],
    [/\b(text|image|video|deck)_task_\w+/g, '$1_task_<id>'],
    [/\/files\/\S+\.(\w+)$/g, '/files/<key>.$1'],
    [/\b[A-Z0-9]{8}$/g, '<code>'],
    [/\b(user|registered|returning|COUPON|GOLDEN|Model |wx)\d+\b/g, '$1<n>'],
  ],
  serials: [
    ...[
      'id',
      'total',
      'creation_id',
      'activity_id',
      'coupon_id',
      'publish_id',
      'ppt_id',
      'current_participants',
    ],
    ...[
      'total_users',
      'new_users',
      'total_revenue',
      'total_credits_sold',
      'active_members',
      'conversion_rate',
    ],
  ],
  keepsFirstRow: true,
}

type Body = { code: number; message: string; data: Record<string, unknown> | null }
const NO_ENVELOPE: Body = { code: -1, message: '', data: null }

export type Reply = SharedReply<Body>
export type User = { id: number; username: string; email: string; password: string; token: string }
export type Order = { order_id: string; amount: number; payable_amount: number; bonus_credits: number }
export type Row = { id: number; created_at: string; [name: string]: unknown }

export type Stage = SharedStage<Body> & {
  admin: User
  platforms: { wechat: FakePlatform; douyin: FakePlatform }
  /** What the site's clock is ahead of the machine's. */
  ahead: { ms: number }
  call: (method: string, path: string, token?: string, body?: object) => Promise<Reply>
  user: (credits?: number, role?: 'user' | 'admin') => Promise<User>
  /** Somebody with a monthly membership, and with one that ended yesterday. */
  member: (credits?: number) => Promise<User>
  lapsed: (credits?: number) => Promise<User>
  creditsOf: (user: User) => Promise<number>
  /** The rows of a list, all that there are up to 100. */
  rows: (path: string, token: string) => Promise<Row[]>
  /** An order of ten yuan, unless said otherwise, that nobody has paid. */
  order: (user: User, body?: object) => Promise<Order>
  membershipOrder: (user: User, body?: object) => Promise<Order>
  /** Pays at the cashier and tells of it as an ai-creator client does, without a signature. */
  pay: (orderId: string) => Promise<Reply>
  /** What the gateway calls an order. */
  tradeOf: (orderId: string) => Promise<string>
  /** A coupon and an activity of today, unless said otherwise. */
  coupon: (changes?: object) => Promise<{ id: number; code: string }>
  activity: (changes?: object) => Promise<{ id: number }>
  /** The id of an article of theirs. */
  article: (user: User, title?: string) => Promise<number>
  /** Makes wechat theirs to publish on. */
  bind: (user: User) => Promise<void>
  /** A user who was invited with a code. */
  invited: (code: string) => Promise<User>
}

export const SECRET = 'the secret of the fake merchant'
const DAY_MS = 86_400_000
/** A moment in so many days as the document writes it: UTC+8, without a zone. */
export const inDays = (days: number): string =>
  new Date(Date.now() + days * DAY_MS + 8 * 3_600_000).toISOString().slice(0, 19)

let serial = 0

/** A number that no other call of this process gets. */
export function nextNumber(): number {
  serial += 1
  return serial
}

/**
 * A whole ai-creator site whose vendor, cashier and platforms are in the test's hands. Every answer with an envelope
 * is held against 通用响应格式 on its way.
 */
export async function openStage(options: StageOptions = {}): Promise<Stage> {
  const platforms = { wechat: createFakePlatform('wechat'), douyin: createFakePlatform('douyin') }
  const byHand = { ...createFakePlatform('xiaohongshu'), api: null }
  const ahead = { ms: 0 }
  const stage = await openAnyStage<Body>(aiCreator, NO_ENVELOPE, {
    platforms: [
      platforms.wechat,
      byHand,
      platforms.douyin,
      createFakePlatform('kuaishou'),
      createFakePlatform('toutiao'),
    ],
    decks: createFakeRenderer(),
    now: () => new Date(Date.now() + ahead.ms),
    ...options,
  })
  const { provider, context } = stage
  const writer = Object.assign(provider, { asked: [], nextText: [] }) as unknown as FakeWriter
  Object.assign(writer, {
    kinds: ['image', 'video', 'text'],
    write: ((job, call) => {
      writer.asked.push(job)
      const usual = job.purpose === 'deck' ? writes(JSON.stringify(aDeck)) : writes('第一段。', '第二段。')
      return (writer.nextText.shift() ?? usual)(job, call)
    }) satisfies FakeWriter['write'],
  })
  const publisher = startPublicationWorker(context, { concurrency: 4 })
  await addChannel(context, {
    ...{ name: 'fake', gateway: 'fake', url: 'https://gateway.example.com', merchant: 'merchant' },
    ...{ secret: SECRET, options: {}, methods: ['alipay', 'wechat'] },
  })

  const send: Stage['send'] = async (sent) => {
    const reply = await stage.send(sent)
    if (String(reply.headers['content-type']).startsWith('application/json')) assertEnvelope(reply)
    return reply
  }
  const call: Stage['call'] = (method, path, token, body) =>
    send({ method, url: `${aiCreator.base}${path}`, token, body })
  /** The data of an answer that must be a success. */
  const expect = async <Data>(answer: Promise<Reply>): Promise<Data> => {
    const { body, text } = await answer
    assert.equal(body.code, 200, text)
    return body.data as Data
  }

  const user: Stage['user'] = async (count = 0, role = 'user') => {
    const { accountId, account, email, password, token } = await createUser(context, units(count), { role })
    return { id: Number(accountId), username: account.username, email, password, token }
  }
  const admin = await user(0, 'admin')
  const member: Stage['member'] = async (count = 0) => {
    const one = await user(count + 99)
    const body = { membership_type: 'monthly', payment_method: 'balance' }
    await expect(call('POST', '/credit/membership', one.token, body))
    return one
  }
  const window = () => ({ start: inDays(-1), end: inDays(30) })
  const tradeOf: Stage['tradeOf'] = async (orderId) => {
    const { rows } = await context.db.pool.query<{ trade: string }>(
      `select trade_number as trade from payment_order where handle = $1`,
      [orderId],
    )
    return rows[0]?.trade ?? ''
  }
  return {
    ...stage,
    send,
    get: (path, token) => call('GET', path, token),
    post: (path, body, token) => call('POST', path, token, body),
    admin,
    platforms,
    ahead,
    call,
    user,
    member,
    lapsed: async (count) => {
      const one = await member(count)
      await context.db.pool.query(
        `update membership set started_at = now() - interval '31 days', ends_at = now() - interval '1 day'
         where account_id = $1`,
        [one.id],
      )
      return one
    },
    creditsOf: async ({ token }) =>
      (await expect<{ credit_balance: number }>(call('GET', '/credit/balance', token))).credit_balance,
    rows: async (path, token) =>
      (
        await expect<{ items: Row[] }>(
          call('GET', `${path}${path.includes('?') ? '&' : '?'}page_size=100`, token),
        )
      ).items,
    order: ({ token }, body = {}) =>
      expect<Order>(
        call('POST', '/credit/recharge', token, { amount: 10, payment_method: 'alipay', ...body }),
      ),
    membershipOrder: ({ token }, body = {}) =>
      expect<Order>(
        call('POST', '/credit/membership', token, {
          membership_type: 'monthly',
          payment_method: 'wechat',
          ...body,
        }),
      ),
    tradeOf,
    pay: async (orderId) => {
      stage.gateway.pay(await tradeOf(orderId))
      const method = orderId.startsWith('M') ? 'wechat' : 'alipay'
      const body = { order_id: orderId, payment_method: method, transaction_id: '2026012212345678' }
      return call('POST', '/credit/payment/callback', undefined, { ...body, status: 'success' })
    },
    coupon: (changes = {}) => {
      const { start, end } = window()
      return expect(
        call('POST', '/operation/coupons', admin.token, {
          ...{ code: `COUPON${nextNumber()}`, name: '充值优惠券', type: 'discount', value: 10 },
          ...{ min_amount: 1, max_usage: 1000, valid_from: start, valid_until: end, ...changes },
        }),
      )
    },
    activity: (changes = {}) => {
      const { start, end } = window()
      return expect(
        call('POST', '/operation/activities', admin.token, {
          ...{ name: '积分赠送', type: 'credit_gift', description: '', config: { credits: 100 } },
          ...{ start_time: start, end_time: end, ...changes },
        }),
      )
    },
    article: async ({ token }, title = '如何提高工作效率') =>
      (
        await expect<{ creation_id: number }>(
          call('POST', '/writing/wechat_article/generate', token, { title }),
        )
      ).creation_id,
    bind: async ({ id, token }) => {
      const credentials = { app_id: `wx${id}`, app_secret: 'xxx' }
      await expect(call('POST', '/publish/platforms/bind', token, { platform: 'wechat', credentials }))
    },
    invited: async (code) => {
      const username = `registered${nextNumber()}`
      const password = 'password123'
      const email = `${username}@example.com`
      const { id } = await expect<{ id: number }>(
        call('POST', '/auth/register', undefined, { username, email, password, referral_code: code }),
      )
      const { access_token: token } = await expect<{ access_token: string }>(
        call('POST', '/auth/login', undefined, { username, password }),
      )
      return { id, username, email, password, token }
    },
    close: async () => {
      await publisher.stop(1_000)
      await stage.close()
    },
  }
}

/** The fake vendor as a writer; what the next texts do is pushed to `nextText`. */
export const writerOf = ({ provider }: Pick<Stage, 'provider'>): FakeWriter => provider as FakeWriter

const { error } = readContract<{ error: object }>('ai-creator', 'common')
const codes = new Set(readContract<{ code: number }[]>('ai-creator', 'detail-codes').map(({ code }) => code))

/**
 * 通用响应格式: these three; the code is the status or, with 400, one of appendix G; what failed has no data and a
 * sentence in Chinese, in nobody's words but ours.
 */
function assertEnvelope({ status, body, text }: Reply): void {
  assert.deepEqual(Object.keys(body).sort(), Object.keys(error).sort(), text)
  if (status < 300) {
    assert.deepEqual([status, body.code], [200, 200], text)
    return
  }
  assert.ok(body.code === status || (status === 400 && codes.has(body.code)), `${status} ${text}`)
  assert.equal(body.data, null, text)
  assert.match(body.message, /\p{Script=Han}/u, text)
  assert.doesNotMatch(body.message, /vendor|select |insert |Error|undefined|NaN|\[object/, text)
}
