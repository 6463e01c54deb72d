import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { BONUS, type User } from './accounts.ts'
import type { Client } from './client.ts'
import {
  checkStatus,
  compare,
  hash,
  isBought,
  isPicture,
  type Journal,
  keepRow,
  nameOf,
  PRICE,
  readOutcome,
  readRows,
  requestPicture,
  type ShownRow,
} from './load.ts'
import { type Machine, SITE } from './machine.ts'
import { boughtTokens, checkPayments, type Payments, readOrders } from './payment-checks.ts'

/** One thing that must hold: what was looked at, in figures, and everything that is wrong. */
export type Check = { name: string; figures: string; problems: string[] }

/** The lease of a task, and what a busy machine may add. */
export const LEASE_MS = 10_000
export const GRACE_MS = 5_000
const CREDITS = 10_000

type Scene = {
  machine: Machine
  client: Client
  journal: Journal
  database: pg.Client
  /** Null when nobody pays. */
  payments: Payments | null
}

type TaskRow = {
  handle: string
  email: string
  state: string
  charged: number
  key: string | null
  bytes: number | null
}

/** Asks the site and its database for everything that was acknowledged. Nothing is being killed any more. */
export async function checkEverything(scene: Scene): Promise<Check[]> {
  const tasks = await readTasks(scene.database)
  const statements = new Map<User, ShownRow[]>()
  for (const user of scene.journal.users) statements.set(user, await readStatement(scene, user))
  return [
    await checkPurchases(scene, tasks, statements),
    await checkFiles(scene, tasks),
    await checkKeys(scene, tasks),
    await checkQueue(scene.database),
    await checkHolds(scene.database),
    await checkBalances(scene, tasks, statements),
    await checkNewcomers(scene),
    ...(scene.payments ? await checkPayments({ ...scene, payments: scene.payments }) : []),
    await checkBooks(scene.machine),
  ]
}

const readTasksText = `select t.handle, a.email, t.state, (t.charged / ${CREDITS})::float8 as charged, i.key,
    (select f.bytes::float8 from file f join work w on w.id = f.work_id where w.task_id = t.id and f.role = 'output') as bytes
  from task t join account a on a.id = t.account_id left join idempotency i on i.task_id = t.id`

async function readTasks(database: pg.Client): Promise<TaskRow[]> {
  return (await database.query<TaskRow>(readTasksText)).rows
}

async function readStatement({ client, journal }: Scene, user: User): Promise<ShownRow[]> {
  const all: ShownRow[] = []
  for (let page = 1; ; page += 1) {
    const answer = await insist(() => readRows(client, user, page, 100))
    all.push(...answer.rows)
    for (const row of answer.rows) keepRow(journal, user, row)
    if (all.length >= answer.total || answer.rows.length === 0) return all
  }
}

/** (1) Every acknowledged purchase is there in the state that was told, and on the statement exactly once. */
async function checkPurchases(
  { client, journal }: Scene,
  tasks: readonly TaskRow[],
  statements: ReadonlyMap<User, ShownRow[]>,
): Promise<Check> {
  const problems: string[] = []
  const byHandle = Map.groupBy(tasks, (task) => task.handle)
  const told = journal.purchases.filter(({ outcome }) => outcome !== null && outcome.state !== 'refused')
  await inParallel(told, async (purchase) => {
    const { outcome, user } = purchase
    if (outcome === null || outcome.state === 'refused') return
    const isDone = outcome.state === 'completed'
    await insist(async () => (await checkStatus(client, journal, purchase)) || null)
    const [task] = byHandle.get(outcome.taskId) ?? []
    const expected = isDone ? `succeeded ${PRICE} ${user.email}` : `failed 0 ${user.email}`
    const found = task ? `${task.state} ${task.charged} ${task.email}` : 'missing'
    if (found !== expected) problems.push(`task ${outcome.taskId} is ${found}, not ${expected}`)
    if (isDone && outcome.tokenConsumed !== PRICE)
      problems.push(`${outcome.taskId} cost ${outcome.tokenConsumed}`)
    const rows = (statements.get(user) ?? []).filter((row) => row.taskId === outcome.taskId)
    const shown = rows.map(({ type, amount }) => `${type} ${amount}`).sort()
    const wanted = [`IMAGE_GENERATION ${-PRICE}`, ...(isDone ? [] : [`REFUND ${PRICE}`])]
    if (shown.join() !== wanted.join())
      problems.push(`the statement has for ${outcome.taskId}: ${shown.join()}`)
  })
  problems.push(...strangersAmong(journal, tasks))
  const failed = told.filter(({ outcome }) => outcome?.state === 'failed').length
  const refused = journal.purchases.filter(({ outcome }) => outcome?.state === 'refused').length
  const figures = `${told.length} purchases acknowledged (${failed} of them failed and refunded), ${refused} refused, ${tasks.length} tasks`
  return { name: 'every acknowledged reply is still true', figures, problems }
}

