import { LRUCache } from 'lru-cache'
import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import type { Task, TaskState, TaskViewRow } from './task.ts'
import { TASK_VIEW, toTask } from './task.ts'
import type { TaskKind } from './task-input.ts'

/**
 * What has become of a task. One that goes on is only sketched, since that is read several times a second; one that
 * has ended is told whole. `series` rises with every retry.
 */
export type TaskNews = { id: bigint; accountId: bigint; series: bigint; handle: string; kind: TaskKind } & (
  | { ended: false; progress: number }
  | { ended: true; task: Task }
)

type Listener = (news: TaskNews) => void

export type TaskWatch = {
  /**
   * Calls `listener` with every task of the account that is on its way or ended within the last minute, and then with
   * what becomes of its tasks. For one listener the progress of a task never goes back, and its end is told once; a
   * retry begins anew. Nothing is told of a task whose work was deleted, as it cannot be read either.
   *
   * @returns how to stop.
   */
  watch: (accountId: bigint, listener: Listener) => () => void
}

/** Tasks that change within this are read together: two thousand sockets cost one statement, not two thousand. */
const GATHER_MS = 3
/** Events may be lost; rows are the truth. */
const READ_AGAIN_MS = 5_000
const TRY_AGAIN_MS = 1_000
/** Accounts, or tasks, in one statement: nobody's news wait behind a whole crowd's. */
const MOST_AT_ONCE = 500
/** Who was away shorter than it takes to notice (two unanswered pings) has missed no end. */
const RECENT_SECONDS = 60
const MOST_RECENT = 100
/** What the regular round looks back to: far enough for an end that no event told of since the round before. */
const ROUND = { most: 20, seconds: 12 }
/** Tasks whose owner is remembered, so that those of nobody who watches are read once and not at each event. */
const MOST_OWNERS = 50_000
/** Tasks of one account that a listener's memory holds; the oldest ended ones are forgotten first. */
const MOST_TOLD = 1_000

type SketchRow = {
  id: bigint
  account_id: bigint
  hold_id: bigint
  handle: string
  kind: TaskKind
  state: TaskState
  progress: number
}

const SKETCH = 't.id, t.account_id, t.hold_id, t.handle, t.kind, t.state, t.progress'
const OPEN = `('awaiting_approval', 'queued', 'running', 'unknown')`

const readChanged = statement(
  'changed tasks',
  `select ${SKETCH} from unnest($1::bigint[]) as changed (id) join task t on t.id = changed.id
   join work w on w.task_id = t.id where w.deleted_at is null`,
)
const readOfAccounts = statement(
  'tasks of those who watch',
  `select ${SKETCH} from unnest($1::bigint[]) as watching (account_id)
     join task t on t.account_id = watching.account_id and t.state in ${OPEN}
     join work w on w.task_id = t.id where w.deleted_at is null
   union all
   select ${SKETCH} from unnest($1::bigint[]) as watching (account_id)
     cross join lateral (
       select * from task where account_id = watching.account_id order by id desc limit $2) t
     join work w on w.task_id = t.id
   where w.deleted_at is null and t.state not in ${OPEN} and t.finished_at > now() - make_interval(secs => $3)
   order by id`,
)
const readEnded = statement(
  'tasks that ended',
  `select ${TASK_VIEW}, t.hold_id from task t join work w on w.task_id = t.id
   where t.id = any ($1) and w.deleted_at is null order by t.id`,
)

const HAS_ENDED: Readonly<Record<TaskState, boolean>> = {
  awaiting_approval: false,
  queued: false,
  running: false,
  unknown: false,
  succeeded: true,
  failed: true,
  canceled: true,
}

/**
 * Watches the tasks of any number of accounts for this process. While nobody watches it listens to nothing and reads
 * nothing. What another account's task is about is never read, and its news go to nobody.
 */
