import type { PlatformProblem } from '../errors.ts'
import type { Json } from './provider.ts'

export type { PlatformProblem }

/**
 * The contract of everything a work is published on. A platform is a plain object that never sees accounts or the
 * database: it is given a work, takes one step at a time, and hands back an opaque operation that any worker can
 * resume. What it cannot do by an API, its user does by hand on the hand-off page.
 */

/** What kind of work it is: a text (with or without pictures), pictures alone, or a clip. */
export type Shape = 'article' | 'pictures' | 'video'

/** A file of the work, read when it is needed: a clip is not held in memory while somebody waits for a review. */
export type PublishMedia = {
  /** Ends the file's address, so that a text that shows the file can be told which one it means. */
  name: string
  mediaType: string
  bytes: number
  read: () => Promise<Uint8Array>
}

export type PublishContent = {
  shape: Shape
  title: string
  /** Markdown. */
  body: string
  /** Without their `#`. */
  tags: readonly string[]
  pictures: readonly PublishMedia[]
  clip: PublishMedia | null
  /** A still to stand for the work; the first picture, or of a clip its thumbnail. */
  cover: PublishMedia | null
}

/** Credentials as a user or the platform gave them. Decrypted for a call, never logged, never shown. */
export type PlatformSecrets = Readonly<Record<string, string>>

export type PlatformAccount = {
  /** The account's own number at the platform. */
  remoteAccount: string
  secrets: PlatformSecrets
  /**
   * Replaces tokens that have run out, once however many ask: whoever comes second gets what the first one got.
   * `renew` is not called when `stale` is no longer what is stored.
   */
  renew: (
    stale: PlatformSecrets,
    renew: (current: PlatformSecrets) => Promise<PlatformSecrets>,
  ) => Promise<PlatformSecrets>
}

/** What binding found out. `secrets` are what later calls need, which need not be what the user gave. */
export type BoundAccount = { remoteAccount: string; name: string; secrets: PlatformSecrets }

/**
 * What the *next* call will do, which decides what is made of its loss:
 * - `preparing`: harmless to repeat, nobody sees anything of it (uploads).
 * - `acting`: makes the post or the draft; never sent twice, a lost answer leaves the outcome unknown.
 * - `asking`: only asks after what was done.
 */
export type PublishPhase = 'preparing' | 'acting' | 'asking'

export type PublishStep =
  | { state: 'working'; phase: PublishPhase; operation: Json; afterMs: number }
  | {
      state: 'drafted' | 'in_review' | 'published'
      remoteId: string | null
      url: string | null
      /** Why it ended as a draft. */
      reason?: PlatformProblem
    }

export type PlatformApi = {
  /** What it publishes by itself; other shapes are handed off. */
  shapes: readonly Shape[]
  /** Names of the credentials that binding takes; those with `?` may be left out. */
  credentials: readonly string[]
  /** Checks credentials at the platform. Throws `PlatformError`. */
  bind: (given: PlatformSecrets, signal: AbortSignal) => Promise<BoundAccount>
  /** Takes one step; with a null operation the first one, which is always `preparing`. Throws `PlatformError`. */
  advance: (
    account: PlatformAccount,
    content: PublishContent,
    operation: Json,
    signal: AbortSignal,
  ) => Promise<PublishStep>
}

/** What somebody needs to know who publishes by hand. Lengths are characters. */
export type HandoffGuide = {
  /** The platform's own name for users. */
  name: string
  /** Where its page for authors is. */
  authorUrl: string
  /** Hosts of links to posts there. */
  hosts: readonly string[]
  longestTitle: number | null
  longestBody: number | null
  mostPictures: number | null
}

export type Platform = {
  name: string
  /** Null for one that nobody may publish on by an API. */
  api: PlatformApi | null
  handoff: HandoffGuide
}

/**
 * Why a platform said no, in the words that decide what happens next:
 * - `refused`: not done, and it will not be; `reason` is what the user is told.
 * - `throttled`: not done, come back after `retryAfterMs`.
 * - `unavailable`: known not to have been done; tried again by itself.
 * - `ambiguous`: it may have been done; never repeated by itself once it was more than a preparation.
 */
export type PlatformErrorKind = 'refused' | 'throttled' | 'unavailable' | 'ambiguous'

export class PlatformError extends Error {
  override readonly name = 'PlatformError'
  readonly kind: PlatformErrorKind
  readonly reason: PlatformProblem
  readonly retryAfterMs: number | undefined
  /** Our own address as the platform saw it, where it is not on the account's list. */
  readonly address: string | undefined
  /** @param message for operators; without secrets. */
  constructor(
    kind: PlatformErrorKind,
    message: string,
    options: { reason?: PlatformProblem; retryAfterMs?: number; address?: string; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause })
    this.kind = kind
    this.reason = options.reason ?? (kind === 'ambiguous' ? 'unknown' : 'unavailable')
    this.retryAfterMs = options.retryAfterMs
    this.address = options.address
  }
}
