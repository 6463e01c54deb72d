// The world on the other side of the gateway: payers who pay or do not, and a gateway that tells the site once,
// many times, too late or never, and whose answers come slowly or break off.
import { setTimeout as sleep } from 'node:timers/promises'
import type { EpayStandIn, Mutation } from '../gateways/epay-stand-in.ts'
import type { Machine } from './machine.ts'
import { createRandom, type Random } from './random.ts'

/** How a payment is told to the site. */
export type Telling = 'once' | 'many times' | 'among forgeries' | 'while the api is down' | 'never'

/** One order as the gateway has it, acknowledged to its buyer or not. */
export type Bill = {
  tradeNumber: string
  money: string
  /** When it was opened there, on the clock of `performance.now()`; more than once after a cut connection. */
  openedAt: number[]
  isPaid: boolean
  telling: Telling | null
  /** When the site first answered that it has the payment, on the wall. */
  takenAt: number | null
}

export type Payers = {
  bills: Map<string, Bill>
  /** True notifications by what became of them, and forged ones. */
  notifications: { taken: number; faults: number; lost: number; forged: number }
  /** Answers to notifications that can never be right. */
  problems: string[]
  /** Lets every payer finish; the gateway behaves from then on. */
  stop: () => Promise<void>
}

const LOOK_EVERY_MS = 25
const PAID_SHARE = 0.7
const GIVE_UP_MS = 20_000
const DOWN_WITHIN_MS = 4_000

const FORGERIES: readonly Mutation[] = [
  'empty-key',
  'other-key',
  'missing-sign',
  'tampered-money',
  'wrong-pid',
  'money-more',
  'money-less',
  'repeated-money',
  'trade-closed',
  'unknown-order',
]

type World = { machine: Machine; standIn: EpayStandIn; payers: Payers; isOver: () => boolean }

/** Watches the stand-in's orders, and lets payers and gateway do what they do. */
export function startPayers(machine: Machine, standIn: EpayStandIn, seed: number): Payers {
  let stopping = false
  const under: Promise<void>[] = []
  const payers: Payers = {
    bills: new Map(),
    notifications: { taken: 0, faults: 0, lost: 0, forged: 0 },
    problems: [],
    stop: async () => {
      stopping = true
      await Promise.all(loops)
      await Promise.all(under)
    },
  }
  keepOneOrderPerNumber(standIn)
  const world: World = { machine, standIn, payers, isOver: () => stopping }
  const loops = [watchOrders(world, under, seed), changeMoods(world, createRandom(seed * 3_000))]
  return payers
}

/** As an epay does: the stand-in would begin an order again, unpaid, that is opened a second time under its number. */
function keepOneOrderPerNumber({ orders }: EpayStandIn): void {
  const keep = orders.set.bind(orders)
  orders.set = (number, order) => keep(number, orders.get(number) ?? order)
}

async function watchOrders(world: World, under: Promise<void>[], seed: number): Promise<void> {
  const { standIn, payers, isOver } = world
  let seen = 0
  for (let isLast = false; !isLast; ) {
    isLast = isOver()
    for (const { path, form } of standIn.requests.slice(seen)) {
      seen += 1
      if (path !== '/mapi.php') continue
      const bill = openBill(payers, form)
      if (!standIn.orders.has(bill.tradeNumber)) payers.problems.push(`no order for ${JSON.stringify(form)}`)
      else if (bill.openedAt.length === 1) {
        under.push(settleBill(world, bill, createRandom(seed * 4_000 + payers.bills.size)))
      }
    }
    await sleep(LOOK_EVERY_MS)
  }
}

function openBill({ bills }: Payers, form: Record<string, string>): Bill {
  const { out_trade_no: tradeNumber = '', money = '' } = form
  const fresh: Bill = {
    tradeNumber,
    money,
    openedAt: [],
    isPaid: false,
    telling: null,
    takenAt: null,
  }
  const bill = bills.get(tradeNumber) ?? fresh
  bill.openedAt.push(performance.now())
  bills.set(tradeNumber, bill)
  return bill
}

