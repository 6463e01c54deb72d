/**
 * The contract of everything that makes pictures, clips or text: vendors and the built-in renderer alike.
 *
 * A provider is a plain object. It never sees credits, accounts or the database; it is given a job, and
 * either finishes it or hands back an opaque operation that a task row can store and any worker can resume.
 */

/** Anything that survives `JSON.parse(JSON.stringify(value))`: what a task row stores of a vendor's job. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

export type ProviderKind = 'image' | 'image_edit' | 'video' | 'text' | 'vision' | 'custom'

/**
 * Where a channel reaches its vendor, as an operator set it up. Decrypted for the call, never logged. Null for a
 * provider that needs none. What `options` means is the provider's own.
 */
export type ProviderConnection = {
  /** Base address, or the whole address where the vendor has but one; without a trailing slash. */
  url: string
  /** The key; empty when the vendor asks for none. */
  secret: string
  headers: Readonly<Record<string, string>>
  options: { readonly [name: string]: Json }
}

/** What a picture is made from. Sizes are pixels; `seed` is 1…2147483647; `guidance` is about 1…20. */
export type ImageJob = {
  kind: 'image' | 'image_edit'
  /** The vendor's own model id. */
  model: string
  prompt: string
  negativePrompt?: string
  width: number
  height: number
  /** How many pictures, at least 1. */
  count: number
  seed: number
  guidance: number
  watermark: boolean
  /** Picture-to-picture: the source's bytes (already checked and re-encoded) and how far to leave it, 0…1. */
  source?: { bytes: Uint8Array; mediaType: string }
  strength?: number
}

/** What a clip is made from: a prompt, a first picture, or both. */
export type VideoJob = {
  kind: 'video'
  model: string
  prompt: string
  width: number
  height: number
  /** Length in whole seconds. */
  seconds: number
  fps: number
  seed: number
  /** The first picture's bytes (already checked and re-encoded). */
  source?: { bytes: Uint8Array; mediaType: string }
}

/** A call whose parameters the operator declared: `arguments` have been checked against the declaration. */
export type CustomJob = {
  kind: 'custom'
  model: string
  arguments: { readonly [name: string]: Json }
}

export type ProviderJob = ImageJob | VideoJob | CustomJob

/** What is written from a conversation; the last message is the user's. Only `vision` jobs have pictures. */
export type TextJob = {
  kind: 'text' | 'vision'
  model: string
  /**
   * The kernel's name of what is asked for, when it is one of its own templates. A model reads `system`; the
   * built-in renderer, which reads nothing, knows by this which form to fill in.
   */
  purpose?: string
  /**
   * What was filled into that template, by the names of its inputs (`WritingTool.inputs`, `keywords`, `supplement`; for
   * the purpose `deck`: `topic`, and `outline` one item a line). It stands in the messages too, for those who read.
   */
  values?: Readonly<Record<string, string>>
  /** Set when the text must be one JSON object, for a vendor that can be told so. */
  format?: 'json'
  /** 1…2147483647. The built-in renderer writes the same for the same seed and values; without one, by the values. */
  seed?: number
  system: string
  messages: readonly TextMessage[]
  maxTokens: number
  /** 0…2. */
  temperature: number
}

export type TextMessage = {
  role: 'user' | 'assistant'
  text: string
  /** Already checked and re-encoded. */
  pictures?: readonly { bytes: Uint8Array; mediaType: string }[]
}

/** A piece of text as it comes, or the end of it; usage is null where the vendor does not count. */
export type TextPart =
  | { type: 'text'; text: string }
  | {
      type: 'end'
      reason: 'stop' | 'length' | 'content'
      usage: { inputTokens: number; outputTokens: number } | null
    }

/** What a job took, as its vendor counted it; what is not counted is left out. Prices are the kernel's. */
export type Usage = {
  inputTokens?: number
  outputTokens?: number
  pictures?: number
  /** Of a clip. */
  seconds?: number
}

/** A finished file, still in the provider's hands: its bytes, or where they can be fetched for a while. */
export type Output =
  | {
      bytes: Uint8Array
      mediaType: string
      width: number
      height: number
      /** A still of a clip, as a picture file, to show before it plays. */
      poster?: Uint8Array
    }
  | {
      url: string
      /** Set when the address lies on a host the operator configured: it may reach what OUTBOUND_ALLOW names. */
      isOperatorConfigured?: boolean
      /**
       * What the vendor wants to see before it hands the file out, such as its key. Kept in memory only, sent to the
       * origin of `url` and nowhere else: a redirect to another origin goes without.
       */
      headers?: Readonly<Record<string, string>>
    }

export type Step =
  | { state: 'pending'; operation: Json; checkAfterMs: number; progress?: number }
  | { state: 'done'; outputs: Output[]; usage?: Usage }

