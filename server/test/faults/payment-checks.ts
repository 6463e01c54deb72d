import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { Check } from './checks.ts'
import type { Client } from './client.ts'
import type { Journal } from './load.ts'
import type { Payers } from './payers.ts'
import {
  askAfterOrder,
  keepTold,
  nameOfWish,
  PACKAGES,
  readTold,
  requestOrder,
  type Wish,
} from './shoppers.ts'

/** Everything that was done about payments. */
export type Payments = { wishes: Wish[]; payers: Payers }

type Scene = { client: Client; journal: Journal; database: pg.Client; payments: Payments }

export type OrderRow = {
  handle: string
  trade_number: string
  email: string
  state: string
  money: string
  tokens: number
  settled_by: string | null
  has_link: boolean
  paid_at: number | null
  key: string | null
  entries: number
  credited: number
}

const CREDITS = 10_000
/** How long the site lets one request have an order in hand, less what a busy machine may blur. */
const CHECKOUT_MS = 30_000 - 5_000
const ANSWER_WITHIN_MS = 60_000
const TRY_MS = 20_000

const readOrdersText = `select o.handle, o.trade_number, a.email, o.state, o.settled_by, o.pay_url is not null as has_link,
    to_char(o.amount_fen / 100.0, 'FM999999990.00') as money, (o.credits / ${CREDITS})::float8 as tokens,
    (extract(epoch from o.paid_at) * 1000)::float8 as paid_at, i.key,
    (select count(*)::int from entry e where e.kind = 'purchase' and e.effect = 'order:' || o.id) as entries,
    (select coalesce(sum(e.available_after - e.available_before) / ${CREDITS}, 0)::float8 from entry e
     where e.kind = 'purchase' and e.effect = 'order:' || o.id and e.account_id = o.account_id) as credited
  from payment_order o join account a on a.id = o.account_id left join idempotency i on i.order_id = o.id`

export async function readOrders(database: pg.Client): Promise<OrderRow[]> {
  return (await database.query<OrderRow>(readOrdersText)).rows
}

const NEXT_POLL_WITHIN_MS = 45_000
const POLL_WITHIN_MS = 15_000

/**
 * Waits until polling has found every payment, or for so long that it should have. A short run does not wait for
 * the clock: it moves the next poll, and the end of checkouts whose process is dead, to now.
 */
export async function settlePayments(
  database: pg.Client,
  { payers }: Payments,
  { isLong, say }: { isLong: boolean; say: (line: string) => void },
): Promise<void> {
  const since = performance.now()
  const paid = [...payers.bills.values()].filter(({ isPaid }) => isPaid).map(({ tradeNumber }) => tradeNumber)
  const countText = `select count(*)::int as paid from payment_order where trade_number = any ($1) and state = 'paid'`
  const count = async (): Promise<number> =>
    (await database.query<{ paid: number }>(countText, [paid])).rows[0]?.paid ?? 0
  const left = paid.length - (await count())
  if (!isLong) {
    await database.query('update payment_order set next_poll_at = now() where next_poll_at is not null')
    await database.query(`update payment_order set checkout_until = null where state = 'created'`)
  }
  say(
    `${left} payments are left to polling, ${isLong ? 'when their time comes' : 'which is brought forward by SQL'}`,
  )
  const withinMs = isLong ? NEXT_POLL_WITHIN_MS : POLL_WITHIN_MS
  while ((await count()) < paid.length && performance.now() - since < withinMs) await sleep(100)
  const missing = paid.length - (await count())
  say(
    `${left - missing} found by polling within ${((performance.now() - since) / 1000).toFixed(1)} s, ${missing} not`,
  )
}

/** What each user must have been given for payments, by the gateway's books; by email. */
export function boughtTokens(orders: readonly OrderRow[], { payers }: Payments): Map<string, number> {
  const bought = new Map<string, number>()
  for (const { trade_number: number, email } of orders) {
    const bill = payers.bills.get(number)
    const sold = PACKAGES.find(({ money }) => money === bill?.money)
    if (bill?.isPaid && sold) bought.set(email, (bought.get(email) ?? 0) + sold.tokens)
  }
  return bought
}

