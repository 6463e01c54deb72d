import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'

const readStates = statement(
  'read credential states',
  `select credential, state, failures, openings, open_until, throttled_until, seen_by, resets from credential_state
   where updated_at > now() - interval '1 day'`,
)
const writeState = statement(
  'write credential state',
  `insert into credential_state (credential, state, failures, openings, open_until, throttled_until, seen_by)
   values ($1, $2, $3, $4, $5, $6, $7)
   on conflict (credential) do update set state = excluded.state, failures = excluded.failures,
     openings = excluded.openings, open_until = excluded.open_until, throttled_until = excluded.throttled_until,
     seen_by = excluded.seen_by, updated_at = now()`,
)
const countUnderWay = statement(
  'jobs under way with credentials',
  'select credential, jobs, counted_at from count_under_way_v1($1)',
)

type Row = {
  credential: string
  state: 'closed' | 'open' | 'probing'
  failures: number
  openings: number
  open_until: Date | null
  throttled_until: Date | null
  seen_by: string
  resets: number
}

/** What a process is writing down of vendors: one thing at a time of each, so that the last word stays. */
type Notebook = { name: string; writing: Set<string>; again: Set<string> }
const notebooks = new WeakMap<Context['db'], Notebook>()

function notebookOf({ db, ids }: Context): Notebook {
  const known = notebooks.get(db)
  if (known) return known
  const made = { name: ids.token(12), writing: new Set<string>(), again: new Set<string>() }
  notebooks.set(db, made)
  return made
}

/**
 * Puts on record how a credential's vendor is doing, for operators and for the site's other processes. Best effort: each
 * process finds out for itself what it is not told.
 */
export function noteVendor(context: Context, credential: string): void {
  const { name, writing, again } = notebookOf(context)
  if (writing.has(credential)) {
    again.add(credential)
    return
  }
  writing.add(credential)
  const now = context.clock.now().getTime()
  const { state, failures, openings, openUntil, throttledUntil } = context.vendorGates.read(credential, now)
  const values = [credential, state, failures, openings, dateOf(openUntil), dateOf(throttledUntil), name]
  context.db
    .rows(writeState, values)
    .then(() => context.events.publish('vendor'))
    .catch((error) => context.log.warn({ error }, 'the state of a vendor could not be noted down'))
    .finally(() => {
      writing.delete(credential)
      if (again.delete(credential)) noteVendor(context, credential)
    })
}

const dateOf = (ms: number): Date | null => (ms > 0 ? new Date(ms) : null)

/** Only where sites share a credential: how soon one learns that another has given back a place. */
const COUNT_EVERY_MS = 250

/**
 * Keeps this process's gates in step with the site's database: takes over what other processes have seen, tries vendors
 * again when an operator says so, and tells what is under way with credentials that other sites use too.
 *
 * @returns how to stop.
 */
export async function watchVendors(context: Context): Promise<() => void> {
  const { vendorGates: gates, db, events, log } = context
  const resets = new Map<string, number>()
  const { name } = notebookOf(context)
  const read = async (): Promise<void> => {
    for (const row of await db.rows<Row>(readStates, [])) {
      const known = resets.get(row.credential)
      resets.set(row.credential, row.resets)
      if (known !== undefined && known < row.resets) gates.reset(row.credential)
      else if (row.seen_by !== name && (row.state !== 'closed' || row.throttled_until))
        gates.adopt(row.credential, {
          state: row.state,
          failures: row.failures,
          openings: row.openings,
          openUntil: row.state === 'closed' ? 0 : (row.open_until?.getTime() ?? 0),
          throttledUntil: row.throttled_until?.getTime() ?? 0,
        })
    }
  }
  await read()
  const failed = (error: unknown): void => log.warn({ error }, 'the state of vendors could not be read')
  const unsubscribe = events.subscribe('vendor', null, () => void read().catch(failed))
  let isCounting = false
  const timer = setInterval(() => {
    const credentials = gates.shared(context.site).sort()
    if (isCounting || credentials.length === 0) return
    isCounting = true
    db.rows<{ credential: string; jobs: number; counted_at: number }>(countUnderWay, [credentials])
      .then((rows) => {
        for (const { credential, jobs, counted_at: at } of rows)
          gates.setUnderWay(credential, context.site, { jobs, at })
      })
      .catch(failed)
      .finally(() => {
        isCounting = false
      })
  }, COUNT_EVERY_MS)
  timer.unref()
  return () => {
    unsubscribe()
    clearInterval(timer)
  }
}
