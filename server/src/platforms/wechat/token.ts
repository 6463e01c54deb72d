import { createHash } from 'node:crypto'
import type { Outbound } from '../../kernel/ports/outbound.ts'
import type { PlatformSecrets } from '../../kernel/ports/platform.ts'
import { PlatformError } from '../../kernel/ports/platform.ts'
import { asText, callPlatform, wordsOf } from '../shared/call.ts'
import { errorFor, StaleToken } from './errors.ts'

export type Tokens = {
  /** A token for an account; `stale` is one that was just refused. Throws `PlatformError`. */
  get: (secrets: PlatformSecrets, signal: AbortSignal, stale?: string) => Promise<string>
}

type Cached = { token: string; until: number }

/** A token is let go this long before it ends, so that none ends on its way. */
const MARGIN_MS = 300_000
const MOST_ACCOUNTS = 1_000
const now = (): number => performance.now()

/**
 * Tokens of accounts, by credential. `stable_token` gives every process the same token until it ends, so a cache in
 * memory is enough; forcing a new one is limited to 20 a day, so it is done only when WeChat refuses the very token
 * it still hands out.
 */
export function createTokens(outbound: Outbound, url: string): Tokens {
  const cache = new Map<string, Cached>()
  const asking = new Map<string, Promise<string>>()

  const ask = async (secrets: PlatformSecrets, force: boolean, signal: AbortSignal): Promise<Cached> => {
    const { app_id = '', app_secret = '' } = secrets
    const json = await callPlatform(outbound, `${url}/cgi-bin/stable_token`, {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        grant_type: 'client_credential',
        appid: app_id,
        secret: app_secret,
        force_refresh: force,
      }),
      signal,
    }).catch((error: unknown): never => {
      // Whatever became of asking for a token, nothing has been published by it.
      if (error instanceof PlatformError && error.kind === 'ambiguous')
        throw new PlatformError('unavailable', error.message, { cause: error })
      throw error
    })
    const token = asText(json.access_token)
    if (token === '') {
      const error = errorFor(Number(json.errcode ?? 0), wordsOf(json.errmsg, [app_secret]))
      // 40001 here is not about a token: the secret is wrong.
      if (error instanceof StaleToken)
        throw new PlatformError('refused', error.message, { reason: 'credentials_wrong' })
      throw error
    }
    return { token, until: now() + Number(json.expires_in ?? 7_200) * 1_000 - MARGIN_MS }
  }

  const fetchToken = async (
    key: string,
    secrets: PlatformSecrets,
    signal: AbortSignal,
    stale: string | undefined,
  ): Promise<string> => {
    let fresh = await ask(secrets, false, signal)
    if (fresh.token === stale) fresh = await ask(secrets, true, signal)
    if (cache.size >= MOST_ACCOUNTS) cache.delete(cache.keys().next().value ?? '')
    cache.set(key, fresh)
    return fresh.token
  }

  return {
    get: async (secrets, signal, stale) => {
      const key = createHash('sha256').update(`${secrets.app_id}\0${secrets.app_secret}`).digest('base64')
      const cached = cache.get(key)
      if (cached && cached.until > now() && cached.token !== stale) return cached.token
      const pending = asking.get(key)
      if (pending) return pending
      const mine = fetchToken(key, secrets, signal, stale).finally(() => asking.delete(key))
      asking.set(key, mine)
      return mine
    },
  }
}
