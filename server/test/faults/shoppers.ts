import { setTimeout as sleep } from 'node:timers/promises'
import type { User } from './accounts.ts'
import type { Answer, Client } from './client.ts'
import type { Journal } from './load.ts'
import { createRandom, type Random } from './random.ts'

/** What is sold for money, with the price as it is written at the gateway. */
export const PACKAGES = [
  { id: 'package_100', tokens: 100, money: '2.00' },
  { id: 'package_500', tokens: 500, money: '9.00' },
  { id: 'package_1000', tokens: 1_000, money: '16.00' },
  { id: 'package_2000', tokens: 2_000, money: '30.00' },
  { id: 'package_5000', tokens: 5_000, money: '70.00' },
] as const

/** One package of credits that somebody wants, however often it is asked for. */
export type Wish = {
  user: User
  key: string | null
  body: { package: string; paymentType: string }
  /** What was acknowledged. */
  told: { orderId: string; outTradeNo: string } | null
  asked: number
  unanswered: number
  /** How often its order was asked after, and whether it was ever shown as paid. */
  queries: number
  shownPaid: boolean
}

export type Shoppers = {
  wishes: Wish[]
  /** Lets everybody get the answer they are waiting for; who has none by then gives up. */
  stop: () => Promise<void>
}

const METHODS = ['alipay', 'wxpay'] as const
/** Shorter than the site may take: whoever gives up asks again while the first request is still under way. */
const PATIENCE_MS = 5_000

/** Lets users order credits and look after their orders, beside whatever else they do. */
export function startShoppers(client: Client, journal: Journal, users: User[], seed: number): Shoppers {
  const wishes: Wish[] = []
  let stopping = false
  const isOver = (): boolean => stopping
  const all = users.map((user, index) =>
    shop({ client, journal, wishes, user, random: createRandom(seed * 2_000 + index), isOver }),
  )
  return {
    wishes,
    stop: async () => {
      stopping = true
      await Promise.all(all)
    },
  }
}

type Shopper = {
  client: Client
  journal: Journal
  wishes: Wish[]
  user: User
  random: Random
  isOver: () => boolean
}

async function shop(shopper: Shopper): Promise<void> {
  const { random, user, wishes, isOver } = shopper
  for (let number = 1; !isOver(); number += 1) {
    const wish: Wish = {
      user,
      key: random.chance(0.85) ? `order-${user.username}-${number}` : null,
      body: { package: random.pick(PACKAGES).id, paymentType: random.pick(METHODS) },
      told: null,
      asked: 0,
      unanswered: 0,
      queries: 0,
      shownPaid: false,
    }
    wishes.push(wish)
    await placeOrder(shopper, wish)
    // Half of them never look: those orders are left to notifications and polling.
    const looks = random.chance(0.5) ? random.integer(1, 4) : 0
    for (let look = 0; look < looks && wish.told !== null && !isOver(); look += 1) {
      await sleep(random.integer(50, 600))
      await askAfterOrder(shopper, wish)
    }
    const pauseMs = random.integer(100, 1_000)
    for (let waited = 0; waited < pauseMs && !isOver(); waited += 50) await sleep(50)
  }
}

/** Asks with its key until the order is acknowledged; without one just once, since each request is another order. */
async function placeOrder(shopper: Shopper, wish: Wish): Promise<void> {
  const { random, isOver } = shopper
  do {
    const timeoutMs = random.chance(0.1) ? random.integer(10, 300) : PATIENCE_MS
    // As for pictures: an impatient front-end sends the same order twice at the same moment.
    const requests = wish.key !== null && random.chance(0.15) ? 2 : 1
    await Promise.all(Array.from({ length: requests }, () => ask(shopper, wish, timeoutMs)))
    if (wish.told === null && wish.key !== null) await sleep(random.integer(100, 500))
  } while (wish.told === null && wish.key !== null && !isOver())
}

async function ask({ client, journal }: Shopper, wish: Wish, timeoutMs: number): Promise<void> {
  wish.asked += 1
  const told = readTold(journal, wish, await requestOrder(client, wish, timeoutMs))
  if (told === null) wish.unanswered += 1
  else keepTold(journal, wish, told)
}

/** Sends the request for an order as it was sent before. */
export function requestOrder(client: Client, wish: Wish, timeoutMs: number): Promise<Answer> {
  const { user, key, body } = wish
  return client.call('POST', '/payment/create', { token: user.token, key, body, timeoutMs })
}

/** The order that an answer acknowledges; null for one after which the shopper must ask again. */
export function readTold(journal: Journal, wish: Wish, answer: Answer): Wish['told'] {
  if (answer.kind === 'lost' || answer.status >= 429) return null
  const { code, data, message } = answer
  if (answer.success) return { orderId: String(data?.orderId), outTradeNo: String(data?.outTradeNo) }
  // 支付服务暂时不可用: the gateway hung up, or another request with this key has the order in hand.
  if (code !== 1404) journal.contradictions.push(`${nameOfWish(wish)} was answered ${code} ${message}`)
  return null
}

/** Two acknowledgements of one key must name one order. */
export function keepTold(journal: Journal, wish: Wish, told: NonNullable<Wish['told']>): void {
  const [before, now] = [wish.told, told].map((one) => JSON.stringify(one))
  if (wish.told !== null && before !== now)
    journal.contradictions.push(`${nameOfWish(wish)} was answered ${before}, then ${now}`)
  wish.told ??= told
}

export function nameOfWish(wish: Wish): string {
  return wish.key ?? `an order of ${wish.user.username} without a key`
}

type Shown = {
  localOrder: { id: string; outTradeNo: string; status: number; tokenAmount: number; money: number }
  remoteOrder: { status: number } | null
}

/** Asks after an order that was acknowledged: it must be there as it was told, and never paid and then unpaid. */
export async function askAfterOrder(
  { client, journal }: Pick<Shopper, 'client' | 'journal'>,
  wish: Wish,
): Promise<boolean> {
  if (wish.told === null) return false
  const { orderId, outTradeNo } = wish.told
  wish.queries += 1
  const answer = await client.call('GET', `/payment/query?orderId=${orderId}`, { token: wish.user.token })
  if (answer.kind === 'lost' || answer.status >= 429) return false
  const { localOrder, remoteOrder } = (answer.data ?? {}) as Partial<Shown>
  const wanted = PACKAGES.find(({ id }) => id === wish.body.package)
  const shown = [localOrder?.id, localOrder?.outTradeNo, localOrder?.tokenAmount, localOrder?.money]
  const expected = [orderId, outTradeNo, wanted?.tokens, Number(wanted?.money)]
  const isPaid = localOrder?.status === 1
  if (shown.join() !== expected.join()) {
    const words = `${shown.join()} (${answer.code} ${answer.message}), not ${expected.join()}`
    journal.contradictions.push(`the order of ${nameOfWish(wish)} is shown as ${words}`)
  } else if (!isPaid && (wish.shownPaid || remoteOrder?.status === 1)) {
    journal.contradictions.push(
      `the order of ${nameOfWish(wish)} is shown as unpaid, but ${wish.shownPaid ? 'was paid before' : 'is paid at the gateway'}`,
    )
  }
  wish.shownPaid ||= isPaid
  return true
}
