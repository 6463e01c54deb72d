import { statement } from '../../db/database.ts'
import type { Actor, Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { Platform } from '../ports/platform.ts'

/** @throws platform_unknown for one that this site does not offer */
export function platformNamed(context: Pick<Context, 'platforms' | 'preset'>, name: string): Platform {
  const platform = context.platforms.get(name)
  if (!platform || !context.preset.platforms?.includes(name))
    throw refusal('platform_unknown', { platform: name })
  return platform
}

/** A platform as a user sees it. */
export type PlatformView = {
  platform: Platform
  /** The caller's account there, while its credentials work. */
  binding: { name: string; createdAt: Date } | null
}

const bindingsOf = statement(
  'bindings of account',
  `select platform, name, created_at from platform_binding where account_id = $1 and state = 'active'`,
)

/** The platforms of this site in the document's order, with what the caller has bound. */
export async function listPlatforms(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
): Promise<PlatformView[]> {
  const rows = await context.db.rows<{ platform: string; name: string; created_at: Date }>(bindingsOf, [
    actor.accountId,
  ])
  return (context.preset.platforms ?? []).map((name) => {
    const row = rows.find(({ platform }) => platform === name)
    return {
      platform: platformNamed(context, name),
      binding: row ? { name: row.name, createdAt: row.created_at } : null,
    }
  })
}