export type CallOptions = {
  connection: ProviderConnection | null
  /** Aborted when the task is canceled, its deadline passes or the lease is lost. */
  signal: AbortSignal
  /** Reports progress in percent, 0…99; may be called often. */
  progress: (percent: number) => void
  /**
   * Names the attempt at the vendor, where the wire has room for a name: the same for whoever looks for it later, and
   * for no other attempt. 1…64 letters, digits and hyphens.
   */
  reference: string
}

/**
 * What a vendor lets one credential do, as it documents it; an operator may set other figures on the connection. What
 * is left out is not limited.
 */
export type VendorLimits = {
  /** Jobs under way at the vendor. */
  jobs?: number
  /** Starts a minute. */
  startsPerMinute?: number
  /** Looks at jobs a second, over all of them. */
  asksPerSecond?: number
  /** The least time between two looks at one job. */
  askEveryMs?: number
}

/** How an operator brings a vendor in by the environment alone; the addresses and names are the vendor's own. */
export type VendorAccount = {
  /** Holds the key, such as `OPENAI_API_KEY`; null for a vendor that asks for none, which its address brings in. */
  keyVariable: string | null
  /** Holds another base address than the usual one, such as `OPENAI_BASE_URL`. */
  addressVariable: string
  /** The usual base address; null for what runs at the operator's own place. */
  address: string | null
  /** What models are called after in presets (`Model.vendor`) that this vendor serves before any other. */
  serves: readonly string[]
}

export type Provider = {
  name: string
  kinds: readonly ProviderKind[]
  /** The vendor's model that serves a kind until an operator chooses. */
  defaultModels?: Readonly<Partial<Record<ProviderKind, string>>>
  /** True when starting the same job twice costs nobody anything (a local renderer). */
  repeatable: boolean
  /** How many jobs of this provider one process runs at a time. */
  concurrency: number
  limits?: VendorLimits
  /** How the environment brings it in; without it only an operator's command does. */
  account?: VendorAccount
  /** What is wrong with a connection's options for jobs of a kind, in a sentence for its operator; null when nothing is. */
  problemWith?: (connection: ProviderConnection, kind: ProviderKind) => string | null
  /**
   * Asks the vendor something that costs nothing, to see whether it takes the connection. Returns the ids of the models
   * that it says it has; null where it does not say. Throws `ProviderError`.
   */
  probe?: (options: Pick<CallOptions, 'connection' | 'signal'>) => Promise<readonly string[] | null>
  /** Starts a job. Throws `ProviderError`. */
  start: (job: ProviderJob, options: CallOptions) => Promise<Step>
  /**
   * Writes text, piece by piece; the last part is `end`, once. Stops when the signal is aborted. Throws
   * `ProviderError`, also in the middle. For the kinds `text` and `vision`.
   */
  write?: (job: TextJob, options: Pick<CallOptions, 'connection' | 'signal'>) => AsyncIterable<TextPart>
  /** Asks after a job that `start` left pending. Throws `ProviderError`. */
  check?: (operation: Json, options: CallOptions) => Promise<Step>
  /**
   * Looks for a job that may have been started, by the reference it was started under, and changes nothing. `not_done`
   * only where the vendor surely has no such job and never will. Throws `ProviderError('unavailable')` when it cannot
   * be asked now. For vendors that can be asked by our own name of a job.
   */
  find?: (job: ProviderJob, options: CallOptions) => Promise<Step | { state: 'not_done' }>
  /** Tells the vendor that nobody waits any more. Best effort. */
  cancel?: (operation: Json, connection: ProviderConnection | null) => Promise<void>
  /** The vendor's own number of a job, for operators and clients that show it; null when it has none. */
  remoteId?: (operation: Json) => string | null
}

/**
 * Why a provider said no, in the words that decide what happens next:
 * - `rejected`: the input is at fault; never retried.
 * - `content`: refused by moderation; never retried.
 * - `throttled`: not done, come back after `retryAfterMs`.
 * - `unavailable`: known not to have been done (connect refused, a 5xx documented as safe); may be retried.
 * - `failed`: the vendor took the job and says that it ended without a result, at no cost. The operation is dead:
 *   asking again tells nothing new, another attempt may succeed.
 * - `ambiguous`: it may have been done (a timeout after sending); never resubmitted blindly.
 */
export type ProviderErrorKind = 'rejected' | 'content' | 'throttled' | 'unavailable' | 'failed' | 'ambiguous'

export class ProviderError extends Error {
  readonly kind: ProviderErrorKind
  readonly retryAfterMs: number | undefined
  constructor(
    kind: ProviderErrorKind,
    message: string,
    options: { retryAfterMs?: number; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause })
    this.name = 'ProviderError'
    this.kind = kind
    this.retryAfterMs = options.retryAfterMs
  }
}