/** Money rules: every payment credited once, nothing else credited, nothing acknowledged is gone. */
export async function checkPayments(scene: Scene): Promise<Check[]> {
  const asked = await checkOrderKeys(scene)
  const orders = await readOrders(scene.database)
  return [
    checkCredits(scene, orders, await readStrayCredits(scene.database)),
    await checkAcknowledged(scene, orders),
    { ...asked, problems: [...asked.problems, ...strangersAmong(scene.payments, orders)] },
    checkGateway(scene, orders),
  ]
}

/** Purchases on the books that belong to no order. */
async function readStrayCredits(database: pg.Client): Promise<string[]> {
  const { rows } = await database.query<{ effect: string }>(
    `select e.effect from entry e where e.kind = 'purchase' and not exists
       (select from payment_order o where e.effect = 'order:' || o.id and e.account_id = o.account_id)`,
  )
  return rows.map(({ effect }) => effect)
}

function checkCredits({ payments }: Scene, orders: readonly OrderRow[], stray: readonly string[]): Check {
  const { bills } = payments.payers
  const problems = stray.map((effect) => `a purchase ${effect} belongs to no order`)
  const isNeverAskedAfter = new Set(
    payments.wishes.flatMap(({ told, queries }) => (told && queries === 0 ? [told.outTradeNo] : [])),
  )
  let [once, tokens, byNotification, byPolling] = [0, 0, 0, 0]
  const byNumber = new Map(orders.map((order) => [order.trade_number, order]))
  for (const bill of bills.values()) {
    if (bill.isPaid && !byNumber.has(bill.tradeNumber))
      problems.push(`the paid order ${bill.tradeNumber} is not on record`)
  }
  for (const order of orders) {
    const bill = bills.get(order.trade_number)
    const { state, entries, credited, paid_at: paidAt, settled_by: by, trade_number: number } = order
    const sold = PACKAGES.find(({ money }) => money === bill?.money)
    const found = `${state} ${entries} ${credited}`
    const isRight = bill?.isPaid
      ? found === `paid 1 ${sold?.tokens}`
      : ['created 0 0', 'open 0 0'].includes(found)
    if (!isRight) {
      const how = bill?.isPaid ? `paid with ${bill.money}, told ${bill.telling}` : 'not paid'
      problems.push(`order ${number}, ${how}, is (state, credits, tokens) ${found}`)
    }
    if (bill?.takenAt && (paidAt === null || paidAt > bill.takenAt))
      problems.push(`order ${number} was credited only after its notification had been taken`)
    if (!bill?.isPaid || !isRight) continue
    once += 1
    tokens += credited
    if (by === 'notification') byNotification += 1
    else if (isNeverAskedAfter.has(number)) byPolling += 1
  }
  const paid = [...bills.values()].filter(({ isPaid }) => isPaid)
  const figures = `${paid.length} orders paid, ${once} credited once with ${tokens} tokens (${byNotification} by notification, ${once - byNotification} by asking, ${byPolling} of them by polling alone); ${orders.length - once} others, none credited`
  return { name: 'every payment is credited exactly once', figures, problems }
}

/** Acknowledged orders are there, belong to who was told so, and say so still. */
async function checkAcknowledged(scene: Scene, orders: readonly OrderRow[]): Promise<Check> {
  const { payments, journal } = scene
  const problems: string[] = []
  const byHandle = new Map(orders.map((order) => [order.handle, order]))
  const told = payments.wishes.filter((wish) => wish.told !== null)
  const shownPaid = told.filter((wish) => wish.shownPaid).length
  for (const wish of told) {
    const { orderId, outTradeNo } = wish.told ?? {}
    const order = byHandle.get(orderId ?? '')
    const wanted = PACKAGES.find(({ id }) => id === wish.body.package)
    const found = order && [order.trade_number, order.email, order.money, order.tokens, order.key].join()
    const expected = [outTradeNo, wish.user.email, wanted?.money, wanted?.tokens, wish.key].join()
    if (found !== expected) problems.push(`order ${orderId} is ${found ?? 'missing'}, not ${expected}`)
    if (order && order.state !== 'paid' && !order.has_link)
      problems.push(`order ${orderId} was acknowledged with nowhere to pay it`)
    const isAnswered = await untilAnswered(async () => (await askAfterOrder(scene, wish)) || null)
    if (isAnswered === null) problems.push(`nothing is said of order ${orderId} any more`)
    if (order && isAnswered && wish.shownPaid !== (order.state === 'paid'))
      problems.push(`order ${orderId} is shown as paid: ${wish.shownPaid}, but is ${order.state}`)
  }
  const figures = `${told.length} orders acknowledged, ${shownPaid} shown as paid on the way, all asked after once more; ${journal.users.length} users`
  return { name: 'every acknowledged order is there', figures, problems }
}

