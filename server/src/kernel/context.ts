import type { Database } from '../db/database.ts'
import type { SessionCache } from './accounts/session-cache.ts'
import type { Catalog } from './catalog/catalog.ts'
import type { Ids } from './ids.ts'
import type { Keys } from './keys.ts'
import type { CallCounter } from './limits/count-calls.ts'
import type { WordList } from './moderation/word-list.ts'
import type { AskPace } from './ports/ask-pace.ts'
import type { DeckRenderer } from './ports/deck-renderer.ts'
import type { DirectUploads } from './ports/direct-uploads.ts'
import type { Events } from './ports/events.ts'
import type { FileStore } from './ports/file-store.ts'
import type { FirstFrame } from './ports/first-frame.ts'
import type { Gateway } from './ports/gateway.ts'
import type { Limiter } from './ports/limiter.ts'
import type { Mailer } from './ports/mailer.ts'
import type { Outbound } from './ports/outbound.ts'
import type { Platform } from './ports/platform.ts'
import type { Provider } from './ports/provider.ts'
import type { VendorGates } from './ports/vendor-gates.ts'
import type { Preset } from './preset.ts'

export type Log = {
  debug: (details: object, message: string) => void
  info: (details: object, message: string) => void
  warn: (details: object, message: string) => void
  error: (details: object, message: string) => void
}

/** Everything one site has; the first argument of every use-case. */
export type Context = {
  site: string
  db: Database
  /** Wall-clock time for tokens, file names and displays; money and leases use the database's `now()`. */
  clock: { now: () => Date }
  ids: Ids
  keys: Keys
  preset: Preset
  catalog: Catalog
  /** What users may not ask for. */
  words: WordList
  sessions: SessionCache
  providers: ReadonlyMap<string, Provider>
  gateways: ReadonlyMap<string, Gateway>
  platforms: ReadonlyMap<string, Platform>
  files: FileStore
  /** Gives users keys to send files straight to the storage service; null where files come through us. */
  directUploads: DirectUploads | null
  /** Address of this site as clients see it, without a trailing slash. */
  publicUrl: string
  /** The one way to other people's servers. */
  outbound: Outbound
  /** Makes presentations; null where nobody does, and decks fail. */
  decks: DeckRenderer | null
  /** Decodes clips that users send, as far as anything here can. */
  firstFrame: FirstFrame
  mail: Mailer
  events: Events
  limiter: Limiter
  /** When vendors may be asked after their jobs; the sites of a process share it, as they may share a credential. */
  askPace: AskPace
  /** Who may call which vendor now; one for all sites of a process. */
  vendorGates: VendorGates
  /** Counts what accounts call in an hour, where the preset has a quota for it. */
  calls: CallCounter
  log: Log
}

/** Who is asking: an authenticated account, with where the request came from for the statement. */
export type Actor = {
  accountId: bigint
  uuid: string
  username: string
  email: string | null
  role: 'user' | 'admin'
  sessionId: string
  /** When the account's membership ends or ended, the year 9999 for one for life; null for who never was a member. */
  memberUntil: Date | null
}

/** Where a request came from. Stored with money; never decides anything. */
export type Origin = { ip: string | null; device: string | null }
