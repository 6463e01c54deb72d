import type { FastifyRequest } from 'fastify'
import { authenticate } from '../kernel/accounts/authenticate.ts'
import type { Actor, Context } from '../kernel/context.ts'
import { KernelError, refusal } from '../kernel/errors.ts'
import type { Route } from './dialect.ts'
import type { Tokens } from './tokens.ts'

// Who is asking, and how often they may.

/** The token of the header; null without one. @throws credentials_invalid for a header of another form */
export function bearerOf(request: FastifyRequest): string | null {
  const [scheme, token, ...rest] = (request.headers.authorization ?? '').trim().split(/\s+/)
  if (!scheme) return null
  if (scheme.toLowerCase() !== 'bearer' || !token || rest.length > 0) throw refusal('credentials_invalid')
  return token
}

/** @throws credentials_missing */
export function missing(): never {
  throw refusal('credentials_missing')
}

/** Who is asking, from then on on the request. @throws what `authenticate` throws; credentials_missing, credentials_invalid */
export async function identify(context: Context, tokens: Tokens, request: FastifyRequest): Promise<void> {
  const token = bearerOf(request) ?? missing()
  request.actor = await authenticate(context, tokens.verify(token))
  request.token = token
}

/** Who is asking where anybody may; a token that opens nothing (any more) is nobody's, and no reason to refuse. */
export async function recognise(context: Context, tokens: Tokens, request: FastifyRequest): Promise<void> {
  try {
    if (bearerOf(request) !== null) await identify(context, tokens, request)
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
  }
}

/** An office behind one address logs in together: its limit is ten times that of one target. */
const ADDRESS_SHARE = 10

/** Counts a request by its account, or before login by its address. @throws rate_limited */
export async function limit(context: Context, route: Route, request: FastifyRequest): Promise<void> {
  const { actor } = request
  if (actor && isMember(context, actor) && isFreeForMembers(context, route)) return
  if (actor) await take(context, route, `account:${actor.accountId}`, 1)
  else await take(context, route, `address:${request.ip}`, ADDRESS_SHARE)
}

function isMember(context: Context, { memberUntil }: Actor): boolean {
  return memberUntil !== null && memberUntil > context.clock.now()
}

function isFreeForMembers({ preset }: Context, { rate }: Route): boolean {
  return rate !== 'unlimited' && preset.limits[rate].membersUnlimited === true
}

/** Counts one use of what a route costs by `key`, which may have `factor` times as many. @throws rate_limited */
export async function take(
  context: Context,
  { rate }: Pick<Route, 'rate'>,
  key: string,
  factor: number,
): Promise<void> {
  if (rate === 'unlimited') return
  const { points, perSeconds } = context.preset.limits[rate]
  const wait = await context.limiter.take({ name: rate, points: points * factor, perSeconds }, key)
  if (wait !== null) throw refusal('rate_limited', { retryAfterSeconds: wait })
}
