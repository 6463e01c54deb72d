// Who takes part and what they ask for: the same accounts, sessions and tasks for every peer.
import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { createTokens } from '../server/src/http/tokens.ts'
import type { Context } from '../server/src/kernel/context.ts'
import type { Submission } from '../server/src/kernel/generation/submit.ts'

export type User = { accountId: bigint; token: string; handles: string[] }

/** A connection serves one user for so many requests in a row, then the next: session caches miss once in 16. */
const REQUESTS_IN_A_ROW = 16
const MOST_CALLERS = 64

/** No two callers ever act for the same user: wallets are not fought over. */
export function userOf<One>(users: readonly One[], caller: number, turn: number): One {
  const share = Math.floor(users.length / MOST_CALLERS)
  const user = users[caller * share + (Math.floor(turn / REQUESTS_IN_A_ROW) % share)]
  if (!user) throw new Error('fewer users than callers')
  return user
}

/** What a body of `POST /generate/image` becomes in the kernel; the bench's own submit route uses it too. */
export function submissionOf(prompt: string, seed: number): Submission {
  return {
    kind: 'image',
    model: null,
    input: { prompt, width: 512, height: 512, count: 1, seed, guidance: 2.5, watermark: false },
    parameters: { size: '512x512', guidance_scale: 2.5, seed, watermark: false },
    idempotencyKey: null,
    origin: { ip: '127.0.0.1', device: null },
  }
}

export const PROMPT = 'a paper lantern on a quiet river at dusk, long exposure'

const CREDITS = 10_000_000_000_000n

/** Opens `count` accounts with a session each, as registration does but without its mail and password work. */
export async function seedUsers(context: Context, pool: pg.Pool, count: number): Promise<User[]> {
  const tokens = createTokens(context.keys.token, context.site, context.clock.now)
  const expiresAt = new Date(Date.now() + 86_400_000)
  const made = Array.from({ length: count }, () => ({ uuid: randomUUID(), session: randomUUID() }))
  const { rows } = await pool.query<{ id: string; uuid: string; session: string }>(
    `select register_account_v1($1, uuid, 'bench ' || uuid, uuid || '@qq.com', 'none', 'user', $2, 'bench', null,
       session, $3) as id, uuid, session from unnest($4::uuid[], $5::uuid[]) as made (uuid, session)`,
    [
      context.keys.chain,
      CREDITS,
      expiresAt,
      made.map(({ uuid }) => uuid),
      made.map(({ session }) => session),
    ],
  )
  return rows.map(({ id, uuid, session }) => ({
    accountId: BigInt(id),
    token: tokens.sign({ id: session, expiresAt }, uuid),
    handles: [],
  }))
}