/** One key, one order; and the key still answers with it, also for those who had given up. */
async function checkOrderKeys({ client, journal, payments }: Scene): Promise<Check> {
  const problems: string[] = []
  const keyed = payments.wishes.filter(({ key }) => key !== null)
  const unanswered = keyed.filter(({ told }) => told === null).length
  const queue = [...keyed]
  const one = async (): Promise<void> => {
    for (let wish = queue.shift(); wish !== undefined; wish = queue.shift()) {
      const now = wish
      const told = await untilAnswered(async () =>
        readTold(journal, now, await requestOrder(client, now, TRY_MS)),
      )
      if (told === null) problems.push(`${nameOfWish(now)} gets no answer any more`)
      else keepTold(journal, now, told)
    }
  }
  await Promise.all([one(), one(), one(), one()])
  const figures = `${keyed.length} keys, all asked once more; ${unanswered} of them had not been acknowledged before`
  return { name: 'every idempotency key has exactly one order', figures, problems }
}

/** More orders than keys, and requests without one, can explain. */
function strangersAmong({ wishes }: Payments, orders: readonly OrderRow[]): string[] {
  const problems: string[] = []
  const nameOf = (email: string, key: string | null): string => `${email} ${key}`
  const found = Map.groupBy(
    orders.filter(({ key }) => key !== null),
    ({ email, key }) => nameOf(email, key),
  )
  for (const { user, key, told } of wishes) {
    if (key === null) continue
    const own = found.get(nameOf(user.email, key)) ?? []
    if (own.length !== 1 || own[0]?.handle !== told?.orderId)
      problems.push(`${key} has ${own.length} orders: ${own.map(({ handle }) => handle).join()}`)
  }
  const keyless = wishes.filter(({ key }) => key === null)
  const told = new Set(keyless.map((wish) => wish.told?.orderId))
  const unexplained = orders.filter(({ key, handle }) => key === null && !told.has(handle))
  const mayBeLost = keyless.filter((wish) => wish.told === null)
  if (unexplained.length > mayBeLost.length) {
    problems.push(
      `${unexplained.length} orders without a key were never told, but only ${mayBeLost.length} answers were lost`,
    )
  }
  return problems
}

/** What the gateway saw: nothing that is not on record, and no order opened by two requests at once. */
function checkGateway({ payments }: Scene, orders: readonly OrderRow[]): Check {
  const { bills, notifications, problems: before } = payments.payers
  const problems = [...before]
  const byNumber = new Map(orders.map((order) => [order.trade_number, order]))
  let [again, unacknowledged] = [0, 0]
  const told = new Set(payments.wishes.map((wish) => wish.told?.outTradeNo))
  for (const { tradeNumber, money, openedAt } of bills.values()) {
    const order = byNumber.get(tradeNumber)
    if (!order) problems.push(`the gateway has ${tradeNumber}, which is not on record`)
    else if (order.money !== money) problems.push(`${tradeNumber} is ${money} there and ${order.money} here`)
    if (!told.has(tradeNumber)) unacknowledged += 1
    again += openedAt.length - 1
    const gaps = openedAt.slice(1).map((at, index) => at - (openedAt[index] ?? at))
    // Whoever was cut off may begin again, with the same number and when the first request's time is over.
    for (const gap of gaps)
      if (gap < CHECKOUT_MS) problems.push(`${tradeNumber} was opened twice within ${Math.round(gap)} ms`)
  }
  const { taken, faults, lost, forged } = notifications
  const figures = `${bills.size} orders at the gateway (${unacknowledged} never acknowledged), ${again} opened again under their number after a cut; notifications: ${taken} taken, ${faults} answered with a fault, ${lost} lost, ${forged} forged and none taken`
  return { name: 'the gateway has one order per number', figures, problems }
}

async function untilAnswered<T>(question: () => Promise<T | null>): Promise<T | null> {
  const startedAt = performance.now()
  for (;;) {
    const answer = await question()
    if (answer !== null || performance.now() - startedAt > ANSWER_WITHIN_MS) return answer
    await sleep(200)
  }
}
