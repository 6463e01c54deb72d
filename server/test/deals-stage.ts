import assert from 'node:assert/strict'
import { statement } from '../src/db/database.ts'
import { aiCreator } from '../src/dialects/ai-creator/dialect.ts'
import type { Dialect } from '../src/http/dialect.ts'
import { KernelError } from '../src/kernel/errors.ts'
import { fen, formatYuan } from '../src/kernel/fen.ts'
import { quotePlan } from '../src/kernel/memberships/plans.ts'
import type { Credits } from '../src/kernel/money.ts'
import { units } from '../src/kernel/money.ts'
import { pollOrders } from '../src/kernel/payments/ask-gateway.ts'
import { addChannel } from '../src/kernel/payments/channels.ts'
import { createOrder } from '../src/kernel/payments/create-order.ts'
import type { Order } from '../src/kernel/payments/order.ts'
import { readOrderById } from '../src/kernel/payments/order.ts'
import { takeNotification } from '../src/kernel/payments/settle.ts'
import { readBalance } from '../src/kernel/wallet/balance.ts'
import { verifyLedger } from '../src/kernel/wallet/verify.ts'
import type { TestSite } from './build-site.ts'
import { buildSite } from './build-site.ts'
import type { FakeGateway } from './contracts/fake-gateway.ts'
import { createFakeGateway } from './contracts/fake-gateway.ts'
import { createUser } from './factories.ts'
import { createFakeProvider } from './fakes/provider.ts'

export const CROWD = 100
export const SECRET = 'the secret of the fake merchant'

/** What a test asks of a wallet, a figure or a claim: one row of one statement. */
type Look = <Row = Record<string, unknown>>(text: string, values?: readonly unknown[]) => Promise<Row>

export type Deals = {
  site: TestSite
  gateway: FakeGateway
  channel: { id: bigint; uuid: string }
  look: Look
  user: (amount?: Credits) => Promise<{ accountId: bigint; token: string }>
  users: (count: number) => Promise<bigint[]>
  /** Opens an order for so many yuan of credits, or for a plan. */
  order: (
    accountId: bigint,
    what: { yuan: number } | { plan: string },
    changes?: { coupon?: string; method?: string },
  ) => Promise<Order>
  pay: (order: Order) => Promise<string>
  available: (accountId: bigint) => Promise<Credits>
  coupon: (code: string, changes?: Partial<CouponRow>) => Promise<bigint>
  activity: (changes: Partial<ActivityRow> & Pick<ActivityRow, 'type'>) => Promise<bigint>
  /** Lets an order's time run out, and polls. */
  expire: (order: Order) => Promise<void>
  refer: (referred: bigint, referrer: bigint) => Promise<void>
  close: () => Promise<void>
}

type CouponRow = {
  type: 'percent' | 'amount' | 'credits'
  value: bigint
  least_fen: bigint
  most_claims: number | null
  from: string
  until: string
  state: string
}
type ActivityRow = {
  type: 'membership_discount' | 'first_purchase' | 'referral_bonus'
  percent: number | null
  credits: bigint | null
  most: number | null
  budget: bigint | null
  from: string
  until: string
}

const MISCOUNTED = `select
  (select count(*) from coupon c
   where claims <> (select count(*) from coupon_claim where coupon_id = c.id)) as coupons,
  (select count(*) from activity a
   where (participants, given) <> (
     select count(*)::int, coalesce(sum(credits), 0)::bigint from participation where activity_id = a.id)) as activities,
  (select count(*) from referral r left join entry e on e.id = r.entry_id
   where r.state <> 'pending' and (r.credits <> e.amount or e.account_id <> r.referrer_id)) as referrals`

const unlimited = { points: 1_000_000, perSeconds: 60 }