export function openTaskWatch(context: Context): TaskWatch {
  const listeners = new Map<bigint, Set<Listener>>()
  const owners = new LRUCache<bigint, bigint>({ max: MOST_OWNERS })
  /** Tasks that were on their way when they were last read, with their accounts. */
  const open = new Map<bigint, bigint>()
  const changed = new Set<bigint>()
  /** Accounts to be read with all that ended a moment ago, and those whose turn it is in the regular round. */
  const newcomers = new Set<bigint>()
  const again = new Set<bigint>()
  let timer: NodeJS.Timeout | undefined
  let isReading = false
  let stopListening: (() => void) | null = null

  const tell = (news: TaskNews): void => {
    if (news.ended) open.delete(news.id)
    else open.set(news.id, news.accountId)
    for (const listener of listeners.get(news.accountId) ?? []) {
      try {
        listener(news)
      } catch (error) {
        context.log.error({ task: news.id, error }, 'news of a task could not be told')
      }
    }
  }

  const deliver = async (rows: readonly SketchRow[]): Promise<void> => {
    const ended: bigint[] = []
    for (const row of rows) {
      owners.set(row.id, row.account_id)
      if (!listeners.has(row.account_id)) continue
      if (HAS_ENDED[row.state]) ended.push(row.id)
      else tell(toSketch(row))
    }
    if (ended.length === 0) return
    const whole = await context.db.rows<TaskViewRow & { hold_id: bigint }>(readEnded, [ended])
    for (const row of whole) tell(HAS_ENDED[row.state] ? toEnd(row) : toSketch(row))
  }

  const readOnce = async (): Promise<void> => {
    const ids = takeSome(changed, (id) => {
      const owner = owners.get(id)
      return owner === undefined || listeners.has(owner)
    })
    const isWatching = (accountId: bigint): boolean => listeners.has(accountId)
    const fresh = takeSome(newcomers, isWatching)
    const known = takeSome(again, isWatching)
    try {
      if (ids.length > 0) await deliver(await context.db.rows(readChanged, [ids]))
      if (fresh.length > 0)
        await deliver(await context.db.rows(readOfAccounts, [fresh, MOST_RECENT, RECENT_SECONDS]))
      if (known.length > 0)
        await deliver(await context.db.rows(readOfAccounts, [known, ROUND.most, ROUND.seconds]))
    } catch (error) {
      for (const id of ids) changed.add(id)
      for (const id of fresh) newcomers.add(id)
      for (const id of known) again.add(id)
      throw error
    }
  }

  const read = async (): Promise<void> => {
    isReading = true
    let delayMs = GATHER_MS
    try {
      await readOnce()
    } catch (error) {
      delayMs = TRY_AGAIN_MS
      if (listeners.size > 0) context.log.warn({ error }, 'the news of tasks could not be read')
    }
    isReading = false
    const waiting = changed.size + newcomers.size + again.size
    // What is a batch already need not be gathered.
    if (waiting > 0) readIn(delayMs === GATHER_MS && waiting >= MOST_AT_ONCE ? 0 : delayMs)
  }

  /** One read at a time: what comes meanwhile is gathered for the next. */
  const readIn = (delayMs: number): void => {
    if (isReading || timer || listeners.size === 0) return
    timer = setTimeout(() => {
      timer = undefined
      void read()
    }, delayMs)
  }

  const hear = (id: bigint | null): void => {
    if (id !== null) changed.add(id)
    else {
      // Something may have been missed: everything is read as if everybody had just come.
      for (const accountId of listeners.keys()) newcomers.add(accountId)
      for (const known of open.keys()) changed.add(known)
    }
    readIn(GATHER_MS)
  }

  const readAgain = (): void => {
    for (const [id, accountId] of open) {
      if (listeners.has(accountId)) changed.add(id)
      else open.delete(id)
    }
    for (const accountId of listeners.keys()) again.add(accountId)
    readIn(GATHER_MS)
  }

  const begin = (): void => {
    const unsubscribe = context.events.subscribe('task', null, hear)
    const every = setInterval(readAgain, READ_AGAIN_MS)
    every.unref()
    stopListening = () => {
      unsubscribe()
      clearInterval(every)
      clearTimeout(timer)
      timer = undefined
      for (const memory of [owners, open, changed, newcomers, again]) memory.clear()
    }
  }

  return {
    watch: (accountId, listener) => {
      // Subscribed before anything is read: an end in between is not missed.
      if (listeners.size === 0) begin()
      const told = onlyForward(listener)
      listeners.set(accountId, (listeners.get(accountId) ?? new Set()).add(told))
      newcomers.add(accountId)
      readIn(GATHER_MS)
      return () => {
        const set = listeners.get(accountId)
        if (!set?.delete(told) || set.size > 0) return
        listeners.delete(accountId)
        if (listeners.size === 0) {
          stopListening?.()
          stopListening = null
        }
      }
    },
  }
}

/** Takes at most so many out of `set`, of those that are still `wanted`; the others are dropped. */
function takeSome(set: Set<bigint>, wanted: (id: bigint) => boolean): bigint[] {
  const taken: bigint[] = []
  for (const id of set) {
    if (taken.length === MOST_AT_ONCE) break
    set.delete(id)
    if (wanted(id)) taken.push(id)
  }
  return taken
}

/**
 * A listener that hears of each task only what is newer than what it heard before. Rows are read at several places
 * and reads overtake each other, so the order in which news come means nothing.
 */
function onlyForward(listener: Listener): Listener {
  const told = new Map<bigint, { series: bigint; progress: number; ended: boolean }>()
  return (news) => {
    const before = told.get(news.id)
    const progress = news.ended ? 100 : news.progress
    if (before && news.series < before.series) return
    if (before && news.series === before.series) {
      if (before.ended || (!news.ended && progress <= before.progress)) return
    }
    told.set(news.id, { series: news.series, progress, ended: news.ended })
    if (told.size > MOST_TOLD) forgetOneEnded(told)
    listener(news)
  }
}

function forgetOneEnded(told: Map<bigint, { ended: boolean }>): void {
  for (const [id, { ended }] of told) {
    if (!ended) continue
    told.delete(id)
    return
  }
}

function toSketch(row: SketchRow): TaskNews {
  const { id, handle, kind, progress } = row
  return { id, accountId: row.account_id, series: row.hold_id, handle, kind, ended: false, progress }
}

function toEnd(row: TaskViewRow & { hold_id: bigint }): TaskNews {
  const { id, handle, kind } = row
  return { id, accountId: row.account_id, series: row.hold_id, handle, kind, ended: true, task: toTask(row) }
}