/** Tasks that nobody can have asked for: more than purchases that were told or may have been lost. */
function strangersAmong(journal: Journal, tasks: readonly TaskRow[]): string[] {
  const told = new Set(
    journal.purchases.map(({ outcome }) => (outcome && 'taskId' in outcome ? outcome.taskId : '')),
  )
  const unexplained = tasks.filter(({ handle, key }) => key === null && !told.has(handle))
  const mayBeLost = journal.purchases.filter(({ key, outcome }) => key === null && outcome === null)
  if (unexplained.length <= mayBeLost.length) return []
  return [
    `${unexplained.length} tasks without a key were never told, but only ${mayBeLost.length} answers were lost`,
  ]
}

/** (1) Every picture is served with the bytes that were served before and that the database knows. */
async function checkFiles(
  { client, journal, machine, database }: Scene,
  tasks: readonly TaskRow[],
): Promise<Check> {
  const problems: string[] = []
  const bytesOf = new Map(tasks.map(({ handle, bytes }) => [handle, bytes]))
  let bytes = 0
  const bought = journal.purchases.filter(isBought)
  await inParallel(bought, async ({ outcome, body, file }) => {
    if (outcome?.state !== 'completed') return
    const served = await insist(() => client.file(outcome.imageUrl))
    bytes += served.bytes.length
    const isRight = served.status === 200 && served.type === 'image/png' && isPicture(served.bytes, body.size)
    if (!isRight)
      problems.push(`the picture of ${outcome.taskId} is served as ${served.status} ${served.type}`)
    if (bytesOf.get(outcome.taskId) !== served.bytes.length) {
      problems.push(
        `the picture of ${outcome.taskId} has ${served.bytes.length} bytes, on record ${bytesOf.get(outcome.taskId)}`,
      )
    }
    if (file && file.sha256 !== hash(served.bytes))
      problems.push(`the picture of ${outcome.taskId} has changed`)
  })
  const { rows } = await database.query<{ store_key: string }>('select store_key from file')
  const stored = readdirSync(join(machine.dataDir, 'files', SITE), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.includes('.'))
    .map((path) => path.split('/').at(-1) ?? '')
  const onDisk = new Set(stored)
  for (const { store_key: key } of rows)
    if (!onDisk.has(key)) problems.push(`the file ${key} is not in the store`)
  const known = new Set(rows.map((row) => row.store_key))
  const loose = stored.filter((name) => !known.has(name))
  const parts = loose.filter((name) => name.endsWith('.part')).length
  const figures = `${bought.length} pictures, ${bytes} bytes; files that no row knows: ${loose.length - parts} whole, ${parts} half-written`
  return { name: 'every picture is served', figures, problems }
}

/** (1) One key, one task; and the key still answers with it. */
async function checkKeys({ client, journal }: Scene, tasks: readonly TaskRow[]): Promise<Check> {
  const problems: string[] = []
  const byKey = Map.groupBy(
    tasks.filter(({ key }) => key !== null),
    ({ email, key }) => `${email} ${key}`,
  )
  const keyed = journal.purchases.filter(({ key }) => key !== null)
  let replayed = 0
  await inParallel(keyed, async (purchase) => {
    const found = byKey.get(`${purchase.user.email} ${purchase.key}`) ?? []
    const { outcome } = purchase
    if (outcome === null) {
      problems.push(`${nameOf(purchase)} never got a final answer (${purchase.asked} requests)`)
      return
    }
    if (outcome.state === 'refused') {
      // A request that its client had given up may still have been carried out, later than the refusal.
      if (found.length > 0 && purchase.unanswered === 0)
        problems.push(`${nameOf(purchase)} was refused and has a task`)
      return
    }
    if (found.length !== 1 || found[0]?.handle !== outcome.taskId) {
      problems.push(
        `${nameOf(purchase)} has ${found.length} tasks: ${found.map(({ handle }) => handle).join()}`,
      )
    }
    const again = await insist(async () =>
      readOutcome(journal, purchase, await requestPicture(client, purchase)),
    )
    compare(journal, purchase, again)
    replayed += 1
  })
  const before = new Set(tasks.map(({ key, email }) => `${email} ${key}`))
  if (byKey.size > before.size) problems.push('keys without purchases')
  return {
    name: 'every idempotency key has exactly one task',
    figures: `${keyed.length} keys, ${byKey.size} with a task, ${replayed} asked once more and answered the same`,
    problems,
  }
}

