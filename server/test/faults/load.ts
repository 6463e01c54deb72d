import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { adjust, type Newcomer, tryToRegister, type User } from './accounts.ts'
import type { Answer, Client } from './client.ts'
import type { Machine } from './machine.ts'
import { createRandom, type Random } from './random.ts'

/** What the price list says a picture costs. */
export const PRICE = 20

/** How a purchase ended, as its buyer was told. */
export type Outcome =
  | { state: 'completed'; taskId: string; imageUrl: string; tokenConsumed: number }
  | { state: 'failed'; taskId: string; code: number }
  | { state: 'refused'; code: number }

/** One picture that somebody wants, however often it is asked for. */
export type Purchase = {
  user: User
  key: string | null
  body: { prompt: string; size: string; seed: number }
  outcome: Outcome | null
  /** Requests made for it, and how many of them got no final answer. */
  asked: number
  unanswered: number
  tookMs: number
  file: { bytes: number; sha256: string } | null
}

/** A statement row as it was shown, by its id. */
export type ShownRow = { id: number; type: string; amount: number; balance: number; taskId: string | null }

/** Everything the site has acknowledged. It may never take any of it back. */
export type Journal = {
  users: User[]
  purchases: Purchase[]
  replays: number
  /** Balances in the order in which each user read them. */
  balances: Map<User, number[]>
  rows: Map<User, Map<number, ShownRow>>
  newcomers: Newcomer[]
  adjustments: { user: User; amount: number; key: string; tries: number; done: boolean; words: string }[]
  /** Answers that contradict an earlier one, or that no kill can explain. */
  contradictions: string[]
}

export type Load = {
  journal: Journal
  /** Lets everybody finish what they have begun. */
  stop: () => Promise<void>
}

const ANSWER_WITHIN_MS = 90_000
const SIZES = ['64x64', '96x64', '64x96', '128x64', '128x128'] as const
/** Large enough that some pictures are always under way when a worker dies. */
const LARGE_SIZES = ['512x512', '768x512'] as const
const LARGE_SHARE = 0.2
const ADJUSTMENT = 40

/** Lets every user buy pictures and look at their account, an operator give credits, and newcomers register. */
export function startLoad(
  machine: Machine,
  client: Client,
  options: { users: User[]; poor: User; seed: number },
): Load {
  const journal: Journal = {
    users: options.users,
    purchases: [],
    replays: 0,
    balances: new Map(options.users.map((user) => [user, []])),
    rows: new Map(options.users.map((user) => [user, new Map()])),
    newcomers: [],
    adjustments: [],
    contradictions: [],
  }
  let stopping = false
  const isOver = (): boolean => stopping
  const everybody = [
    ...options.users.map((user, index) =>
      live({ client, journal, user, random: createRandom(options.seed * 1_000 + index), isOver }),
    ),
    operate(machine, journal, options.poor, isOver),
    receive(machine, client, journal, options.seed, isOver),
  ]
  return {
    journal,
    stop: async () => {
      stopping = true
      await Promise.all(everybody)
    },
  }
}

type Buyer = { client: Client; journal: Journal; user: User; random: Random; isOver: () => boolean }

async function live(buyer: Buyer): Promise<void> {
  const { random, isOver } = buyer
  for (let number = 1; !isOver(); number += 1) {
    const roll = random.next()
    if (roll < 0.6) await buyWithKey(buyer, number)
    else if (roll < 0.75) await buyOnce(buyer, number)
    else if (roll < 0.85) await replay(buyer)
    else await look(buyer)
    await sleep(random.integer(30, 350))
  }
}

function want(buyer: Buyer, number: number, key: string | null): Purchase {
  const { user, random, journal } = buyer
  const purchase: Purchase = {
    user,
    key,
    body: {
      prompt: `a small boat on a lake, number ${number} of ${user.username}`,
      size: random.pick(random.chance(LARGE_SHARE) ? LARGE_SIZES : SIZES),
      seed: random.integer(1, 1_000_000),
    },
    outcome: null,
    asked: 0,
    unanswered: 0,
    tookMs: 0,
    file: null,
  }
  journal.purchases.push(purchase)
  return purchase
}

