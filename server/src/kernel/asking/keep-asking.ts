import { setTimeout as sleep } from 'node:timers/promises'
import { statement } from '../../db/database.ts'
import { isConnectionLoss, isDeadlock } from '../../db/errors.ts'
import type { Context } from '../context.ts'
import type { Claimed } from '../generation/claim.ts'
import type { Json } from '../ports/provider.ts'

/** What asking told of a job that goes on. */
export type Answer = {
  operation: Json
  remoteId: string | null
  /** Percent, 0…99. */
  progress: number
  /** When it is asked after again. */
  afterMs: number
  /** False when the vendor could not be asked. */
  isAnswered: boolean
}

type Waiting = {
  task: Claimed
  answer: Answer
  resolve: () => void
  reject: (error: unknown) => void
}

/** One write for all that is told within this; each for itself would be a commit for each. */
const GATHER_MS = 50
/** Past this the leases have lapsed, and others ask. */
const GIVE_UP_MS = 10_000

const keepAskingStatement = statement(
  'keep asking',
  'select id, has_news from keep_asking_v1($1, $2, $3, $4, $5, $6, $7)',
)

const desks = new WeakMap<Context['db'], Waiting[]>()

/**
 * Gives a job back that goes on at its vendor, until it is asked after again. What many are told of at about the same
 * time is written at once. Fenced by generation: for whoever has lost the job nothing changes.
 *
 * Resolves when it is written.
 */
export function keepAsking(context: Context, task: Claimed, answer: Answer): Promise<void> {
  return new Promise((resolve, reject) => {
    const waiting = desks.get(context.db) ?? []
    waiting.push({ task, answer, resolve, reject })
    if (waiting.length > 1) return
    desks.set(context.db, waiting)
    setTimeout(() => {
      desks.delete(context.db)
      void writeAll(context, waiting)
    }, GATHER_MS)
  })
}

async function writeAll(context: Context, all: readonly Waiting[]): Promise<void> {
  try {
    const rows = await write(context, all)
    for (const { id, has_news: hasNews } of rows) if (hasNews) context.events.publish('task', id)
    for (const { resolve } of all) resolve()
  } catch (error) {
    for (const { reject } of all) reject(error)
  }
}

async function write(
  context: Context,
  all: readonly Waiting[],
): Promise<{ id: bigint; has_news: boolean }[]> {
  const values = [
    all.map(({ task }) => task.id),
    all.map(({ task }) => task.generation),
    all.map(({ answer }) => JSON.stringify(answer.operation)),
    all.map(({ answer }) => answer.remoteId),
    all.map(({ answer }) => Math.min(99, Math.max(0, Math.floor(answer.progress)))),
    all.map(({ answer }) => answer.afterMs),
    all.map(({ answer }) => answer.isAnswered),
  ]
  const until = performance.now() + GIVE_UP_MS
  for (let delayMs = 50; ; delayMs = Math.min(delayMs * 2, 2_000)) {
    try {
      return await context.db.rows(keepAskingStatement, values)
    } catch (error) {
      const mayPass = isConnectionLoss(error) || isDeadlock(error)
      if (!mayPass || performance.now() > until) throw error
      await sleep(delayMs)
    }
  }
}
