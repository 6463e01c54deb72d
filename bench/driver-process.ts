// The peers without HTTP, in a process of their own: the kernel's functions, and the same statements driven
// straight through `pg`.
import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { startTaskWorker } from '../server/src/jobs/task-worker.ts'
import { submitTask } from '../server/src/kernel/generation/submit.ts'
import { readTask } from '../server/src/kernel/generation/task.ts'
import { runTask } from '../server/src/kernel/generation/wait.ts'
import type { FileStore } from '../server/src/kernel/ports/file-store.ts'
import { verifyLedger } from '../server/src/kernel/wallet/verify.ts'
import type { Site } from '../server/src/site.ts'
import type { Place } from './bench-site.ts'
import { handOver, openSite } from './bench-site.ts'
import { answer, cpuMs } from './child.ts'
import type { Sample } from './closed-loop.ts'
import { closedLoop } from './closed-loop.ts'
import type { MoneyStatements, Recorded } from './record.ts'
import { recordStatements } from './record.ts'
import type { User } from './seed.ts'
import { PROMPT, seedUsers, submissionOf, userOf } from './seed.ts'

export type Loop =
  | 'kernel submit'
  | 'pg submit'
  | 'kernel status'
  | 'pg status'
  | 'kernel complete'
  | 'pg complete'
export type Drain =
  | 'worker, disk'
  | 'worker, no disk'
  | 'worker, disk, 512 px'
  | 'worker, no disk, 512 px'
  | 'pg'

type ClaimedRow = { id: string; generation: number; cost: string }

/** Tasks a site's worker has in hand at once, as in `main.ts`. */
const WORKER_CONCURRENCY = 32

let site: Site
let straight: pg.Pool
let statements: MoneyStatements
let users: User[]
let disk: FileStore['put']

const seedOf = (turn: number): number => (turn % 2_147_483_646) + 1

async function run<Row extends pg.QueryResultRow>(
  { what }: Recorded,
  values: readonly unknown[],
): Promise<Row[]> {
  return (await straight.query<Row>({ ...what, values: [...values] })).rows
}

async function submitStraight(
  user: User,
  handle = `img_${randomUUID()}`,
): Promise<{ handle: string; taskId: string }> {
  const [key, , , ...rest] = statements.submit.values
  const [row] = await run<{ outcome: string; task_id: string }>(statements.submit, [
    key,
    user.accountId,
    handle,
    ...rest,
  ])
  if (row?.outcome !== 'submitted') throw new Error(`submit answered ${row?.outcome}`)
  return { handle, taskId: row.task_id }
}

function claimStraight(take: number): Promise<ClaimedRow[]> {
  const [worker, , ...rest] = statements.claim.values
  return run<ClaimedRow>(statements.claim, [worker, take, ...rest])
}

async function finishStraight({ id, generation, cost }: ClaimedRow): Promise<void> {
  const [key, , , state, , failure, error, files, ...rest] = statements.finish.values
  // The files as the kernel writes them, under keys of this task.
  const stored = (JSON.parse(String(files)) as object[]).map((file, index) => ({
    ...file,
    store_key: `bench${id}x${index}.png`,
  }))
  const values = [key, id, generation, state, cost, failure, error, JSON.stringify(stored), ...rest]
  const [row] = await run<{ done: boolean }>(statements.finish, values)
  if (!row?.done) throw new Error(`task ${id} was not finished`)
}

/** Submit, claim, finish and read, with nothing between the statements but this. */
function openStraightPipeline(): (user: User) => Promise<void> {
  const waiting = new Map<string, () => void>()
  const ended = new Set<string>()
  let inHand = 0
  let due = 0
  let claiming = false
  const finish = async (row: ClaimedRow): Promise<void> => {
    await finishStraight(row)
    inHand -= 1
    const wake = waiting.get(row.id)
    if (wake) wake()
    else ended.add(row.id)
    void fill()
  }
  const fill = async (): Promise<void> => {
    if (claiming) return
    claiming = true
    while (due > 0 && inHand < WORKER_CONCURRENCY) {
      const rows = await claimStraight(WORKER_CONCURRENCY - inHand)
      inHand += rows.length
      due -= rows.length
      for (const row of rows) void finish(row)
    }
    claiming = false
  }
  return async (user) => {
    const { taskId } = await submitStraight(user)
    due += 1
    void fill()
    if (!ended.delete(taskId)) {
      await new Promise<void>((resolve) => waiting.set(taskId, resolve))
      waiting.delete(taskId)
    }
    await run(statements.statusById, [taskId, user.accountId])
  }
}