/** (2) Nothing waits past its lease, nothing is past its deadline. */
async function checkQueue(database: pg.Client): Promise<Check> {
  const { rows } = await database.query<{
    handle: string
    state: string
    age: number
    late: boolean
    worker: string
  }>(
    `select handle, state, worker, extract(epoch from now() - created_at)::float8 as age, deadline < now() as late
     from task where state in ('queued', 'running', 'unknown')`,
  )
  const problems = rows
    .filter(({ age, late }) => late || age * 1_000 > LEASE_MS + GRACE_MS)
    .map(
      ({ handle, state, age, worker }) =>
        `task ${handle} has been ${state} for ${age.toFixed(1)} s (${worker})`,
    )
  const { rows: took } = await database.query<{
    longest: number
    attempts: number
    lost: number
    retried: number
  }>(
    `select coalesce(max(extract(epoch from finished_at - created_at)), 0)::float8 as longest,
       max(attempts) as attempts, count(*) filter (where attempts > 1)::int as retried,
       (select count(*)::int from attempt where state = 'abandoned') as lost from task`,
  )
  const [sum] = took
  const figures = `${rows.length} open; ${sum?.lost} attempts lost with their worker, ${sum?.retried} tasks tried again (at most ${sum?.attempts} times), the slowest took ${sum?.longest.toFixed(1)} s`
  return { name: 'no task is stuck past its lease', figures, problems }
}

/** (3) Every hold is resolved once, as its task ended. */
async function checkHolds(database: pg.Client): Promise<Check> {
  const { rows } = await database.query<{
    hold: string
    state: string
    task: string
    entries: number
    taken: number
  }>(
    `select h.id as hold, h.state, t.state as task,
       (select count(*)::int from entry e where e.effect = 'resolve:' || h.id) as entries,
       (select count(*)::int from entry e where e.effect = 'hold:' || h.id) as taken
     from hold h join task t on t.id = h.task_id`,
  )
  const RIGHT = new Set(['captured succeeded 1 1', 'released failed 1 1', 'released canceled 1 1'])
  const problems = rows
    .map(({ hold, state, task, entries, taken }) => ({ hold, is: `${state} ${task} ${entries} ${taken}` }))
    .filter(({ is }) => !RIGHT.has(is))
    .map(({ hold, is }) => `hold ${hold} (state, task, resolutions, takings): ${is}`)
  const captured = rows.filter(({ state }) => state === 'captured').length
  const released = rows.filter(({ state }) => state === 'released').length
  const figures = `${rows.length} holds, ${captured} captured, ${released} released, ${rows.length - captured - released} open`
  return { name: 'every hold is resolved once', figures, problems }
}

/** (4) What the API says adds up: granted and bought less charged, every balance that was ever read, every row that was seen. */
async function checkBalances(
  { client, journal, database, payments }: Scene,
  tasks: readonly TaskRow[],
  statements: ReadonlyMap<User, ShownRow[]>,
): Promise<Check> {
  const problems: string[] = []
  let [granted, bought, charged, read] = [0, 0, 0, 0]
  const boughtBy = payments ? boughtTokens(await readOrders(database), payments) : new Map<string, number>()
  for (const user of journal.users) {
    const paid = tasks
      .filter(({ email }) => email === user.email)
      .reduce((sum, task) => sum + task.charged, 0)
    const own = boughtBy.get(user.email) ?? 0
    granted += user.granted
    bought += own
    charged += paid
    const answer = await insist(async () => {
      const one = await client.call('GET', '/token/balance', { token: user.token })
      return one.kind === 'reply' && one.success ? one : null
    })
    const balance = Number(answer.data?.balance)
    if (balance !== user.granted + own - paid) {
      problems.push(
        `${user.username} has ${balance}, but was given ${user.granted}, bought ${own} and was charged ${paid}`,
      )
    }
    const rows = statements.get(user) ?? []
    const sum = rows.reduce((total, { amount }) => total + amount, 0)
    if (sum !== balance) problems.push(`the statement of ${user.username} adds up to ${sum}, not ${balance}`)
    const payments = rows.filter(({ type }) => type === 'PAYMENT')
    const shown = payments.reduce((total, { amount }) => total + amount, 0)
    if (shown !== own)
      problems.push(`the statement of ${user.username} has ${shown} for payments, not ${own}`)
    const ids = new Set(rows.map(({ id }) => id))
    const gone = [...(journal.rows.get(user)?.keys() ?? [])].filter((id) => !ids.has(id))
    if (gone.length > 0)
      problems.push(`${gone.length} statement rows of ${user.username} are gone: ${gone.join()}`)
    const readings = journal.balances.get(user) ?? []
    read += readings.length
    problems.push(...impossibleReadings(user, readings, rows))
  }
  problems.push(...adjustmentProblems(journal), ...(await walletProblems(database)))
  const figures = `granted ${granted} + bought ${bought} = charged ${charged} + left ${granted + bought - charged}; ${read} balances read on the way, ${journal.adjustments.length} adjustments`
  return { name: 'balances add up', figures, problems }
}

