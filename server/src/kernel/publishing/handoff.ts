import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import type { HandoffGuide } from '../ports/platform.ts'
import { handoffUrl } from './history.ts'
import { toPlainText } from './plain-text.ts'
import type { Content, ContentFile } from './read-work.ts'

/** A work in its user's hands, as the hand-off page shows it. */
export type Handoff = {
  token: string
  /** Where this page is, for a QR code. */
  url: string
  guide: HandoffGuide
  title: string
  /** Without marks, ready to be pasted. */
  body: string
  tags: readonly string[]
  files: readonly ContentFile[]
  expiresAt: Date
  /** Set once the user has told where the post is. */
  postUrl: string | null
}

const readHandoffStatement = statement(
  'hand-off by token',
  `select t.platform, t.state, t.url, p.content, coalesce(t.due_at, t.published_at) as until
   from publication_target t join publication p on p.id = t.publication_id
     join work w on w.id = p.work_id join account a on a.id = t.account_id
   where t.handoff_token = $1 and w.deleted_at is null and a.state = 'active'
     and (t.state = 'handed_off' and t.due_at > now()
       -- Done: shown a while longer, for whoever comes back to the page.
       or t.state = 'published' and t.published_at > now() - interval '7 days')`,
)

type HandoffRow = {
  platform: string
  state: 'handed_off' | 'published'
  url: string | null
  content: Content
  until: Date
}

/**
 * The hand-off under a token: whoever has the address has the page, as a phone does that read the QR code. Null for
 * an unknown token, one that has run out, and one whose work or account is gone.
 */
export async function readHandoff(context: Context, token: string): Promise<Handoff | null> {
  const [row] = await context.db.rows<HandoffRow>(readHandoffStatement, [token])
  const guide = row && context.platforms.get(row.platform)?.handoff
  if (!guide) return null
  const { content } = row
  return {
    ...{ token, guide, title: content.title, tags: content.tags, files: content.files },
    url: handoffUrl(context, token),
    body: bodyBelow(content.title, toPlainText(content.body)),
    expiresAt: row.until,
    postUrl: row.state === 'published' ? row.url : null,
  }
}

/** A text that begins with its title would say it twice, once pasted below it. */
function bodyBelow(title: string, text: string): string {
  const [first = '', ...rest] = text.split('\n')
  const isTitle = first.trim() === title
  return isTitle && rest.some((line) => line.trim() !== '') ? rest.join('\n').trim() : text
}

const confirmHandoff = statement(
  'confirm hand-off',
  `update publication_target set state = 'published', url = $2, due_at = null, published_at = now(), updated_at = now()
   where handoff_token = $1 and state = 'handed_off' and due_at > now() returning id`,
)

const LONGEST_LINK = 500

/**
 * Ends a hand-off with the link to the post, which may lie in the middle of what an app copies when one shares.
 *
 * @returns the hand-off as it is now, and whether the link was one to the platform; null as for `readHandoff`.
 */
export async function finishHandoff(
  context: Context,
  token: string,
  pasted: string,
): Promise<{ handoff: Handoff; isTaken: boolean } | null> {
  const before = await readHandoff(context, token)
  if (!before) return null
  if (before.postUrl !== null) return { handoff: before, isTaken: true }
  const link = linkTo(before.guide.hosts, pasted)
  if (link === null) return { handoff: before, isTaken: false }
  await context.db.rows(confirmHandoff, [token, link])
  const after = await readHandoff(context, token)
  return after && { handoff: after, isTaken: after.postUrl !== null }
}

function linkTo(hosts: readonly string[], text: string): string | null {
  const found = text.match(/https?:\/\/[^\s，。；、"'<>（）]+/giu) ?? []
  const url = found.map((one) => URL.parse(one)).find((one) => one !== null && isAt(hosts, one))
  return url && url.href.length <= LONGEST_LINK ? url.href : null
}

const isAt = (hosts: readonly string[], url: URL): boolean =>
  url.username === '' &&
  url.password === '' &&
  hosts.some((host) => url.hostname === host || url.hostname.endsWith(`.${host}`))
