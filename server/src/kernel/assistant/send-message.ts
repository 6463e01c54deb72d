import { statement } from '../../db/database.ts'
import type { Actor, Context, Origin } from '../context.ts'
import { refusal } from '../errors.ts'
import type { IdempotencyKey } from '../idempotency.ts'
import { MOST_TOKENS_AROUND_A_MESSAGE, mostTokensOf } from '../metering/count-tokens.ts'
import type { Metered } from '../metering/explanation.ts'
import { createMeter } from '../metering/meter.ts'
import { withHold } from '../metering/quote-task.ts'
import { checkWords } from '../moderation/check-words.ts'
import { credits } from '../money.ts'
import type { TextMessage } from '../ports/provider.ts'
import { USUAL_MEMORY_TOKENS, USUAL_REPLY_TOKENS } from './bounds.ts'
import { chatTemplate } from './chat-template.ts'
import { estimateTokens } from './estimate-tokens.ts'
import { findReply } from './find-reply.ts'
import { createLiveReply } from './live-reply.ts'
import type { Reply } from './reply.ts'
import { whenBegun } from './reply.ts'
import { deskOf, LEASE_MS } from './reply-desk.ts'
import type { Writer } from './write-reply.ts'
import { writeReply, writersOf } from './write-reply.ts'

/** Characters of a message, as JavaScript counts them. */
export const MOST_MESSAGE_CHARACTERS = 4_000
const MOST_TITLE_CHARACTERS = 50
/** From the message to the end of its reply. */
const LONGEST_MS = 180_000
/** Without a word this long, whoever waits is told that the line is up. */
const PATIENCE_MS = 15_000
/** Each holds a connection to a client and one to a vendor. */
const MOST_LIVE = 2_000

export type NewMessage = {
  /** Null begins a conversation. */
  conversationId: bigint | null
  content: string
  /** The model's name, or null for the default of those that write. */
  model: string | null
  idempotencyKey: IdempotencyKey | null
  origin: Origin
  /** Calls its argument when whoever sent this has gone away. Left out where the reply is written all the same. */
  whenLeft?: (listener: () => void) => void
}

type Begun = {
  outcome: string
  task_id: bigint | null
  conversation_id: bigint | null
  available: bigint | null
  memory: TextMessage[] | null
  held: bigint | null
}

const beginReply = statement(
  'begin reply',
  `select outcome, task_id, conversation_id, available, memory, held from begin_reply_v2($1, $2, $3, $4, $5, $6, $7, $8, $9, $10,
     $11, $12, $13, $14, $15, $16, $17, $18, make_interval(secs => $19), make_interval(secs => $20), $21, $22, $23, $24, $25,
     $26, $27, $28)`,
)

/**
 * Says something to the assistant. In one statement the message, the hold and the reply's task are on record, or, when it
 * is refused, nothing is; then the vendor is called by this process, and its words are handed on as they come.
 *
 * Resolves with the first words, or after 15 s of silence; a reply that ends before without a word is a refusal. A repeat
 * with the same key joins the same reply, from its beginning.
 *
 * @throws input_invalid for `message`, model_not_found, conversation_not_found, conversation_busy, insufficient_credits,
 *   idempotency_key_reused, account_disabled, reply_failed, unavailable
 */
export async function sendMessage(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  message: NewMessage,
): Promise<Reply> {
  const reply = await beginOrJoin(context, actor, message)
  message.whenLeft?.(() => reply.leave('left'))
  const begun = await whenBegun(reply, PATIENCE_MS)
  if (begun.failed?.state === 'failed') throw refusal('reply_failed', { reason: begun.failed.reason })
  return begun.reply
}

/**
 * Says something to the assistant and waits for the whole reply. It is written to its end and kept, also when nobody waits.
 *
 * @throws what `sendMessage` throws
 */
export async function askAssistant(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  message: Omit<NewMessage, 'whenLeft'>,
): Promise<{ conversationId: bigint; text: string }> {
  const reply = await beginOrJoin(context, actor, message)
  return new Promise((resolve, reject) => {
    let text = ''
    reply.follow({
      onText: (piece) => {
        text += piece
      },
      onEnd: (ending) => {
        if (ending.state === 'failed') reject(refusal('reply_failed', { reason: ending.reason }))
        else resolve({ conversationId: reply.conversationId, text })
      },
    })
  })
}

