import { join } from 'node:path'
import type { Config, Storage } from './config.ts'
import type { Connection } from './db/database.ts'
import { openDatabase, statement } from './db/database.ts'
import { whenDatabaseAnswers } from './db/errors.ts'
import { migrate } from './db/migrate.ts'
import { openPostgresEvents } from './events/postgres-events.ts'
import { openDiskStore } from './files/disk-store.ts'
import type { Dialect } from './http/dialect.ts'
import { SQL_SOURCES } from './installation.ts'
import { createAccount } from './kernel/accounts/register.ts'
import { createSessionCache } from './kernel/accounts/session-cache.ts'
import { closeDesk } from './kernel/assistant/reply-desk.ts'
import { applyPreset } from './kernel/catalog/apply-preset.ts'
import { openCatalog } from './kernel/catalog/catalog.ts'
import { watchVendors } from './kernel/channels/watch-vendors.ts'
import { applyHouseCharacters } from './kernel/characters/apply-preset.ts'
import type { Context, Log } from './kernel/context.ts'
import { KernelError } from './kernel/errors.ts'
import type { Ids } from './kernel/ids.ts'
import { createIds } from './kernel/ids.ts'
import { deriveKeys } from './kernel/keys.ts'
import { createCallCounter } from './kernel/limits/count-calls.ts'
import { openWordList } from './kernel/moderation/word-list.ts'
import type { AskPace } from './kernel/ports/ask-pace.ts'
import type { DeckRenderer } from './kernel/ports/deck-renderer.ts'
import type { DirectUploads } from './kernel/ports/direct-uploads.ts'
import type { FileStore } from './kernel/ports/file-store.ts'
import type { FirstFrame } from './kernel/ports/first-frame.ts'
import type { Gateway } from './kernel/ports/gateway.ts'
import type { Outbound } from './kernel/ports/outbound.ts'
import type { Platform } from './kernel/ports/platform.ts'
import type { Provider } from './kernel/ports/provider.ts'
import type { VendorGates } from './kernel/ports/vendor-gates.ts'
import { createAskPace } from './limits/ask-pace.ts'
import { createMemoryLimiter } from './limits/memory-limiter.ts'
import { createVendorGates } from './limits/vendor-gates.ts'
import { createOutboxMailer, createSmtpMailer } from './mail/mailer.ts'

export type SiteOptions = {
  dialect: Dialect
  connection: Connection
  connections: number
  dataDir: string
  publicUrl: string
  secretKey: string
  mail: Pick<Config, 'smtpUrl' | 'mailFrom'>
  /** Where files lie; in the data folder unless given. */
  storage?: Storage
  providers: readonly Provider[]
  gateways: readonly Gateway[]
  platforms: readonly Platform[]
  outbound: Outbound
  /** Makes presentations; without one, decks fail. */
  decks?: DeckRenderer
  /** Decodes sent clips; without one their posters are drawn. */
  firstFrame?: FirstFrame
  /** What all sites of the process know of their vendors; the site's own unless given. */
  vendorGates?: VendorGates
  log: Log
  /** Shared by the sites of a process; a site that is alone in its process has its own. */
  askPace?: AskPace
  clock?: Context['clock']
  ids?: Ids
}

export type Site = { context: Context; close: () => Promise<void> }

const presetLock = statement('preset lock', 'select pg_advisory_xact_lock(7143803)')