/** Asks with one key until there is a final answer: after lost connections, faults, and its own impatience. */
async function buyWithKey(buyer: Buyer, number: number): Promise<void> {
  const { random, user } = buyer
  const purchase = want(buyer, number, `${user.username}-${number}`)
  const startedAt = performance.now()
  while (purchase.outcome === null && performance.now() - startedAt < ANSWER_WITHIN_MS) {
    const timeoutMs = random.chance(0.1) ? random.integer(10, 300) : undefined
    // An impatient front-end sends the same order twice at the same moment.
    const requests = random.chance(0.1) ? 2 : 1
    await Promise.all(Array.from({ length: requests }, () => ask(buyer, purchase, timeoutMs)))
    if (purchase.outcome === null) await sleep(random.integer(100, 500))
  }
  purchase.tookMs = performance.now() - startedAt
  await keepFile(buyer, purchase)
}

/** Asks once without a key: what is lost stays unknown, since another request would be another purchase. */
async function buyOnce(buyer: Buyer, number: number): Promise<void> {
  const startedAt = performance.now()
  const purchase = want(buyer, number, null)
  await ask(buyer, purchase)
  purchase.tookMs = performance.now() - startedAt
  await keepFile(buyer, purchase)
}

async function ask(buyer: Buyer, purchase: Purchase, timeoutMs?: number): Promise<void> {
  const { client, journal } = buyer
  purchase.asked += 1
  const answer = await requestPicture(client, purchase, timeoutMs)
  const outcome = readOutcome(journal, purchase, answer)
  if (outcome === null) {
    purchase.unanswered += 1
    return
  }
  // A refusal is not kept: the same key may be bought with later.
  if (purchase.outcome === null || purchase.outcome.state === 'refused') {
    purchase.outcome = outcome
    return
  }
  if (outcome.state !== 'refused') compare(journal, purchase, outcome)
}

/** Sends the request of a purchase as it was sent before. */
export function requestPicture(
  client: Client,
  purchase: Purchase,
  timeoutMs = ANSWER_WITHIN_MS,
): Promise<Answer> {
  const { user, key, body } = purchase
  return client.call('POST', '/generate/image', { token: user.token, key, body, timeoutMs })
}

/** What an answer says for good; null for one after which the buyer must ask again. */
export function readOutcome(journal: Journal, purchase: Purchase, answer: Answer): Outcome | null {
  if (answer.kind === 'lost' || answer.status >= 429) return null
  const { code, data } = answer
  const taskId = String(data?.taskId ?? '')
  if (answer.success) {
    const imageUrl = String(data?.image_url)
    return { state: 'completed', taskId, imageUrl, tokenConsumed: Number(data?.tokenConsumed) }
  }
  if (code === 1301) return { state: 'refused', code }
  if (code === 1502 || code === 1504) {
    return answer.message.includes('仍在进行中') ? null : { state: 'failed', taskId, code }
  }
  journal.contradictions.push(`${nameOf(purchase)} was answered ${code} ${answer.message}`)
  return null
}

/** Two final answers to one key must be one answer. */
export function compare(journal: Journal, purchase: Purchase, outcome: Outcome): void {
  const [before, now] = [purchase.outcome, outcome].map((one) => JSON.stringify(one))
  if (before !== now) journal.contradictions.push(`${nameOf(purchase)} was answered ${before}, then ${now}`)
}

export function nameOf(purchase: Purchase): string {
  return purchase.key ?? `a purchase without a key (${purchase.body.prompt})`
}

async function keepFile(buyer: Buyer, purchase: Purchase): Promise<void> {
  if (purchase.outcome?.state !== 'completed') return
  const file = await buyer.client.file(purchase.outcome.imageUrl)
  if (file === null) return
  if (file.status !== 200 || !isPicture(file.bytes, purchase.body.size)) {
    buyer.journal.contradictions.push(
      `the picture of ${nameOf(purchase)} was answered ${file.status} with ${file.bytes.length} bytes`,
    )
    return
  }
  purchase.file = { bytes: file.bytes.length, sha256: hash(file.bytes) }
}

/** Whether the bytes are a whole PNG of this size. */
export function isPicture(bytes: Buffer, size: string): boolean {
  if (bytes.length < 57 || bytes.toString('latin1', 1, 4) !== 'PNG') return false
  const isWhole = bytes.toString('latin1', bytes.length - 8, bytes.length - 4) === 'IEND'
  return isWhole && `${bytes.readUInt32BE(16)}x${bytes.readUInt32BE(20)}` === size
}

