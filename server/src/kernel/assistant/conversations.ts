import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { Page, PageRequest } from '../paging.ts'
import { toPage } from '../paging.ts'

export type Conversation = {
  id: bigint
  title: string
  /** How many messages it shows: replies once they have ended, and none of which not a word came. */
  messages: number
  createdAt: Date
  /** Its last activity. */
  updatedAt: Date
}

export type ConversationInList = Conversation & {
  /** The beginning of its last message. */
  lastMessage: string
}

export type Message = {
  id: bigint
  role: 'user' | 'assistant'
  /** Of a reply: whether it ended by itself, was stopped, or broke off. */
  state: 'done' | 'stopped' | 'broken'
  content: string
  createdAt: Date
}

type ConversationRow = {
  id: bigint
  title: string
  messages: number
  created_at: Date
  updated_at: Date
}

const COLUMNS = 'c.id, c.title, c.messages, c.created_at, c.updated_at'
const PREVIEW_CHARACTERS = 100

const listStatement = statement(
  'list conversations',
  `with page as (
     select c.* from conversation c where c.account_id = $1 and c.deleted_at is null
     order by c.updated_at desc, c.id desc limit $2 offset $3)
   select ${COLUMNS}, coalesce((
     select left(m.content, ${PREVIEW_CHARACTERS}) from message m
     where m.conversation_id = c.id and m.state in ('done', 'stopped', 'broken') order by m.id desc limit 1), '') as last_message
   from page c order by c.updated_at desc, c.id desc`,
)
const countStatement = statement(
  'count conversations',
  'select count(*) as total from conversation where account_id = $1 and deleted_at is null',
)
const readStatement = statement(
  'read conversation',
  `select ${COLUMNS} from conversation c where c.id = $1 and c.account_id = $2 and c.deleted_at is null`,
)
const messagesStatement = statement(
  'messages of conversation',
  `select id, role, state, content, created_at from (
     select m.* from message m join conversation c on c.id = m.conversation_id
     where c.id = $1 and c.account_id = $2 and c.deleted_at is null and m.state in ('done', 'stopped', 'broken')
     order by m.id desc limit $3 offset $4) newest
   order by id`,
)
const deleteStatement = statement('delete conversation', 'select writing from delete_conversation_v1($1, $2)')

function toConversation(row: ConversationRow): Conversation {
  const { id, title, messages, created_at: createdAt, updated_at: updatedAt } = row
  return { id, title, messages, createdAt, updatedAt }
}

/** The caller's conversations, the one that was last used first. */
export async function listConversations(
  context: Context,
  { accountId }: Pick<Actor, 'accountId'>,
  request: PageRequest,
): Promise<Page<ConversationInList>> {
  const { page, limit } = request
  const [rows, [counted]] = await Promise.all([
    context.db.rows<ConversationRow & { last_message: string }>(listStatement, [
      accountId,
      limit,
      (page - 1) * limit,
    ]),
    context.db.rows<{ total: bigint }>(countStatement, [accountId]),
  ])
  const items = rows.map((row) => ({ ...toConversation(row), lastMessage: row.last_message }))
  return toPage(request, items, counted?.total ?? 0)
}

/**
 * One of the caller's conversations with a page of its messages: the first page has the newest, and each page is in the
 * order they were said.
 *
 * @throws conversation_not_found
 */
export async function readConversation(
  context: Context,
  { accountId }: Pick<Actor, 'accountId'>,
  id: bigint,
  request: PageRequest,
): Promise<Conversation & { page: Page<Message> }> {
  const { page, limit } = request
  const [[row], rows] = await Promise.all([
    context.db.rows<ConversationRow>(readStatement, [id, accountId]),
    context.db.rows<Omit<Message, 'createdAt'> & { created_at: Date }>(messagesStatement, [
      id,
      accountId,
      limit,
      (page - 1) * limit,
    ]),
  ])
  if (!row) throw refusal('conversation_not_found', { id: String(id) })
  const items = rows.map(({ created_at: createdAt, ...message }) => ({ ...message, createdAt }))
  return { ...toConversation(row), page: toPage(request, items, row.messages) }
}

/**
 * Deletes one of the caller's conversations and its words. A reply that is being written ends, and is paid for by its rule.
 *
 * @throws conversation_not_found
 */
export async function deleteConversation(
  context: Context,
  { accountId }: Pick<Actor, 'accountId'>,
  id: bigint,
): Promise<void> {
  const [row] = await context.db.rows<{ writing: bigint | null }>(deleteStatement, [accountId, id])
  if (!row) throw refusal('conversation_not_found', { id: String(id) })
  if (row.writing !== null) context.events.publish('reply', row.writing)
}