/** Opens one site's database, brings it up to date and builds its context. Serves and works on nothing yet. */
export async function createSite(options: SiteOptions): Promise<Site> {
  const { dialect, connection, log } = options
  const clock = options.clock ?? { now: () => new Date() }
  const ids = options.ids ?? createIds()
  const onError = (error: unknown): void => log.warn({ error }, 'the database connection failed')
  const soon = <T>(step: () => Promise<T>): Promise<T> => whenDatabaseAnswers(step, { onError })
  const applied = await soon(() => migrate(connection, SQL_SOURCES))
  if (applied.length > 0) log.info({ applied }, 'migrated')

  const name = `atelier ${dialect.name}`
  const db = openDatabase(connection, { max: options.connections, name, onError })
  await soon(() =>
    db.transaction(async (within) => {
      await within.rows(presetLock, [])
      await applyPreset(within, dialect.preset)
      await applyHouseCharacters(within, dialect.preset)
    }),
  )
  const events = await soon(() => openPostgresEvents(connection, { name, tag: ids.token(12), onError }))
  const catalog = await soon(() => openCatalog(db, events, dialect.preset, onError))
  const words = await soon(() => openWordList(db, events, onError))
  const { smtpUrl, mailFrom } = options.mail
  const mail = smtpUrl
    ? createSmtpMailer(smtpUrl, mailFrom)
    : createOutboxMailer(join(options.dataDir, 'outbox', dialect.name), mailFrom, clock.now)

  const files = await openFiles(options)
  const calls = createCallCounter(db, clock, (error) => log.warn({ error }, 'calls could not be counted'))

  const context: Context = {
    site: dialect.name,
    db,
    clock,
    ids,
    keys: deriveKeys(options.secretKey, dialect.name),
    get preset() {
      return catalog.preset()
    },
    catalog,
    words,
    sessions: createSessionCache(events),
    providers: new Map(options.providers.map((provider) => [provider.name, provider])),
    gateways: new Map(options.gateways.map((gateway) => [gateway.name, gateway])),
    platforms: new Map(options.platforms.map((platform) => [platform.name, platform])),
    outbound: options.outbound,
    decks: options.decks ?? null,
    firstFrame: options.firstFrame ?? (async () => null),
    files: files.store,
    directUploads: files.directUploads,
    publicUrl: options.publicUrl,
    mail,
    events,
    limiter: createMemoryLimiter(),
    askPace: options.askPace ?? createAskPace(),
    vendorGates: options.vendorGates ?? createVendorGates(),
    calls,
    log,
  }
  const stopWatching = await soon(() => watchVendors(context))
  return {
    context,
    close: async () => {
      stopWatching()
      await closeDesk(context)
      catalog.close()
      words.close()
      await calls.close()
      mail.close()
      files.close()
      await events.close()
      await db.close()
    },
  }
}

/** The site's part of wherever the installation keeps files; a bucket has a folder for each site. */
async function openFiles({ storage, dataDir, dialect }: SiteOptions): Promise<{
  store: FileStore
  directUploads: DirectUploads | null
  close: () => void
}> {
  const nothing = (): void => {}
  // Their libraries are large, and most installations need neither.
  switch (storage?.kind) {
    case 's3': {
      const { openS3Store } = await import('./files/s3-store.ts')
      const { close, ...store } = openS3Store(storage.account, dialect.name)
      return { store, directUploads: null, close }
    }
    case 'oss': {
      const { openOssStore, openOssUploads } = await import('./files/oss-store.ts')
      const store = openOssStore(storage.account, dialect.name)
      return { store, directUploads: openOssUploads(storage.account), close: nothing }
    }
    default: {
      const store = await openDiskStore(join(dataDir, 'files', dialect.name))
      return { store, directUploads: null, close: nothing }
    }
  }
}

const anyAdministrator = statement('any administrator', `select from account where role = 'admin' limit 1`)

/** Opens the first administrator's account where a site has none. @returns true when it was opened now. */
export async function ensureAdministrator(
  context: Context,
  admin: { username: string; email: string },
  readPassword: () => Promise<string>,
): Promise<boolean> {
  if ((await context.db.rows(anyAdministrator, [])).length > 0) return false
  try {
    await createAccount(context, { ...admin, password: await readPassword(), role: 'admin' })
    return true
  } catch (error) {
    // Another process of the same site was faster.
    if (error instanceof KernelError && error.code === 'account_exists') return false
    throw error
  }
}