/** A whole site, ai-creator unless given, with one channel to pay through, and short ways to what money does there. */
export async function openDeals(dialect: Dialect = aiCreator): Promise<Deals> {
  const gateway = createFakeGateway()
  const site = await buildSite({
    dialect,
    gateways: [gateway],
    providers: [createFakeProvider()],
    preset: { limits: { auth: unlimited, generate: unlimited, read: unlimited, write: unlimited } },
  })
  const { context } = site
  const channel = await addChannel(context, {
    name: 'fake',
    gateway: 'fake',
    url: 'https://gateway.example.com',
    merchant: 'merchant',
    secret: SECRET,
    options: {},
    methods: ['alipay', 'wechat'],
  })
  const look: Look = async <Row>(text: string, values: readonly unknown[] = []) =>
    (
      await context.db.rows<Row>(statement(`deals ${text.slice(0, 50)} ${text.length}`, text), values)
    )[0] as Row
  return {
    site,
    gateway,
    channel,
    look,
    user: async (amount = units(0)) => createUser(context, amount),
    users: async (count) => {
      // Passwords would take most of the time of a crowd.
      const rows = await context.db.rows<{ id: bigint }>(
        statement(
          'deals users',
          `select register_account_v1($1, gen_random_uuid(), 'crowd ' || gen_random_uuid(), null, 'none', 'user', 0,
             null, null, null, null) as id from generate_series(1, $2)`,
        ),
        [context.keys.chain, count],
      )
      return rows.map(({ id }) => id)
    },
    order: (accountId, what, { coupon, method = 'alipay' } = {}) =>
      createOrder(
        context,
        { accountId },
        {
          item:
            'plan' in what
              ? quotePlan(context, what.plan)
              : {
                  kind: 'credits',
                  name: `充值${what.yuan}元`,
                  credits: units(what.yuan * 10),
                  priceFen: fen(BigInt(what.yuan * 100)),
                },
          channelUuid: null,
          method,
          couponCode: coupon ?? null,
          returnUrl: 'https://shop.example.com/back',
          idempotencyKey: null,
          origin: { ip: null, device: null },
        },
      ),
    pay: async (order) => {
      const body = new URLSearchParams({
        sign: SECRET,
        out_trade_no: order.tradeNumber,
        trade_no: `remote_${order.id}`,
        pid: 'merchant',
        money: formatYuan(order.amountFen),
        trade_status: 'TRADE_SUCCESS',
      })
      const answer = await takeNotification(context, channel.uuid, {
        method: 'POST',
        query: '',
        headers: {},
        contentType: 'application/x-www-form-urlencoded',
        body: String(body),
      })
      return answer?.body ?? ''
    },
    available: async (accountId) => (await readBalance(context, { accountId })).available,
    coupon: async (code, changes = {}) => {
      const { id } = await look<{ id: bigint }>(
        `insert into coupon (code, name, type, value, least_fen, most_claims, valid_from, valid_until, state)
         values ($1, $1, $2, $3, $4, $5, now() + $6::interval, now() + $7::interval, $8) returning id`,
        [
          code,
          changes.type ?? 'percent',
          changes.value ?? 1_000n,
          changes.least_fen ?? 0n,
          changes.most_claims ?? null,
          changes.from ?? '-1 hour',
          changes.until ?? '1 day',
          changes.state ?? 'active',
        ],
      )
      return id
    },
    activity: async (changes) => {
      const { id } = await look<{ id: bigint }>(
        `insert into activity (name, type, percent, credits, most_participants, budget, starts_at, ends_at)
         values ('an activity', $1, $2, $3, $4, $5, now() + $6::interval, now() + $7::interval) returning id`,
        [
          changes.type,
          changes.percent ?? null,
          changes.credits ?? null,
          changes.most ?? null,
          changes.budget ?? null,
          changes.from ?? '-1 hour',
          changes.until ?? '1 day',
        ],
      )
      return id
    },
    expire: async (order) => {
      await look(
        `update payment_order set expires_at = now() - interval '1 second', next_poll_at = now() where id = $1 returning id`,
        [order.id],
      )

      await pollOrders(context)
      assert.equal((await readOrderById(context, order.id)).state, 'expired')
    },
    refer: async (referred, referrer) => {
      await look('insert into referral (referred_id, referrer_id) values ($1, $2) returning id', [
        referred,
        referrer,
      ])
    },
    close: async () => {
      const findings = await verifyLedger(context).catch((error) => error)
      const wrong = await look(MISCOUNTED).catch((error) => error)
      await site.close()
      assert.deepEqual(findings, [], 'the books are true')
      assert.deepEqual(
        wrong,
        { coupons: 0n, activities: 0n, referrals: 0n },
        'what is counted is what is there',
      )
    },
  }
}

/** How many of a crowd came to what: 'ok', or the refusal's code with its problem. */
export async function tally(crowd: readonly Promise<unknown>[]): Promise<Record<string, number>> {
  const settled = await Promise.allSettled(crowd)
  const names = settled.map((one) => {
    if (one.status === 'fulfilled') return 'ok'
    if (!(one.reason instanceof KernelError)) throw one.reason
    const { problem } = one.reason.details as { problem?: string }
    return problem === undefined ? one.reason.code : `${one.reason.code} ${problem}`
  })
  return Object.fromEntries([...Map.groupBy(names, (name) => name)].map(([name, all]) => [name, all.length]))
}
