import type { Refusals } from '../../http/dialect.ts'
import type { Failure } from '../../kernel/errors.ts'
import { toText } from '../../kernel/money.ts'
import { refuse } from './envelope.ts'
import { describeIssue } from './faults.ts'

/** What a user is told of a failure; the vendor's own words are for operators. */
export const FAILURE_MESSAGES: Readonly<Record<Failure, string>> = {
  content: 'The input was refused by content moderation; please change it and try again',
  rejected: 'The model refused these parameters; please change them and try again',
  unavailable: 'The model is not available at the moment; please try again later',
  deadline: 'The task took too long and was given up',
  unknown: 'Whether the model finished the task could not be confirmed',
}

const isInputRefused = (reason: Failure): boolean => reason === 'content' || reason === 'rejected'

/** HTTP status and sentence of every kernel error (specs/aigentools.md, 八; facts/aigentools.md, section 1). */
export const refusals: Refusals = {
  credentials_missing: () => refuse(401, 'authorization header is required'),
  credentials_invalid: () => refuse(401, 'Invalid or expired token'),
  credentials_expired: () => refuse(401, 'Invalid or expired token'),
  credentials_revoked: () => refuse(401, 'Token has been revoked'),
  account_missing: () => refuse(401, 'User not found'),
  account_disabled: () => refuse(403, 'Account is disabled'),
  login_failed: () => refuse(401, 'Invalid username or password'),
  forbidden: () => refuse(403, 'Forbidden: Admins only'),

  email_domain_refused: () => refuse(400, 'This email domain is not accepted'),
  email_code_wrong: () => refuse(400, 'The code is wrong'),
  email_code_expired: () => refuse(400, 'The code has expired'),
  email_code_used: () => refuse(400, 'The code has been used'),
  email_code_too_soon: () => refuse(429, 'A code was sent a moment ago, please wait a minute'),
  mail_failed: () => refuse(500, 'The mail could not be sent, please try again later'),
  email_taken: () => refuse(409, 'user with this email already exists'),
  account_exists: ({ field }) => refuse(409, `user with this ${field} already exists`),
  account_not_found: () => refuse(404, 'User not found'),
  account_conflict: () => refuse(409, 'data has been modified by another user, please refresh and try again'),
  account_is_own: () => refuse(400, 'Admin users cannot delete, disable or demote themselves'),
  account_is_last_administrator: () => refuse(400, 'The last administrator cannot be removed'),
  credit_limit_drawn: ({ drawn }) =>
    refuse(400, `creditLimit cannot be lower than the ${toText(drawn)} already drawn on it`),

  input_invalid: (issue) => refuse(400, describeIssue(issue)),
  insufficient_credits: () => refuse(400, 'Insufficient balance'),
  idempotency_key_reused: () => refuse(422, 'This Idempotency-Key was used for another request'),
  content_refused: () => refuse(400, FAILURE_MESSAGES.content),
  rate_limited: ({ retryAfterSeconds }) =>
    refuse(429, `Too many requests, please try again in ${retryAfterSeconds} seconds`),
  model_not_found: () => refuse(404, 'Model not found'),
  model_is_only_default: () => refuse(400, 'Add or open another model of this kind first'),

  payment_unconfigured: () => refuse(400, 'No payment method is configured'),
  package_not_found: () => refuse(400, 'No such package'),
  payment_method_refused: () => refuse(400, 'unsupported payment method'),
  order_not_found: () => refuse(404, 'Order not found'),
  order_not_refundable: () => refuse(400, 'Only a paid order can be refunded'),
  channel_not_found: () => refuse(404, 'Payment method not found'),
  channel_disabled: () => refuse(400, 'payment method is disabled'),
  gateway_failed: () => refuse(502, 'The payment service did not take the order, please try again later'),

  plan_not_found: () => refuse(404, 'No such membership plan'),

  coupon_not_found: () => refuse(404, 'Coupon not found'),
  coupon_exists: () => refuse(409, 'A coupon with this code already exists'),
  coupon_refused: () => refuse(400, 'This coupon cannot be used'),
  activity_not_found: () => refuse(404, 'Activity not found'),
  activity_closed: () => refuse(400, 'This activity is not open'),
  activity_joined_before: () => refuse(409, 'You have joined this activity before'),
  activity_not_joinable: () => refuse(400, 'This activity cannot be joined'),
  referral_code_unknown: () => refuse(400, 'Unknown referral code'),

  platform_unknown: () => refuse(400, 'Unknown platform'),
  platform_unbound: () => refuse(400, 'No account of this platform is bound'),
  platform_refused: () => refuse(502, 'The platform refused the request'),
  work_not_publishable: () => refuse(400, 'This work cannot be published'),
  publication_not_found: () => refuse(404, 'Publication not found'),

  tool_not_found: () => refuse(404, 'No such tool'),
  task_not_found: () => refuse(404, 'Task not found'),
  task_not_owned: () => refuse(403, 'This task belongs to another user'),
  task_not_awaiting_approval: () => refuse(400, 'task is not pending audit'),
  task_not_editable: () => refuse(400, 'cannot update task in processing or later state'),
  task_not_cancelable: () => refuse(400, 'task cannot be cancelled in its current state'),
  task_not_retryable: () => refuse(400, 'task is not in a failed state'),
  generation_failed: ({ reason }) => refuse(isInputRefused(reason) ? 400 : 502, FAILURE_MESSAGES[reason]),
  generation_running: () => refuse(202, 'The task is still running'),
  analysis_failed: ({ reason }) => refuse(isInputRefused(reason) ? 400 : 502, FAILURE_MESSAGES[reason]),
  work_not_found: () => refuse(404, 'Not found'),
  work_not_owned: () => refuse(403, 'This belongs to another user'),
  password_wrong: () => refuse(400, 'The current password is wrong'),
  quota_spent: ({ retryAfterSeconds }) =>
    refuse(429, `Too many requests, please try again in ${retryAfterSeconds} seconds`),
  redeem_code_refused: () => refuse(400, 'This code cannot be redeemed'),
  work_not_ready: () => refuse(400, 'The task has no result yet'),
  upload_refused: () => refuse(400, 'The file cannot be taken'),
  upload_not_found: () => refuse(404, 'File not found'),
  conversation_not_found: () => refuse(404, 'Conversation not found'),
  conversation_busy: () => refuse(409, 'The last message is still being answered'),
  reply_failed: ({ reason }) => refuse(isInputRefused(reason) ? 400 : 502, FAILURE_MESSAGES[reason]),
  character_not_found: () => refuse(404, 'Character not found'),
  vendor_not_found: () => refuse(404, 'No such vendor'),
  vendor_exists: () => refuse(409, 'A vendor with this name already exists'),

  unavailable: () => refuse(500, 'The database is not available at the moment, please try again'),
}