/** Each balance that was read must have been the balance at some moment, and those moments in this order. */
function impossibleReadings(user: User, readings: readonly number[], rows: readonly ShownRow[]): string[] {
  const history = [...rows].reverse().map(({ balance }) => balance)
  let place = 0
  for (const reading of readings) {
    while (place < history.length && history[place] !== reading) place += 1
    if (place === history.length)
      return [`${user.username} read a balance of ${reading}, which there never was then`]
  }
  return []
}

function adjustmentProblems(journal: Journal): string[] {
  return journal.adjustments
    .filter(({ done }) => !done)
    .map(({ key, tries, words }) => `${key} did not succeed in ${tries} tries: ${words}`)
}

async function walletProblems(database: pg.Client): Promise<string[]> {
  const { rows } = await database.query<{ email: string; wallet: string }>(
    `select a.email, w.granted || ' = ' || w.available || ' + ' || w.held || ' + ' || w.spent || ', charged ' || s.charged as wallet
     from wallet w join account a on a.id = w.account_id,
       lateral (select coalesce(sum(charged), 0) as charged from task t where t.account_id = a.id) s
     where w.granted <> w.available + w.held + w.spent or w.held <> 0 or w.spent <> s.charged or w.available < 0`,
  )
  return rows.map(({ email, wallet }) => `the wallet of ${email}: ${wallet}`)
}

/** Who was told to be registered can log in and has the bonus once; nobody is registered by half. */
async function checkNewcomers({ client, journal, database }: Scene): Promise<Check> {
  const problems = journal.newcomers.flatMap(({ email, problem }) =>
    problem ? [`${email}: ${problem}`] : [],
  )
  const registered = journal.newcomers.filter(({ told }) => told === 'registered')
  for (const { email, token } of registered) {
    const answer = await insist(async () => {
      const one = await client.call('GET', '/token/balance', { token: token ?? '' })
      return one.kind === 'reply' && one.status === 200 ? one : null
    })
    if (answer.data?.balance !== BONUS) problems.push(`${email} has ${JSON.stringify(answer)}`)
  }
  const { rows } = await database.query<{ email: string; bonuses: number }>(
    `select a.email, (select count(*)::int from entry e where e.account_id = a.id and e.kind = 'bonus') as bonuses
     from account a where a.role = 'user'`,
  )
  for (const { email, bonuses } of rows) if (bonuses !== 1) problems.push(`${email} has ${bonuses} bonuses`)
  const opened = new Set(rows.map(({ email }) => email))
  for (const { email } of registered) if (!opened.has(email)) problems.push(`${email} is gone`)
  return {
    name: 'registrations are whole',
    figures: `${journal.newcomers.length} tried while processes were killed, ${registered.length} were told that they are registered, ${rows.length} accounts`,
    problems,
  }
}

/** (4) The command that an accountant would run. */
async function checkBooks(machine: Machine): Promise<Check> {
  const { code, output } = await machine.atelier('ledger', 'verify', '--site', SITE)
  const problems =
    code === 0 && output.startsWith('The books are true') ? [] : [`ended with ${code}: ${output}`]
  return { name: 'atelier ledger verify', figures: output.split('\n')[0] ?? '', problems }
}

const INSIST_MS = 15_000

/** Everything is up, so every question must get its answer soon. */
async function insist<T>(question: () => Promise<T | null>): Promise<T> {
  const startedAt = performance.now()
  for (;;) {
    const answer = await question()
    if (answer !== null) return answer
    if (performance.now() - startedAt > INSIST_MS)
      throw new Error('the site does not answer, although nothing is being killed')
    await sleep(100)
  }
}

async function inParallel<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items]
  const one = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await act(item)
  }
  await Promise.all([one(), one(), one(), one()])
}