/** Slow answers make time for kills between an order and its acknowledgement; cut ones leave it in doubt. */
async function changeMoods({ standIn, isOver }: World, random: Random): Promise<void> {
  while (!isOver()) {
    const roll = random.next()
    standIn.misbehaves(roll < 0.2 ? 'cut' : roll < 0.6 ? 'slow' : null)
    const lastsMs = roll < 0.2 ? 500 : random.integer(500, 2_000)
    for (let waited = 0; waited < lastsMs && !isOver(); waited += 50) await sleep(50)
  }
  standIn.misbehaves(null)
}

async function settleBill(world: World, bill: Bill, random: Random): Promise<void> {
  const { standIn } = world
  await sleep(random.integer(0, 1_500))
  if (!random.chance(PAID_SHARE)) {
    if (random.chance(0.4)) await forge(world, bill, random, random.integer(1, 3))
    return
  }
  standIn.pay(bill.tradeNumber)
  bill.isPaid = true
  bill.telling = random.pick(['once', 'many times', 'among forgeries', 'while the api is down', 'never'])
  await tellInItsWay(world, bill, random)
}

async function tellInItsWay(world: World, bill: Bill, random: Random): Promise<void> {
  const several = (times: number): Promise<unknown> =>
    Promise.all(Array.from({ length: times }, () => tell(world, bill, random)))
  if (bill.telling === 'once') await several(1)
  if (bill.telling === 'many times') {
    await several(random.integer(2, 10))
    await sleep(random.integer(0, 2_000))
    await several(random.integer(1, 5))
  }
  if (bill.telling === 'among forgeries') {
    await Promise.all([forge(world, bill, random, random.integer(1, 4)), several(random.integer(1, 3))])
  }
  if (bill.telling === 'while the api is down' && (await waitUntilDown(world))) await several(1)
}

async function waitUntilDown({ machine, isOver }: World): Promise<boolean> {
  const isDown = (): boolean => machine.units.some(({ role, readyAt }) => role === 'api' && readyAt === null)
  for (let waited = 0; waited < DOWN_WITHIN_MS && !isDown() && !isOver(); waited += 20) await sleep(20)
  return isDown()
}

/** One true notification. Once the site says that it took it, the credit must be on record. */
async function tell(world: World, bill: Bill, random: Random): Promise<void> {
  const { notifications, problems } = world.payers
  const answer = await send(world, bill, random)
  if (answer === null) notifications.lost += 1
  else if (isTaken(answer)) {
    notifications.taken += 1
    bill.takenAt ??= Date.now()
  } else {
    notifications.faults += 1
    if (answer.status < 500)
      problems.push(`a payment of ${bill.tradeNumber} was answered ${answer.status} ${answer.body}`)
  }
}

async function forge(world: World, bill: Bill, random: Random, times: number): Promise<void> {
  const { notifications, problems } = world.payers
  for (let number = 0; number < times; number += 1) {
    const mutate = random.pick(FORGERIES)
    notifications.forged += 1
    const answer = await send(world, bill, random, mutate)
    if (answer !== null && isTaken(answer))
      problems.push(`a notification with ${mutate} of ${bill.tradeNumber} was taken`)
  }
}

function isTaken({ status, body }: { status: number; body: string }): boolean {
  return status === 200 && body === 'success'
}

async function send(
  { standIn }: World,
  bill: Bill,
  random: Random,
  mutate?: Mutation,
): Promise<{ status: number; body: string } | null> {
  const method = random.pick(['GET', 'POST'] as const)
  const answers = standIn.notify(bill.tradeNumber, { method, ...(mutate && { mutate }) }).catch(() => [])
  const [answer = null] = await Promise.race([answers, sleep(GIVE_UP_MS, [], { ref: false })])
  return answer
}
