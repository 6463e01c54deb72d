import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { PlatformApi, PlatformSecrets } from '../ports/platform.ts'
import { PlatformError } from '../ports/platform.ts'
import { platformNamed } from './platforms.ts'

export type Binding = { id: bigint; platform: string; name: string; createdAt: Date }

const storeBinding = statement(
  'store binding',
  `insert into platform_binding (account_id, platform, remote_account, name, sealed)
   select a.id, $2, $3, $4, $5 from account a where a.id = $1 and a.state = 'active' for share
   on conflict on constraint one_binding_per_account_and_platform do update set
     remote_account = excluded.remote_account, name = excluded.name, sealed = excluded.sealed, state = 'active',
     version = platform_binding.version + 1, updated_at = now()
   returning id, name, created_at`,
)

const BIND_MS = 30_000
const LONGEST = 2_000

/**
 * Binds the caller's account at a platform: its credentials are tried there before they are kept, encrypted.
 * Binding again replaces what was bound.
 *
 * @throws platform_unknown, input_invalid for a credential that is missing or unknown, platform_refused (also
 *   `by_hand_only` where nothing can be bound), account_disabled
 */
export async function bindPlatform(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
  input: { platform: string; credentials: PlatformSecrets },
): Promise<Binding> {
  const { api } = platformNamed(context, input.platform)
  if (!api) throw refusal('platform_refused', { platform: input.platform, reason: 'by_hand_only' })
  const given = checkCredentials(api, input.credentials)
  const bound = await api.bind(given, AbortSignal.timeout(BIND_MS)).catch((error: unknown): never => {
    if (!(error instanceof PlatformError)) throw error
    const { kind, reason, address } = error
    // Never the message of an adapter, and never what was given: a platform may quote it.
    context.log.warn({ platform: input.platform, kind, reason }, 'a platform took no credentials')
    throw refusal('platform_refused', {
      platform: input.platform,
      // Nothing can have been done by asking.
      reason: kind === 'refused' ? reason : 'unavailable',
      ...(address !== undefined && { address }),
    })
  })
  const [row] = await context.db.rows<{ id: bigint; name: string; created_at: Date }>(storeBinding, [
    actor.accountId,
    input.platform,
    bound.remoteAccount,
    bound.name.slice(0, 100),
    context.keys.seal(JSON.stringify(bound.secrets)),
  ])
  if (!row) throw refusal('account_disabled')
  return { id: row.id, platform: input.platform, name: row.name, createdAt: row.created_at }
}

/** What is wrong with the form is found here; whether it is true, the platform says. */
function checkCredentials(api: PlatformApi, credentials: PlatformSecrets): PlatformSecrets {
  const known = new Map(api.credentials.map((name) => [name.replace('?', ''), name.endsWith('?')]))
  for (const [name, value] of Object.entries(credentials)) {
    const field = `credentials.${name.slice(0, 50)}`
    if (!known.has(name)) throw refusal('input_invalid', { field, problem: 'unknown_field' })
    if (value.length > LONGEST) throw refusal('input_invalid', { field, problem: 'too_long' })
    // Lines and the like are no part of any credential or name.
    if (/\p{C}/u.test(value.trim())) throw refusal('input_invalid', { field, problem: 'format' })
  }
  const given = Object.entries(credentials)
    .map(([name, value]) => [name, value.trim()] as const)
    .filter(([, value]) => value !== '')
  const missing = [...known].find(([name, isOptional]) => !isOptional && !given.some(([one]) => one === name))
  if (missing) throw refusal('input_invalid', { field: `credentials.${missing[0]}`, problem: 'missing' })
  return Object.fromEntries(given)
}
