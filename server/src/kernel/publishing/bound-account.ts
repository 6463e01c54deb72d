import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import type { PlatformAccount, PlatformSecrets } from '../ports/platform.ts'
import { PlatformError } from '../ports/platform.ts'

/** A binding opened for one step. */
export type OpenBinding = {
  account: PlatformAccount
  name: string
  version: () => number
  secrets: () => PlatformSecrets
}

type BindingRow = { remote_account: string; name: string; sealed: Buffer; version: number }

const readBinding = statement(
  'read binding',
  `select remote_account, name, sealed, version from platform_binding where id = $1 and state = 'active'`,
)
const renewBinding = statement(
  'renew binding',
  `update platform_binding set sealed = $3, version = version + 1, updated_at = now()
   where id = $1 and version = $2 and state = 'active' returning version`,
)
const breakBinding = statement(
  'break binding',
  `update platform_binding set state = 'broken', updated_at = now() where id = $1 and version = $2`,
)

/** Renewals under way in this process: one refresh token is often good for one use. */
const renewals = new WeakMap<Context, Map<bigint, Promise<unknown>>>()

/** Decrypts a binding for a step; null when it is gone or its credentials no longer work. */
export async function openBinding(context: Context, bindingId: bigint): Promise<OpenBinding | null> {
  const [row] = await context.db.rows<BindingRow>(readBinding, [bindingId])
  if (!row) return null
  let { version } = row
  let secrets = openSecrets(context, row.sealed)
  const renew: PlatformAccount['renew'] = (stale, ask) =>
    inTurn(context, bindingId, async () => {
      const [now] = await context.db.rows<BindingRow>(readBinding, [bindingId])
      if (!now) throw new PlatformError('refused', 'the binding is gone', { reason: 'credentials_wrong' })
      const current = openSecrets(context, now.sealed)
      version = now.version
      secrets = current
      if (JSON.stringify(current) !== JSON.stringify(stale)) return current
      const fresh = await ask(current)
      const sealed = context.keys.seal(JSON.stringify(fresh))
      const [kept] = await context.db.rows<{ version: number }>(renewBinding, [bindingId, version, sealed])
      // Bound anew meanwhile: what was bound last stays, and this step goes on with what it has.
      if (kept) version = kept.version
      secrets = fresh
      return fresh
    })
  return {
    account: { remoteAccount: row.remote_account, secrets, renew },
    name: row.name,
    version: () => version,
    secrets: () => secrets,
  }
}

/** Marks a binding as one that must be bound anew, unless it has been meanwhile. */
export async function markBroken(context: Context, bindingId: bigint, version: number): Promise<void> {
  await context.db.rows(breakBinding, [bindingId, version])
}

const openSecrets = (context: Context, sealed: Buffer): PlatformSecrets =>
  JSON.parse(context.keys.open(sealed)) as PlatformSecrets

async function inTurn<Result>(context: Context, id: bigint, work: () => Promise<Result>): Promise<Result> {
  const waiting = renewals.get(context) ?? new Map<bigint, Promise<unknown>>()
  renewals.set(context, waiting)
  const before = waiting.get(id) ?? Promise.resolve()
  const mine = before.then(work, work)
  const settled = mine.catch(() => {})
  waiting.set(id, settled)
  try {
    return await mine
  } finally {
    if (waiting.get(id) === settled) waiting.delete(id)
  }
}
