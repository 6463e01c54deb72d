import type { FastifyReply } from 'fastify'
import type { Actor, Context } from '../kernel/context.ts'
import { refusal } from '../kernel/errors.ts'
import { allowanceFor, readQuota } from '../kernel/limits/allowance.ts'
import type { QuotaName } from '../kernel/preset.ts'

/** What a browser's front-end may read besides the body. */
export const QUOTA_HEADERS = [
  ...['X-RateLimit-Limit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset'],
  ...['X-Quota-Limit', 'X-Quota-Remaining', 'X-Quota-Reset'],
]

/**
 * Counts a call of an account against its hour, and tells on the answer how many are left and, in seconds since 1970,
 * until when. Costs nothing where calls have no quota.
 * @throws quota_spent
 */
export async function countCall(context: Context, actor: Actor, reply: FastifyReply): Promise<void> {
  const allowance = context.preset.quotas?.calls
  if (!allowance) return
  const most = allowanceFor(context, actor, allowance)
  const { isTaken, limit, remaining, resetsAt } = await context.calls.take(actor.accountId, most)
  reply.headers({
    'x-ratelimit-limit': String(limit),
    'x-ratelimit-remaining': String(remaining),
    'x-ratelimit-reset': toSeconds(resetsAt),
  })
  if (isTaken) return
  const waitMs = resetsAt.getTime() - context.clock.now().getTime()
  throw refusal('quota_spent', {
    quota: 'calls',
    limit,
    retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)),
  })
}

/** Tells on an answer what is left of a day's quota, after whatever the request did. */
export async function tellQuota(
  context: Context,
  actor: Actor,
  quota: Exclude<QuotaName, 'calls'>,
  reply: FastifyReply,
): Promise<void> {
  // The answer matters more: a task that was made is made.
  const state = await readQuota(context, actor, quota).catch((error: unknown) => {
    context.log.warn({ error }, 'a quota could not be read')
    return null
  })
  if (!state) return
  reply.headers({
    'x-quota-limit': String(state.limit),
    'x-quota-remaining': String(state.remaining),
    'x-quota-reset': toSeconds(state.resetsAt),
  })
}

function toSeconds(moment: Date): string {
  return String(Math.floor(moment.getTime() / 1000))
}
