/**
 * The contract of everything that takes money. A gateway knows its wire and its signatures; it never sees the
 * database, and what it reports becomes a credit only through `kernel/payments/settle.ts`.
 */

/** What an operator set up for one channel. `secret` is decrypted for the call and never logged. */
export type GatewayAccount = {
  /** Base address of the gateway, without a trailing slash. */
  url: string
  /** Our merchant id there. */
  merchant: string
  /** A key or, where a gateway needs several, a JSON document that names them (that gateway's README). */
  secret: string
  /** Quirks of one deployment, by name (facts of the gateway's README). */
  options: Readonly<Record<string, string>>
}

/** An order as a gateway needs it. */
export type GatewayOrder = {
  /** Our number at the gateway; ASCII letters, digits and `_`, at most 32 characters. */
  tradeNumber: string
  amountFen: bigint
  /** What is bought, shown to the payer. */
  name: string
  /** How the payer wants to pay: alipay, wxpay, … */
  method: string
  notifyUrl: string
  returnUrl: string
  clientIp: string
  /** Until when it may be paid; a gateway that can refuses payment after that. */
  expiresAt: Date
}

/** Money to be given back. `refundNumber` is the same however often one refund is asked for. */
export type GatewayRefund = {
  tradeNumber: string
  gatewayTrade: string
  amountFen: bigint
  /** At most 64 characters of those in a trade number. */
  refundNumber: string
}

/** Where the payer goes. `qrCode` is the text of a QR code, never a picture. */
export type Checkout = { payUrl: string | null; qrCode: string | null; gatewayTrade: string | null }

/** What a gateway says of an order, in a notification or when asked. Amounts as it wrote them. */
export type PaymentReport = {
  tradeNumber: string
  gatewayTrade: string
  merchant: string
  /** Decimal yuan exactly as received; the kernel parses it. */
  amount: string
  currency: 'CNY'
  isPaid: boolean
}

/**
 * A notification as it arrived, unparsed: signatures are over what was sent. The names of `headers` are in lower
 * case; some gateways sign in them, and nothing else is read from there.
 */
export type RawNotification = {
  method: string
  query: string
  contentType: string
  body: string
  headers: Readonly<Record<string, string>>
}

/** What became of a refund: `unknown` while it is under way, or when somebody has to look there. */
export type RefundOutcome = 'done' | 'undone' | 'unknown'

export type Gateway = {
  name: string
  /** Whether it can serve a payment method by this name; one that says nothing serves any. */
  takesMethod?: (method: string) => boolean
  /** What an account lacks, in one sentence for the operator who sets it up; null when it is whole. */
  checkAccount?: (account: GatewayAccount) => string | null
  /** Opens an order at the gateway. Throws `GatewayError`. */
  create: (account: GatewayAccount, order: GatewayOrder) => Promise<Checkout>
  /** Asks after an order; null when the gateway does not know it. Throws `GatewayError`. */
  query: (account: GatewayAccount, tradeNumber: string) => Promise<PaymentReport | null>
  /**
   * Checks a notification's signature over the raw input and reads it.
   * Throws `GatewayError('signature' | 'malformed')`.
   */
  readNotification: (account: GatewayAccount, notification: RawNotification) => PaymentReport
  /** The answers the gateway expects: taken (also for a repeat), and not taken (it will send again). */
  answers: { taken: GatewayAnswer; refused: GatewayAnswer }
  /**
   * Closes an order that nobody shall pay any more; one that is not there, or is closed, is as good as closed.
   * Throws `GatewayError`; `refused` also when it has been paid.
   */
  close?: (account: GatewayAccount, tradeNumber: string) => Promise<void>
  /** Pays back. Throws `GatewayError`; `ambiguous` when it may have been done, or is under way. */
  refund: (account: GatewayAccount, refund: GatewayRefund) => Promise<void>
  /**
   * Asks after a refund, for gateways that keep books of them. `undone` only when it will not come of itself any
   * more. Never asked while a `refund` call can still be under way. Throws `GatewayError`.
   */
  askRefund?: (account: GatewayAccount, refund: GatewayRefund) => Promise<RefundOutcome>
  /** For a gateway whose payers pay on a page of the site itself. */
  cashier?: Cashier
}

/** A link that `create` made, as it arrives again: the decoded number in its path, and its raw query. */
export type CashierVisit = { tradeNumber: string; query: string }

/** `paid`, `cancelled` by the payer (it can still be paid), or `closed` (nothing is left to do here). */
export type CashierOutcome = 'paid' | 'cancelled' | 'closed'

export type Cashier = {
  /** The page as HTML: asking, or telling an outcome. Throws `GatewayError('signature')` for another link. */
  page: (account: GatewayAccount, visit: CashierVisit, outcome?: CashierOutcome) => string
  /** What pressing *pay* reports to us, to go through the same door as any notification. */
  payment: (account: GatewayAccount, visit: CashierVisit) => RawNotification
}

export type GatewayAnswer = { status: number; contentType: string; body: string }

/**
 * Why a gateway call came to nothing: `signature` (forged or another key), `malformed` (not its wire),
 * `refused` (it said no; its words are in the message, for operators), `unavailable` (known not to have been
 * done), `ambiguous` (it may have been done).
 */
export type GatewayErrorKind = 'signature' | 'malformed' | 'refused' | 'unavailable' | 'ambiguous'

export class GatewayError extends Error {
  override readonly name = 'GatewayError'
  readonly kind: GatewayErrorKind
  constructor(kind: GatewayErrorKind, message: string, options: { cause?: unknown } = {}) {
    super(message, options)
    this.kind = kind
  }
}