export function hash(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Asks again for something bought before; it must be the same, and cost nothing. */
async function replay({ client, journal, user, random }: Buyer): Promise<void> {
  const bought = journal.purchases.filter((one) => one.user === user && one.key !== null && isBought(one))
  if (bought.length === 0) return
  const purchase = random.pick(bought)
  const outcome = readOutcome(journal, purchase, await requestPicture(client, purchase))
  if (outcome === null) return
  journal.replays += 1
  compare(journal, purchase, outcome)
}

export function isBought(purchase: Purchase): boolean {
  return purchase.outcome?.state === 'completed'
}

async function look({ client, journal, user, random }: Buyer): Promise<void> {
  const { token } = user
  const what = random.pick(['balance', 'statement', 'status'])
  if (what === 'balance') {
    const answer = await client.call('GET', '/token/balance', { token })
    if (answer.kind === 'reply' && answer.success)
      journal.balances.get(user)?.push(Number(answer.data?.balance))
    return
  }
  if (what === 'statement') {
    const rows = await readRows(client, user, 1, 20)
    if (rows) for (const row of rows.rows) keepRow(journal, user, row)
    return
  }
  const bought = journal.purchases.filter((one) => one.user === user && isBought(one))
  if (bought.length > 0) await checkStatus(client, journal, random.pick(bought))
}

/** Asks after the task of a purchase. @returns false when there was no answer. */
export async function checkStatus(client: Client, journal: Journal, purchase: Purchase): Promise<boolean> {
  const { outcome, user } = purchase
  if (outcome === null || outcome.state === 'refused') return true
  const answer = await client.call('GET', `/generate/status/${outcome.taskId}`, { token: user.token })
  if (answer.kind === 'lost' || answer.status >= 429) return false
  const shown = [answer.data?.taskId, answer.data?.status, answer.data?.resultUrl]
  const expected = [outcome.taskId, outcome.state, outcome.state === 'completed' ? outcome.imageUrl : null]
  if (shown.join() !== expected.join()) {
    journal.contradictions.push(
      `the status of ${nameOf(purchase)} is ${shown.join(' ')} (${answer.code} ${answer.message}), not ${expected.join(' ')}`,
    )
  }
  return true
}

type Shown = { id: number; type: string; amount: number; balance: number; metadata: { taskId?: string } }

/** One page of a user's statement, newest first, or null without an answer. */
export async function readRows(
  client: Client,
  user: User,
  page: number,
  limit: number,
): Promise<{ rows: ShownRow[]; total: number } | null> {
  const path = `/token/transactions?page=${page}&limit=${limit}`
  const answer = await client.call('GET', path, { token: user.token })
  if (answer.kind === 'lost' || !answer.success) return null
  const data = answer.data as { transactions: Shown[]; pagination: { total: number } }
  const rows = data.transactions.map(({ id, type, amount, balance, metadata }) => ({
    id,
    type,
    amount,
    balance,
    taskId: metadata.taskId ?? null,
  }))
  return { rows, total: data.pagination.total }
}

/** Remembers a row; one that was shown differently before is a contradiction. */
export function keepRow(journal: Journal, user: User, row: ShownRow): void {
  const rows = journal.rows.get(user)
  const [before, now] = [rows?.get(row.id), row].map((one) => JSON.stringify(one))
  if (before !== undefined && before !== now) {
    journal.contradictions.push(`a statement row of ${user.username} was ${before} and is ${now}`)
  }
  rows?.set(row.id, row)
}

/** Gives the poor user credits now and then: each adjustment is tried with its key until it succeeds. */
async function operate(machine: Machine, journal: Journal, poor: User, isOver: () => boolean): Promise<void> {
  for (let number = 1; !isOver(); number += 1) {
    const adjustment = {
      user: poor,
      amount: ADJUSTMENT,
      key: `adjustment-${number}`,
      tries: 0,
      done: false,
      words: '',
    }
    journal.adjustments.push(adjustment)
    const startedAt = performance.now()
    while (!adjustment.done && performance.now() - startedAt < ANSWER_WITHIN_MS) {
      adjustment.tries += 1
      const { code, output } = await adjust(machine, poor, ADJUSTMENT, adjustment.key)
      adjustment.done = code === 0
      adjustment.words = output.slice(-500)
      if (!adjustment.done) await sleep(300)
    }
    if (adjustment.done) poor.granted += ADJUSTMENT
    for (let waited = 0; waited < 5_000 && !isOver(); waited += 100) await sleep(100)
  }
}

/** Somebody new about every two seconds. */
async function receive(
  machine: Machine,
  client: Client,
  journal: Journal,
  seed: number,
  isOver: () => boolean,
): Promise<void> {
  for (let number = 1; !isOver(); number += 1) {
    journal.newcomers.push(await tryToRegister(machine, client, `newcomer-${seed}-${number}`))
    for (let waited = 0; waited < 2_000 && !isOver(); waited += 100) await sleep(100)
  }
}
