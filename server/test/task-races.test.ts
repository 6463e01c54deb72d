import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { plaza } from '../src/dialects/plaza/dialect.ts'
import type { Context } from '../src/kernel/context.ts'
import { KernelError } from '../src/kernel/errors.ts'
import { advanceTask } from '../src/kernel/generation/advance.ts'
import { cancelTask } from '../src/kernel/generation/cancel.ts'
import { claimTasks } from '../src/kernel/generation/claim.ts'
import { submitTask } from '../src/kernel/generation/submit.ts'
import { sweepTasks } from '../src/kernel/generation/sweep.ts'
import { readTaskById } from '../src/kernel/generation/task.ts'
import { units } from '../src/kernel/money.ts'
import { readBalance } from '../src/kernel/wallet/balance.ts'
import { verifyLedger } from '../src/kernel/wallet/verify.ts'
import type { TestSite } from './build-site.ts'
import { buildSite } from './build-site.ts'
import { withoutQuotas } from './contracts/stage.ts'
import { createUser, pictureOf } from './factories.ts'
import type { FakeProvider } from './fakes/provider.ts'
import { createFakeProvider, donePictures } from './fakes/provider.ts'
import type { LiveClient } from './live-client.ts'
import { connect, eventually } from './live-client.ts'

// `npm run test:races` runs a thousand rounds; one in ten is enough to see that they still can be run.
const ROUNDS = Number(process.env.RACES ?? 100)
const PRICE = units(10)

type Contender = 'cancel' | 'finish' | 'deadline' | 'second sweep'
const CONTENDERS: readonly Contender[] = ['cancel', 'finish', 'deadline', 'second sweep']

let site: TestSite
let provider: FakeProvider
/** The worker and the second sweeper are in another process than the owner, the first sweeper and the socket. */
let elsewhere: Context
before(async () => {
  provider = createFakeProvider()
  const limits = Object.fromEntries(
    ['auth', 'generate', 'read', 'write'].map((rate) => [rate, { points: 1_000_000, perSeconds: 60 }]),
  ) as never
  site = await buildSite({
    dialect: plaza,
    providers: [provider],
    preset: { limits, ...withoutQuotas(plaza.preset) },
  })
  elsewhere = await site.another()
})
after(() => site.close())

/**
 * When each contender sets off, in ms. Whoever wins starts later from then on, so that all of them keep meeting at the
 * row, whatever the machine is doing.
 */
function createStarts() {
  const startMs: Record<Contender, number> = { cancel: 3, finish: 0, deadline: 3, 'second sweep': 3 }
  return {
    of: (contender: Contender): number => Math.max(0, startMs[contender]) + Math.random() * 2,
    won: (winner: Contender): void => {
      for (const one of CONTENDERS) startMs[one] += one === winner ? 0.75 : -0.25
      const first = Math.min(...Object.values(startMs))
      for (const one of CONTENDERS) startMs[one] = Math.min(12, startMs[one] - Math.min(0, first))
    },
  }
}

type Outcome = { handle: string; winner: Contender; state: string }

async function race(accountId: bigint, starts: ReturnType<typeof createStarts>): Promise<Outcome> {
  const { context } = site
  const { taskId } = await submitTask(context, { accountId }, pictureOf('竞争'))
  const { handle } = await readTaskById(context, { accountId }, taskId)
  const [claimed] = await claimTasks(elsewhere, 'racer', 1, 60_000)
  assert.equal(claimed?.id, taskId)
  await context.db.pool.query(`update task set deadline = now() - interval '1 second' where id = $1`, [
    taskId,
  ])
  provider.next.push(async () => {
    await sleep(starts.of('finish'))
    return donePictures()
  })
  const cancel = async (): Promise<boolean> => {
    await sleep(starts.of('cancel'))
    try {
      await cancelTask(context, { accountId }, handle)
      return true
    } catch (error) {
      assert.ok(error instanceof KernelError && error.code === 'task_not_cancelable', String(error))
      return false
    }
  }
  const sweep = async (contender: Contender, by: Context): Promise<boolean> => {
    await sleep(starts.of(contender))
    const { ended, forgotten } = await sweepTasks(by)
    assert.equal(forgotten, 0, 'no hold is ever left behind')
    return ended === 1
  }
  const [canceled, first, second] = await Promise.all([
    cancel(),
    sweep('deadline', context),
    sweep('second sweep', elsewhere),
    advanceTask(elsewhere, claimed, new AbortController().signal),
  ])
  const { state, charged, failure } = await readTaskById(context, { accountId }, taskId)
  const finished = state === 'succeeded'
  const winners = CONTENDERS.filter((_one, index) => [canceled, finished, first, second][index])
  assert.equal(winners.length, 1, `${winners.join(' and ') || 'nobody'} ended ${handle}, which is ${state}`)
  const winner = winners[0] as Contender
  assert.equal(state, { cancel: 'canceled', finish: 'succeeded' }[winner as string] ?? 'failed')
  assert.equal(failure, first || second ? 'deadline' : null)
  assert.equal(charged, finished ? PRICE : 0n)

  const { rows: entries } = await context.db.pool.query<{ kind: string; amount: bigint }>(
    'select kind, amount from entry where task_id = $1 order by id',
    [taskId],
  )
  assert.deepEqual(
    entries.map(({ kind, amount }) => [kind, amount]),
    [
      ['hold', PRICE],
      [finished ? 'capture' : 'release', PRICE],
    ],
    'what was set aside is captured or released, once and whole',
  )
  starts.won(winner)
  return { handle, winner, state }
}

function assertToldOnce(client: LiveClient, { handle, state }: Outcome): void {
  const ends = client.of(handle).filter(({ type }) => type !== 'task_progress')
  assert.deepEqual(
    ends.map(({ type }) => type),
    [state === 'succeeded' ? 'task_complete' : 'task_failed'],
    handle,
  )
  assert.equal(client.of(handle).at(-1), ends[0], 'nothing is told after the end')
}

test(`cancel, finish, deadline and a second sweep race ${ROUNDS} times: one outcome, one refund at most`, async (t) => {
  const user = await createUser(site.context, units(10 * ROUNDS))
  const client = await connect(site, user.token)
  const starts = createStarts()
  const outcomes: Outcome[] = []
  for (let round = 0; round < ROUNDS; round += 1) outcomes.push(await race(user.accountId, starts))

  await eventually(
    () => outcomes.every(({ handle }) => client.of(handle).at(-1)?.type !== 'task_progress'),
    'every end',
  )
  await sleep(200)
  for (const outcome of outcomes) assertToldOnce(client, outcome)

  const won = (winner: Contender): number => outcomes.filter((one) => one.winner === winner).length
  t.diagnostic(CONTENDERS.map((one) => `${one} ${won(one)}`).join(', '))
  // A contender that never wins was never in the race.
  for (const one of CONTENDERS) assert.ok(won(one) >= ROUNDS / 50, `${one} won ${won(one)} of ${ROUNDS}`)

  const { available, held, spent } = await readBalance(site.context, user)
  const paid = BigInt(won('finish')) * PRICE
  assert.deepEqual([available, held, spent], [units(10 * ROUNDS) - paid, 0n, paid])
  assert.deepEqual(await verifyLedger(site.context), [])
  client.socket.close()
})
