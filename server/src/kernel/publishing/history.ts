import { sql } from 'kysely'
import type { Actor, Context } from '../context.ts'
import type { PlatformProblem } from '../errors.ts'
import type { Page, PageRequest } from '../paging.ts'
import { toPage } from '../paging.ts'

export type PublicationState =
  | 'queued'
  | 'publishing'
  | 'drafted'
  | 'handed_off'
  | 'in_review'
  | 'published'
  | 'failed'
  | 'unknown'

/** One platform of a publication, as its owner sees it. */
export type Published = {
  id: bigint
  publicationId: bigint
  workId: bigint
  platform: string
  state: PublicationState
  /** Whether it still waits for its time. */
  isWaiting: boolean
  title: string
  accountName: string | null
  remoteId: string | null
  url: string | null
  /** Why it failed, or why it ended as a draft. */
  reason: PlatformProblem | null
  /** Our own address, where the platform refused it. */
  address: string | null
  /** While it is handed off. */
  handoffUrl: string | null
  scheduledAt: Date | null
  publishedAt: Date | null
  createdAt: Date
}

type Row = {
  id: bigint
  publication_id: bigint
  work_id: bigint
  platform: string
  state: PublicationState
  waiting: boolean
  title: string
  account_name: string | null
  remote_id: string | null
  url: string | null
  failure: PlatformProblem | null
  failure_address: string | null
  handoff_token: string | null
  scheduled_at: Date | null
  published_at: Date | null
  created_at: Date
}

/** The address of a hand-off page. */
export function handoffUrl(context: Pick<Context, 'publicUrl'>, token: string): string {
  return `${context.publicUrl}/handoff/${token}`
}

/** A queued one waits for its time until that has come. */
const WAITING = sql`(t.state = 'queued' and p.scheduled_at is not null and t.due_at > now())`

/** The caller's publications, a row for each platform, newest first. */
export async function readPublications(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  request: PageRequest & {
    platform: string | null
    states: readonly PublicationState[] | null
    /** Only those that wait for their time, or only those that do not; null for both. */
    isWaiting: boolean | null
  },
): Promise<Page<Published>> {
  const { platform, states, isWaiting } = request
  const matching = sql`from publication_target t join publication p on p.id = t.publication_id
    left join platform_binding b on b.id = t.binding_id
    where t.account_id = ${actor.accountId}
      ${platform !== null ? sql`and t.platform = ${platform}` : sql``}
      ${states ? sql`and t.state = any (${[...states]})` : sql``}
      ${isWaiting === null ? sql`` : sql`and ${WAITING} = ${isWaiting}`}`
  const [rows, totals] = await Promise.all([
    sql<Row>`select t.id, t.publication_id, p.work_id, t.platform, t.state, ${WAITING} as waiting,
        p.content ->> 'title' as title, coalesce(t.account_name, b.name) as account_name, t.remote_id, t.url,
        t.failure, t.failure_address,
        case when t.state = 'handed_off' and t.due_at > now() then t.handoff_token end as handoff_token,
        p.scheduled_at, t.published_at, t.created_at
      ${matching} order by t.id desc limit ${request.limit} offset ${(request.page - 1) * request.limit}`.execute(
      context.db.kysely,
    ),
    sql<{ total: bigint }>`select count(*) as total ${matching}`.execute(context.db.kysely),
  ])
  const items = rows.rows.map((row) => toPublished(context, row))
  return toPage({ page: request.page, limit: request.limit }, items, totals.rows[0]?.total ?? 0)
}

function toPublished(context: Context, row: Row): Published {
  const { id, platform, state, title, url } = row
  return {
    ...{ id, platform, state, title, url },
    publicationId: row.publication_id,
    workId: row.work_id,
    isWaiting: row.waiting,
    accountName: row.account_name,
    remoteId: row.remote_id,
    reason: row.failure,
    address: row.failure_address,
    handoffUrl: row.handoff_token === null ? null : handoffUrl(context, row.handoff_token),
    scheduledAt: row.scheduled_at,
    publishedAt: row.published_at,
    createdAt: row.created_at,
  }
}
