/**
 * The one way out of the house. Every address a name resolves to is checked before a connection is made to
 * exactly that address; redirects are followed by hand, each checked again; time and size are bounded.
 */
export type OutboundRequest = {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  headers?: Readonly<Record<string, string>>
  body?: string | Uint8Array
  /** Over everything, redirects included. */
  timeoutMs: number
  /** A longer answer is an error, found while reading. */
  maxBytes: number
  /** Redirects to follow, GET only; 0 returns the redirect itself. */
  maxRedirects?: number
  /** Set for addresses an operator configured: those may reach what OUTBOUND_ALLOW names. */
  isOperatorConfigured?: boolean
  signal?: AbortSignal
  /**
   * Takes the body as it comes instead of collecting it; the reply's own `body` is then empty. `maxBytes` and
   * `timeoutMs` hold as ever. Called once, for the last address after redirects. The request ends when it does.
   */
  readBody?: (body: AsyncIterable<Uint8Array>, head: Omit<OutboundReply, 'body'>) => Promise<void>
}

export type OutboundReply = {
  status: number
  headers: Readonly<Record<string, string>>
  body: Uint8Array
  url: string
}

/** Throws `OutboundError`. */
export type Outbound = (url: string, request: OutboundRequest) => Promise<OutboundReply>

/**
 * - `forbidden`: an address or scheme we do not connect to. - `unreachable`: no connection was made, so nothing
 * was sent. - `interrupted`: something was sent and no whole answer came. - `too_large`, `too_slow` likewise.
 */
export type OutboundErrorKind = 'forbidden' | 'unreachable' | 'interrupted' | 'too_large' | 'too_slow'

export class OutboundError extends Error {
  override readonly name = 'OutboundError'
  readonly kind: OutboundErrorKind
  constructor(kind: OutboundErrorKind, message: string, options: { cause?: unknown } = {}) {
    super(message, options)
    this.kind = kind
  }
}