async function runLoop(what: Loop, callers: number, ms: number): Promise<Sample> {
  const { context } = site
  const of = (caller: number, turn: number): User => userOf(users, caller, turn)
  const handleOf = (user: User, turn: number): string => user.handles[turn % user.handles.length] ?? ''
  switch (what) {
    case 'kernel submit':
      return closedLoop(callers, ms, (caller, turn) =>
        submitTask(context, of(caller, turn), submissionOf(PROMPT, seedOf(turn))),
      )
    case 'pg submit':
      return closedLoop(callers, ms, (caller, turn) => submitStraight(of(caller, turn)))
    case 'kernel status':
      return closedLoop(callers, ms, (caller, turn) => {
        const user = of(caller, turn)
        return readTask(context, user, handleOf(user, turn))
      })
    case 'pg status':
      return closedLoop(callers, ms, async (caller, turn) => {
        const user = of(caller, turn)
        const rows = await run(statements.status, [handleOf(user, turn), user.accountId])
        if (rows.length !== 1) throw new Error('the task was not found')
      })
    case 'kernel complete': {
      const worker = startTaskWorker(context, { concurrency: WORKER_CONCURRENCY })
      try {
        return await closedLoop(callers, ms, (caller, turn) =>
          runTask(context, of(caller, turn), submissionOf(PROMPT, seedOf(turn))),
        )
      } finally {
        await worker.stop(5_000)
      }
    }
    case 'pg complete': {
      const complete = openStraightPipeline()
      return closedLoop(callers, ms, (caller, turn) => complete(of(caller, turn)))
    }
  }
}

async function fillQueue(tasks: number): Promise<void> {
  const lanes = 16
  await Promise.all(
    Array.from({ length: lanes }, async (_, lane) => {
      for (let turn = lane; turn < tasks; turn += lanes) await submitStraight(userOf(users, lane, turn))
    }),
  )
}

/** Works the whole queue off by the statements alone: two lanes, so that one claims while the other finishes. */
async function drainStraight(callers: number): Promise<void> {
  const lanes = callers === 1 ? 1 : 2
  const lane = async (): Promise<void> => {
    for (;;) {
      const rows = await claimStraight(callers / lanes)
      if (rows.length === 0) return
      await Promise.all(rows.map(finishStraight))
    }
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}

/** A store in use has all its folders; making them would be measured in the first rounds otherwise. */
async function fillFolders(put: FileStore['put']): Promise<void> {
  const letters = [...'abcdefghijklmnopqrstuvwxyz234567']
  const folders = letters.flatMap((first) => letters.map((second) => `${first}${second}`))
  await Promise.all(folders.map((folder) => put(`${folder}${'a'.repeat(43)}.png`, Buffer.from('1'))))
}

async function drainByWorker(callers: number, keepFiles: boolean, ended: Promise<void>): Promise<void> {
  const { context } = site
  context.files.put = keepFiles ? disk : async () => {}
  const worker = startTaskWorker(context, { concurrency: callers })
  await ended
  await worker.stop(5_000)
  context.files.put = disk
}

/** Resolves when `tasks` different tasks have ended. */
function countEnded(tasks: number): Promise<void> {
  const ended = new Set<bigint>()
  return new Promise((resolve) => {
    const unsubscribe = site.context.events.subscribe('task', null, (id) => {
      if (id !== null) ended.add(id)
      if (ended.size < tasks) return
      unsubscribe()
      resolve()
    })
  })
}

const commands = {
  cpuMs,
  open: async (place: Place & { users: number; tasksEach: number }): Promise<User[]> => {
    site = await openSite(place)
    disk = site.context.files.put
    straight = new pg.Pool({ ...place.connection, max: place.connections })
    straight.on('error', () => {})
    statements = await recordStatements(site.context)
    users = await seedUsers(site.context, straight, place.users)
    await fillFolders(disk)
    const submitFor = async (user: User): Promise<void> => {
      for (let task = 0; task < place.tasksEach; task += 1)
        user.handles.push((await submitStraight(user)).handle)
    }
    // The first half of each user's tasks is finished and has files, the other half waits.
    await Promise.all(users.map(submitFor))
    await drainStraight(64)
    await Promise.all(users.map(submitFor))
    // One task of each under a name that pgbench can make from the account's number.
    await Promise.all(users.map((user) => submitStraight(user, `bench_${user.accountId}`)))
    if (place.tasksEach === 0) await drainStraight(64)
    await straight.query('vacuum analyze')
    return users
  },
  recorded: async (): Promise<MoneyStatements> => statements,
  loop: ({ what, callers, ms }: { what: Loop; callers: number; ms: number }): Promise<Sample> =>
    runLoop(what, callers, ms),
  /** Fills the queue, then measures how long it takes to be worked off by `callers` at once. */
  drain: async ({
    what,
    callers,
    tasks,
  }: {
    what: Drain
    callers: number
    tasks: number
  }): Promise<Sample & { cpuMs: number }> => {
    // Subscribed first: a worker that is stopping may still claim, and so take some of them.
    const ended = what === 'pg' ? Promise.resolve() : countEnded(tasks)
    await fillQueue(tasks)
    const before = await cpuMs()
    const startedAt = performance.now()
    if (what === 'pg') await drainStraight(callers)
    else {
      handOver(what.endsWith('512 px') ? 'real' : 'tiny')
      await drainByWorker(callers, !what.startsWith('worker, no disk'), ended)
    }
    return {
      count: tasks,
      seconds: (performance.now() - startedAt) / 1000,
      latenciesMs: new Float64Array(),
      cpuMs: (await cpuMs()) - before,
    }
  },
  /** What does not hold in the books after all this. */
  verify: async (): Promise<unknown[]> => verifyLedger(site.context),
}

export type DriverCommands = typeof commands

answer(commands)
