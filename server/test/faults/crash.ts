// The crash test: kills Atelier and its PostgreSQL at random moments under load, and then asks for everything
// that was acknowledged. See README.md beside it.
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type EpayStandIn, startEpayStandIn } from '../gateways/epay-stand-in.ts'
import { grant, openUser, type User } from './accounts.ts'
import { type Check, checkEverything } from './checks.ts'
import { type Client, createClient } from './client.ts'
import { type Kill, killAtRandom, type Victim } from './kills.ts'
import { type Journal, startLoad } from './load.ts'
import { allReady, lastWords, type Machine, SITE, startMachine } from './machine.ts'
import { startPayers } from './payers.ts'
import { type OrderRow, type Payments, readOrders, settlePayments } from './payment-checks.ts'
import { createRandom } from './random.ts'
import { checkAnswers, checkProcesses, checkSchedule, checkStop, checkStuck, seconds } from './run-checks.ts'
import { startShoppers } from './shoppers.ts'
import { connect, startWatch, type Watched } from './watch.ts'

type Options = {
  kills: number
  seed: number
  users: number
  workers: number
  payments: boolean
  keep: boolean
}

const startedAt = performance.now()
const say = (line: string): void =>
  console.log(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(6)} s  ${line}`)

const SETTLE_WITHIN_MS = 60_000
const PLENTY = 50_000
/** From so many kills on, a run also waits for a job that runs by the clock, up to a minute. */
const LONG_RUN_KILLS = 20

async function main(options: Options): Promise<boolean> {
  const random = createRandom(options.seed)
  say(
    `seed ${options.seed}: ${options.kills} kills, ${options.users} users, 1 api, ${options.workers} workers`,
  )
  const epay = options.payments ? await startEpayStandIn() : null
  const { workers } = options
  const machine = await startMachine({ workers, random, environment: epay ? tellOf(epay) : {} })
  try {
    const { checks, summary } = await run(machine, epay, options)
    return report(checks, summary)
  } catch (error) {
    for (const { log, name } of machine.units) console.log(`the last words of ${name}: ${lastWords(log)}`)
    throw error
  } finally {
    await machine.clear({ keep: options.keep })
    await epay?.close()
    if (options.keep) say(`kept: ${machine.root}`)
  }
}

/** What makes the site's first start open a channel to the stand-in, which is on a private address. */
function tellOf({ url, pid, key }: EpayStandIn): Record<string, string> {
  return { EPAY_URL: url, EPAY_PID: pid, EPAY_KEY: key, OUTBOUND_ALLOW: '127.0.0.1/32' }
}

async function run(
  machine: Machine,
  epay: EpayStandIn | null,
  options: Options,
): Promise<{ checks: Check[]; summary: string }> {
  const random = createRandom(options.seed + 1)
  const client = createClient(machine.url)
  const { users, poor, prober } = await prepare(machine, client, options)
  say(`ready: ${machine.units.map(({ name, pid }) => `${name} ${pid}`).join(', ')}`)

  const watch = startWatch(machine, client, prober)
  const load = startLoad(machine, client, { users, poor, seed: options.seed })
  // The poor one keeps running out of credits, so it never buys any.
  const rich = users.filter((user) => user !== poor)
  const shoppers = epay && startShoppers(client, load.journal, rich, options.seed)
  const payers = epay && startPayers(machine, epay, options.seed)
  await sleep(1_000)
  const kills = await killAtRandom(machine, random, { kills: options.kills, say })
  say('the last kill; the load goes on for two seconds and ends')
  await sleep(2_000)
  await Promise.all([load.stop(), shoppers?.stop()])
  await payers?.stop()
  await allReady(machine)
  const pids = machine.units.map(({ pid }) => pid)
  const settledMs = await settle(machine, kills)
  await watch.stop()

  const database = await connect(machine)
  try {
    const { journal } = load
    const isLong = options.kills >= LONG_RUN_KILLS
    const payments = shoppers && payers && { wishes: shoppers.wishes, payers }
    if (payments) await settlePayments(database, payments, { isLong, say })
    const checks = await checkEverything({ machine, client, journal, database, payments })
    const orders = payments ? await readOrders(database) : []
    if (isLong) checks.push(await checkSchedule(database))
    checks.push(checkAnswers(journal, client, kills, watch.probes))
    checks.push(checkStuck(watch.watched, settledMs))
    await database.end()
    checks.push(checkProcesses(machine, pids, kills), await checkStop(machine))
    const words = [summarise(machine, kills, client, journal, watch.watched)]
    if (payments) words.push(summarisePayments(payments, orders))
    return { checks, summary: words.join('; ') }
  } finally {
    await database.end().catch(() => {})
  }
}

/** Registers everybody and raises the limits of requests, which are not what is tested here. */
async function prepare(
  machine: Machine,
  client: Client,
  options: Options,
): Promise<{ users: User[]; poor: User; prober: User }> {
  for (const limit of ['limit_generate', 'limit_read', 'limit_write']) {
    const value = '{"points":1000000,"perSeconds":60}'
    const { code, output } = await machine.atelier('admin', 'settings', 'set', limit, value, '--site', SITE)
    if (code !== 0) throw new Error(`${limit}: ${output}`)
  }
  const names = Array.from({ length: options.users }, (_, index) => `buyer-${index + 1}`)
  const users: User[] = []
  for (const name of names) users.push(await openUser(machine, client, name))
  const [poor, ...rich] = users
  if (!poor) throw new Error('--users must be at least 1')
  for (const user of rich) await grant(machine, user, PLENTY, `plenty-${user.username}`)
  return { users, poor, prober: await openUser(machine, client, 'prober') }
}

/** Waits until no task is open any more. @returns how long after everything was there again that was. */
async function settle(machine: Machine, kills: readonly Kill[]): Promise<number> {
  const lastKillAt = kills.at(-1)?.at ?? 0
  const thereSince = Math.max(lastKillAt, ...machine.units.map(({ readyAt }) => readyAt ?? 0))
  const since = performance.now()
  const database = await connect(machine)
  try {
    for (;;) {
      const { rows } = await database.query<{ open: number }>(
        `select count(*)::int as open from task where state in ('queued', 'running', 'unknown')`,
      )
      const now = performance.now()
      if (rows[0]?.open === 0 || now - since > SETTLE_WITHIN_MS) {
        say(`settled ${seconds(now - lastKillAt)} after the last kill, ${rows[0]?.open} tasks open`)
        return now - thereSince
      }
      await sleep(100)
    }
  } finally {
    await database.end()
  }
}

function summarise(
  machine: Machine,
  kills: readonly Kill[],
  client: Client,
  journal: Journal,
  watched: Watched,
): string {
  const victims: Victim[] = ['api', 'worker', 'postmaster', 'backend']
  const byVictim = victims.map(
    (victim) => `${kills.filter((kill) => kill.victim === victim).length} ${victim}`,
  )
  const acknowledged = journal.purchases.filter(({ outcome }) => outcome !== null).length
  const lost = [...client.traffic.lost.values()].reduce((total, one) => total + one, 0)
  const faults = [...client.traffic.faults.values()].reduce((total, one) => total + one, 0)
  return `${kills.length} kills (${byVictim.join(', ')}; ${kills.filter(({ together }) => together > 1).length} of them together), ${client.traffic.requests} requests, ${acknowledged} purchases acknowledged, ${journal.replays} replays, ${faults} faults, ${lost} without an answer, ${machine.selfEnds.length} ended by themselves, longest stuck ${seconds(watched.longestStuckMs)}`
}

function summarisePayments({ wishes, payers }: Payments, orders: readonly OrderRow[]): string {
  const acknowledged = wishes.filter(({ told }) => told !== null).length
  const paid = [...payers.bills.values()].filter(({ isPaid }) => isPaid).length
  const credited = orders.filter(({ entries }) => entries === 1)
  const byAsking = credited.filter((order) => order.settled_by === 'query').length
  const { taken, faults, lost, forged } = payers.notifications
  return `${acknowledged} orders acknowledged, ${payers.bills.size} at the gateway, ${paid} paid, ${credited.length} credited once (${byAsking} by asking the gateway), ${taken + faults + lost} notifications (${taken} taken, ${faults} answered with a fault, ${lost} lost) and ${forged} forged`
}

function report(checks: readonly Check[], summary: string): boolean {
  console.log('')
  for (const { name, figures, problems } of checks) {
    console.log(`${problems.length === 0 ? 'ok    ' : 'FAILED'}  ${name}: ${figures}`)
    for (const problem of problems.slice(0, 20)) console.log(`          - ${problem}`)
    if (problems.length > 20) console.log(`          - and ${problems.length - 20} more`)
  }
  const failed = checks.filter(({ problems }) => problems.length > 0)
  console.log(
    `\n${failed.length === 0 ? 'PASSED' : `FAILED (${failed.map(({ name }) => name).join('; ')})`}: ${summary}`,
  )
  return failed.length === 0
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string', default: '30' },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
      users: { type: 'string', default: '8' },
      workers: { type: 'string', default: '2' },
      'no-payments': { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
    },
  })
  const number = (name: 'kills' | 'seed' | 'users' | 'workers', least: number): number => {
    const value = Number(values[name])
    if (!Number.isInteger(value) || value < least)
      throw new Error(`--${name} takes a whole number from ${least}`)
    return value
  }
  return {
    kills: number('kills', 1),
    seed: number('seed', 0),
    users: number('users', 1),
    workers: number('workers', 1),
    payments: !values['no-payments'],
    keep: values.keep,
  }
}

process.exitCode = (await main(readOptions())) ? 0 : 1
