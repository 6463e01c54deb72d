import ipaddr from 'ipaddr.js'
import { statement } from '../../db/database.ts'
import type { Actor, Context, Origin } from '../context.ts'
import { refusal } from '../errors.ts'

/** Who looks at a work: an account, or whoever comes from somewhere with some browser. */
export type Viewer = { actor: Pick<Actor, 'accountId'> | null; origin: Origin }

/** After this long a viewer counts again. */
const AGAIN_AFTER_SECONDS = 3_600
/**
 * How many viewers without an account one network may be within that time, for each work: a browser's name is whatever
 * its sender says, so a script could be as many as it likes. An office is rarely more.
 */
const MOST_GUESTS_OF_A_NETWORK = 20
const VIEWER_BYTES = 16
/** Of one statement: each row is a few dozen microseconds, and whoever comes meanwhile waits for it. */
const MOST_AT_ONCE = 500
const MOST_SWEPT = 50_000

const countViewsStatement = statement(
  'count views',
  `select work, viewer, is_counted, views from count_views_v1($1, $2, $3, make_interval(secs => $4))`,
)
const readViewsStatement = statement(
  'views of a work',
  'select views from standing where work_id = $1 and is_shown',
)
const oldViews = statement(
  'old views',
  `delete from work_view where ctid = any (array(
     select ctid from work_view where seen_at <= $1::timestamptz - make_interval(secs => $2) limit $3)) returning work_id`,
)

/**
 * Counts a view of a work on the square, once for each viewer and hour.
 *
 * Of a viewer without an account no address is kept, only a keyed hash of it with the browser's name, for the hour that
 * it is needed (`sweepViews` comes every ten minutes).
 *
 * @returns whether it was counted, and all views by now.
 * @throws work_not_found when it is not on the square
 */
export async function recordView(context: Context, { actor, origin }: Viewer, workId: bigint): Promise<Seen> {
  if (actor) return gather(context, workId, hash(context, 'account', String(actor.accountId)))
  const network = networkOf(origin.ip)
  const rate = { name: 'views', points: MOST_GUESTS_OF_A_NETWORK, perSeconds: AGAIN_AFTER_SECONDS }
  const key = `${workId}:${hash(context, 'network', network).toString('hex')}`
  if ((await context.limiter.take(rate, key)) !== null) return readViews(context, workId)
  const seen = await gather(context, workId, hash(context, 'guest', network, origin.device ?? ''))
  if (!seen.isCounted) await context.limiter.giveBack(rate, key)
  return seen
}

async function readViews(context: Context, workId: bigint): Promise<Seen> {
  const [row] = await context.db.rows<{ views: bigint }>(readViewsStatement, [workId])
  if (!row) throw refusal('work_not_found', { id: String(workId) })
  return { isCounted: false, views: Number(row.views) }
}

function hash(context: Context, ...parts: string[]): Buffer {
  return context.keys.codeHash('viewer', ...parts).subarray(0, VIEWER_BYTES)
}

/** An IPv4 address, or the network of an IPv6 one: who has one address of it has all. */
function networkOf(ip: string | null): string {
  if (ip === null || !ipaddr.isValid(ip)) return ''
  const address = ipaddr.process(ip)
  if (address.kind() === 'ipv4') return address.toString()
  return Buffer.from(address.toByteArray().slice(0, 8)).toString('hex')
}

type Seen = { isCounted: boolean; views: number }
type Waiting = {
  workId: bigint
  viewer: Buffer
  tell: (seen: Seen | null) => void
  fail: (error: unknown) => void
}
type Gathering = { waiting: Waiting[]; isBusy: boolean }

const gatherings = new WeakMap<Context, Gathering>()

/**
 * Views that come while a statement counts others go together into the next one, and are answered when that has
 * committed: nothing is lost in a crash that anybody was told of, and a work that everybody looks at at once has one
 * of a process waiting for its row, not hundreds.
 */
async function gather(context: Context, workId: bigint, viewer: Buffer): Promise<Seen> {
  const gathering = gatherings.get(context) ?? { waiting: [], isBusy: false }
  gatherings.set(context, gathering)
  const seen = await new Promise<Seen | null>((tell, fail) => {
    gathering.waiting.push({ workId, viewer, tell, fail })
    void work(context, gathering)
  })
  if (!seen) throw refusal('work_not_found', { id: String(workId) })
  return seen
}

async function work(context: Context, gathering: Gathering): Promise<void> {
  if (gathering.isBusy) return
  gathering.isBusy = true
  while (gathering.waiting.length > 0) {
    const together = gathering.waiting.splice(0, MOST_AT_ONCE)
    try {
      await count(context, together)
    } catch (error) {
      for (const { fail } of together) fail(error)
    }
  }
  gathering.isBusy = false
}

async function count(context: Context, together: readonly Waiting[]): Promise<void> {
  const byPair = Map.groupBy(together, ({ workId, viewer }) => pairOf(workId, viewer))
  const pairs = [...byPair.values()].flatMap(([first]) => (first ? [first] : []))
  const rows = await context.db.rows<{ work: bigint; viewer: Buffer; is_counted: boolean; views: bigint }>(
    countViewsStatement,
    [
      pairs.map(({ workId }) => workId),
      pairs.map(({ viewer }) => viewer),
      context.clock.now(),
      AGAIN_AFTER_SECONDS,
    ],
  )
  const found = new Map(rows.map((row) => [pairOf(row.work, row.viewer), row]))
  for (const [pair, asked] of byPair) {
    const row = found.get(pair)
    // Of the same viewer at the same moment one counts.
    for (const [index, { tell }] of asked.entries())
      tell(row ? { isCounted: row.is_counted && index === 0, views: Number(row.views) } : null)
  }
}

function pairOf(workId: bigint, viewer: Buffer): string {
  return `${workId}:${viewer.toString('hex')}`
}

/** Forgets who has seen what, once they would count again. */
export async function sweepViews(context: Context): Promise<void> {
  const values = [context.clock.now(), AGAIN_AFTER_SECONDS, MOST_SWEPT]
  for (let swept = MOST_SWEPT; swept === MOST_SWEPT; )
    swept = (await context.db.rows(oldViews, values)).length
}