async function beginOrJoin(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  message: NewMessage,
): Promise<Reply> {
  const content = readContent(message.content)
  const { idempotencyKey } = message
  await checkWords(context, { accountId: actor.accountId, kind: 'chat', texts: [content], idempotencyKey })
  const desk = deskOf(context)
  if (desk.live.size >= MOST_LIVE) throw refusal('unavailable')
  const tokens = estimateTokens(content)
  const { preset } = context
  const memoryTokens = preset.assistantMemoryTokens ?? USUAL_MEMORY_TOKENS
  const budget = Math.max(0, memoryTokens - tokens - estimateTokens(chatTemplate.system))
  // A price that changed since the catalogue was read is quoted again; it cannot change faster than this.
  for (let tries = 0; tries < 5; tries += 1) {
    const asked = context.catalog.quote('chat', message.model, 1)
    const memoryBytes = asked.rule ? await readMemoryBytes(context, actor, message, budget) : null
    const quote = withHold(context, asked, () => ({
      unit: 'tokens',
      inputTokens: mostTokensOf([chatTemplate.system, content]) + (memoryBytes ?? 0),
      outputTokens: preset.assistantReplyTokens ?? USUAL_REPLY_TOKENS,
    }))
    const channels = writersOf(context, quote.model)
    const [first] = channels
    if (!first) throw refusal('reply_failed', { reason: 'unavailable' })
    const [row] = await context.db.rows<Begun>(beginReply, [
      context.keys.chain,
      actor.accountId,
      message.conversationId,
      content,
      tokens,
      titleOf(content),
      budget,
      preset.taskHandle('chat', context.clock.now().getTime(), context.ids.token(9)),
      quote.model.id,
      first.channel.id,
      ['open'],
      quote.subject,
      quote.version,
      quote.cost,
      quote.cost === 0n ? 'free' : null,
      JSON.stringify({ template: chatTemplate.name, templateVersion: chatTemplate.version }),
      Math.min(20, channels.length),
      desk.name,
      LEASE_MS / 1000,
      // The sweeper's time, after that of the reply itself.
      (LONGEST_MS + 2 * LEASE_MS) / 1000,
      message.idempotencyKey?.scope ?? null,
      message.idempotencyKey?.key ?? null,
      message.idempotencyKey?.bodyHash ?? null,
      message.origin.ip,
      message.origin.device,
      preset.membersGenerateFree ?? false,
      quote.metered && JSON.stringify(quote.metered),
      memoryBytes,
    ])
    switch (row?.outcome) {
      case 'begun':
        return begin(context, message, channels, row, content, quote.metered)
      case 'repeated': {
        if (row.task_id === null) throw new Error('a stored key always has its task')
        return findReply(context, actor, row.task_id)
      }
      case 'key_conflict':
        throw refusal('idempotency_key_reused')
      case 'insufficient':
        throw refusal('insufficient_credits', {
          required: quote.cost,
          available: credits(row.available ?? 0n),
        })
      case 'account_ended':
        throw refusal('account_disabled')
      case 'conversation_missing':
        throw refusal('conversation_not_found', { id: String(message.conversationId) })
      case 'conversation_busy':
        throw refusal('conversation_busy', { id: String(message.conversationId) })
      case 'price_changed':
        await context.catalog.reload()
        break
      default:
        throw new Error(`begin_reply_v2 answered ${row?.outcome}`)
    }
  }
  throw refusal('unavailable')
}

const readBytes = statement(
  'bytes of memory',
  `select coalesce(sum(octet_length(m ->> 'text') + $4::int), 0)::bigint as bytes
   from conversation c, jsonb_array_elements(conversation_memory_v2(c.id, $3, null)) m
   where c.id = $1 and c.account_id = $2`,
)

/**
 * How much a hold has to pay for of what the conversation said before. What is said between here and the reply's
 * beginning leaves no more room: the oldest is then forgotten instead.
 */
async function readMemoryBytes(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  { conversationId }: NewMessage,
  budget: number,
): Promise<number> {
  if (conversationId === null) return 0
  const values = [conversationId, actor.accountId, budget, MOST_TOKENS_AROUND_A_MESSAGE]
  const [row] = await context.db.rows<{ bytes: bigint }>(readBytes, values)
  return Number(row?.bytes ?? 0n)
}

function begin(
  context: Context,
  message: NewMessage,
  channels: readonly Writer[],
  { task_id, conversation_id, memory, held }: Begun,
  content: string,
  metered: Metered | null,
): Reply {
  if (task_id === null || conversation_id === null) throw new Error('what has begun has its numbers')
  const desk = deskOf(context)
  const messages = [...(memory ?? []), { role: 'user', text: content } as const]
  const texts = [chatTemplate.system, ...messages.map(({ text }) => text)]
  const live = createLiveReply({
    taskId: task_id,
    conversationId: conversation_id,
    generation: 1,
    meter: metered && createMeter(metered, texts, credits(held ?? 0n)),
    goesOn: message.whenLeft === undefined,
    onFirstText: desk.keepSoon,
  })
  desk.add(live)
  const reply = live.open()
  const job = {
    kind: 'text',
    purpose: chatTemplate.name,
    system: chatTemplate.system,
    messages,
    maxTokens:
      metered?.most.unit === 'tokens'
        ? metered.most.outputTokens
        : (context.preset.assistantReplyTokens ?? USUAL_REPLY_TOKENS),
    temperature: chatTemplate.temperature,
  } as const
  void writeReply(context, live, channels, job, LONGEST_MS)
  return reply
}

function readContent(text: string): string {
  const content = text.trim()
  if (content === '') throw refusal('input_invalid', { field: 'message', problem: 'missing' })
  if (content.length > MOST_MESSAGE_CHARACTERS)
    throw refusal('input_invalid', { field: 'message', problem: 'too_long' })
  return content
}

/** How the first message begins: its first line, whole characters only. */
function titleOf(content: string): string {
  return [...(content.split(/[\r\n]/, 1)[0] ?? '')].slice(0, MOST_TITLE_CHARACTERS).join('')
}
