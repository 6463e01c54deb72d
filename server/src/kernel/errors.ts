import type { ModelKind } from './generation/task-input.ts'
import type { Credits } from './money.ts'

/** Every way the kernel can say no, with what a reply may tell about it. No HTTP and no language here. */
export type ErrorDetails = {
  // Who is asking
  credentials_missing: Record<never, never>
  credentials_invalid: Record<never, never>
  credentials_expired: Record<never, never>
  /** The session was ended: by its owner, or by what an operator did to the account. */
  credentials_revoked: Record<never, never>
  account_missing: Record<never, never>
  account_disabled: Record<never, never>
  login_failed: Record<never, never>
  forbidden: Record<never, never>
  // Opening an account
  email_domain_refused: { allowed: readonly string[] }
  email_code_wrong: Record<never, never>
  email_code_expired: Record<never, never>
  email_code_used: Record<never, never>
  email_code_too_soon: { retryAfterSeconds: number }
  mail_failed: Record<never, never>
  email_taken: Record<never, never>
  account_exists: { field: 'username' | 'email' | 'phone' }
  /** The password in use, which somebody names to change it, is another. */
  password_wrong: Record<never, never>
  account_not_found: { account: string }
  // Administering accounts
  /** Somebody else changed it since it was read. */
  account_conflict: { account: string }
  /** Nobody may close, disable or demote themselves. */
  account_is_own: Record<never, never>
  account_is_last_administrator: Record<never, never>
  /** A credit limit below what has been drawn on it. */
  credit_limit_drawn: { drawn: Credits }
  // Asking for something
  /** `reason` is a whole sentence for an operator, where the problem alone would not tell what to do. */
  input_invalid: { field: string; problem: InputProblem; reason?: string }
  /** `wasMember` tells whoever paid by a membership that has lapsed from who never had one. */
  insufficient_credits: { required: Credits; available: Credits; wasMember?: boolean }
  idempotency_key_reused: Record<never, never>
  /** It has a word in it that the operator's list refuses, whichever; nothing was taken. */
  content_refused: Record<never, never>
  rate_limited: { retryAfterSeconds: number }
  /** What an account may do in a day, or call in an hour, has been done. */
  quota_spent: { quota: 'image' | 'video' | 'calls'; limit: number; retryAfterSeconds: number }
  /** `kind` tells which choice it was, where somebody chose for several kinds at once. */
  model_not_found: { model: string; kind?: ModelKind }
  /** The default of its kind, with no other open one that could take its place. */
  model_is_only_default: { model: string }
  // Payments
  payment_unconfigured: Record<never, never>
  package_not_found: { id: string }
  payment_method_refused: { method: string }
  channel_disabled: { id: string }
  order_not_found: { id: string }
  order_not_refundable: { id: string }
  channel_not_found: { id: string }
  gateway_failed: Record<never, never>
  plan_not_found: { id: string }
  // Promotions
  coupon_not_found: { coupon: string }
  coupon_exists: { code: string }
  coupon_refused: { problem: CouponProblem }
  activity_not_found: { id: string }
  activity_closed: { problem: 'not_begun' | 'ended' | 'full' | 'spent' }
  activity_joined_before: { id: string }
  /** An activity that works by itself and cannot be joined. */
  activity_not_joinable: { id: string }
  referral_code_unknown: { code: string }
  redeem_code_refused: { problem: 'unknown' | 'used' | 'expired' }
  // Publishing
  platform_unknown: { platform: string }
  platform_unbound: { platform: string }
  /** What a platform said of credentials or of a work; `address` is our own, where it is not on the account's list. */
  platform_refused: { platform: string; reason: PlatformProblem; address?: string }
  work_not_publishable: { id: string }
  publication_not_found: { id: string }
  // Tasks and works
  tool_not_found: { tool: string }
  task_not_found: { id: string }
  task_not_owned: { id: string }
  task_not_awaiting_approval: { id: string }
  task_not_editable: { id: string }
  task_not_cancelable: { id: string }
  task_not_retryable: { id: string }
  generation_failed: { id: string; reason: Failure }
  generation_running: { id: string; workId: bigint }
  /** A picture could not be described; nothing was charged. */
  analysis_failed: { reason: Failure }
  work_not_found: { id: string }
  work_not_owned: { id: string }
  /** It has nothing to show or to save yet. */
  work_not_ready: { id: string }
  // Files sent with a form
  /** `mostBytes` tells how much is taken, where it was too much. */
  upload_refused: { field: string; problem: UploadProblem; mostBytes?: number }
  upload_not_found: { name: string }
  // Conversations and characters
  conversation_not_found: { id: string }
  /** A reply of this conversation is still being written. */
  conversation_busy: { id: string }
  /** No reply could be written; nothing was charged. */
  reply_failed: { reason: Failure }
  character_not_found: { id: string }
  // Who makes what
  vendor_not_found: { vendor: string; kind?: ModelKind }
  vendor_exists: { vendor: string }
  // The house itself
  unavailable: Record<never, never>
}

export type InputProblem =
  | 'missing'
  | 'type'
  | 'too_short'
  | 'too_long'
  | 'too_small'
  | 'too_large'
  | 'format'
  | 'unknown_field'

/** Why a file sent with a form is not taken: none, of no kind that is taken here, too large, too many, or broken. */
export type UploadProblem = 'missing' | 'type' | 'too_large' | 'too_many' | 'broken'

/** Why a coupon cannot be claimed or used. */
export type CouponProblem =
  | 'not_begun'
  | 'ended'
  | 'disabled'
  | 'exhausted'
  | 'claimed_before'
  | 'used'
  | 'reserved'
  | 'below_minimum'
  | 'unfit'

/** Why a platform takes neither credentials nor a work; each dialect has a sentence for it that says what to do. */
export type PlatformProblem =
  | 'credentials_wrong'
  | 'address_not_allowed'
  | 'no_permission'
  | 'quota_spent'
  | 'content_refused'
  | 'content_unfit'
  | 'by_hand_only'
  | 'unavailable'
  | 'unknown'

/** Why a task ended without a result. The vendor's own words are for operators only. */
export type Failure = 'content' | 'rejected' | 'unavailable' | 'deadline' | 'unknown'

export type ErrorCode = keyof ErrorDetails

/** A refusal that a dialect turns into a reply by its `refusals`. */
export class KernelError<Code extends ErrorCode = ErrorCode> extends Error {
  override readonly name = 'KernelError'
  readonly code: Code
  readonly details: ErrorDetails[Code]
  constructor(code: Code, details: ErrorDetails[Code]) {
    super(code)
    this.code = code
    this.details = details
  }
}

/** Makes the refusal `code`; throw what it returns. */
export function refusal<Code extends ErrorCode>(
  code: Code,
  ...[details]: Record<never, never> extends ErrorDetails[Code] ? [] : [ErrorDetails[Code]]
): KernelError<Code> {
  return new KernelError(code, (details ?? {}) as ErrorDetails[Code])
}
