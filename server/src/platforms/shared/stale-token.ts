import type { PlatformAccount, PlatformSecrets } from '../../kernel/ports/platform.ts'
import { PlatformError } from '../../kernel/ports/platform.ts'
import type { JsonObject } from './call.ts'

/** Its token has run out: known not to have been done, and worth one more try with a new one. */
export class StaleToken extends Error {}

/** What the platform will not take however often it is sent: the account has to be bound again. */
export const wrong = (message: string): PlatformError =>
  new PlatformError('refused', message, { reason: 'credentials_wrong' })

/**
 * Works with whatever token is stored, and once more with a new one when that has run out.
 *
 * @param renewed trades the current secrets for new ones; whoever else renews meanwhile is waited for.
 * @throws PlatformError; `unavailable` when the renewal got lost, for the call itself was refused and is undone
 */
export async function withToken(
  account: PlatformAccount,
  renewed: (current: PlatformSecrets) => Promise<PlatformSecrets>,
  work: (secrets: PlatformSecrets) => Promise<JsonObject>,
): Promise<JsonObject> {
  try {
    return await work(account.secrets)
  } catch (error) {
    if (!(error instanceof StaleToken)) throw error
  }
  const fresh = await account.renew(account.secrets, renewed).catch((error: unknown): never => {
    if (error instanceof PlatformError && error.kind === 'ambiguous')
      throw new PlatformError('unavailable', error.message, { cause: error })
    throw error
  })
  return work(fresh).catch((error: unknown): never => {
    throw error instanceof StaleToken ? wrong(error.message) : error
  })
}
