import { timingSafeEqual } from 'node:crypto'
import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { CodePurpose } from '../preset.ts'
import { domainOf, normaliseEmail } from './email.ts'

export const CODE_MINUTES = 10
const MOST_TRIES = 3
const BETWEEN_CODES_SECONDS = 60

type CodeRow = {
  code_hash: Buffer
  issue: string
  issued_at: Date
  expires_at: Date
  tries: number
  used_at: Date | null
}

const findAccountByEmail = statement('account by email', 'select id from account where email = $1')

// The one row of the address decides who may send: of many requests in one minute exactly one gets it.
// The old row travels along, so that a mail that could not be sent puts it back.
const takeMinute = statement(
  'take minute for code',
  `with before as (select * from email_code where email = $1 and purpose = $2)
   insert into email_code as code (email, purpose, code_hash, issue, issued_at, expires_at)
   values ($1, $2, $3, $4, now(), now() + make_interval(mins => $5))
   on conflict (email, purpose) do update set
     code_hash = excluded.code_hash, issue = excluded.issue, issued_at = excluded.issued_at,
     expires_at = excluded.expires_at, tries = 0, used_at = null
   where code.issued_at <= now() - make_interval(secs => $6)
   returning (select to_jsonb(before) from before) as before`,
)

const secondsSinceCode = statement(
  'seconds since code',
  `select greatest(1, ceil($3 - extract(epoch from now() - issued_at)))::int as wait
   from email_code where email = $1 and purpose = $2`,
)

const forgetCode = statement(
  'forget code',
  'delete from email_code where email = $1 and purpose = $2 and issue = $3',
)

const restoreCode = statement(
  'restore code',
  `update email_code set code_hash = decode(substr($4::jsonb->>'code_hash', 3), 'hex'), issue = ($4::jsonb->>'issue')::uuid,
     issued_at = ($4::jsonb->>'issued_at')::timestamptz, expires_at = ($4::jsonb->>'expires_at')::timestamptz,
     tries = ($4::jsonb->>'tries')::int, used_at = ($4::jsonb->>'used_at')::timestamptz
   where email = $1 and purpose = $2 and issue = $3`,
)

/**
 * Mails a six-digit code that proves an address. At most one a minute for an address and purpose, whatever
 * races; a mail that could not be handed over does not count (specs/waliassets.md, 验证码规则; facts W1, W16).
 *
 * @returns the normalised address and how many seconds the code is good for.
 * @throws input_invalid, email_domain_refused, email_taken, email_code_too_soon, mail_failed
 */
export async function sendEmailCode(
  context: Context,
  input: { email: string; purpose: CodePurpose },
): Promise<{ email: string; expiresInSeconds: number }> {
  const email = normaliseEmail('email', input.email)
  requireAllowedDomain(context, email)
  if (input.purpose === 'register' && (await context.db.rows(findAccountByEmail, [email])).length > 0) {
    throw refusal('email_taken')
  }
  const { codeMail } = context.preset
  if (!codeMail) throw new Error('a site that sends no codes was asked for one')
  const code = context.ids.digits(6)
  const issue = context.ids.uuid()
  const [taken] = await context.db.rows<{ before: object | null }>(takeMinute, [
    email,
    input.purpose,
    context.keys.codeHash(code, email, input.purpose),
    issue,
    CODE_MINUTES,
    BETWEEN_CODES_SECONDS,
  ])
  if (!taken) {
    const [last] = await context.db.rows<{ wait: number }>(secondsSinceCode, [
      email,
      input.purpose,
      BETWEEN_CODES_SECONDS,
    ])
    throw refusal('email_code_too_soon', { retryAfterSeconds: last?.wait ?? 1 })
  }
  try {
    await context.mail.send({ to: email, ...codeMail(code, CODE_MINUTES, input.purpose) })
  } catch (error) {
    context.log.error({ error }, 'a verification mail could not be sent')
    if (taken.before)
      await context.db.rows(restoreCode, [email, input.purpose, issue, JSON.stringify(taken.before)])
    else await context.db.rows(forgetCode, [email, input.purpose, issue])
    throw refusal('mail_failed')
  }
  return { email, expiresInSeconds: CODE_MINUTES * 60 }
}

/** @throws email_domain_refused when the site restricts domains and this is none of them. */
export function requireAllowedDomain(context: Context, email: string): void {
  const allowed = context.preset.emailDomains
  if (allowed.length > 0 && !allowed.includes(domainOf(email))) {
    throw refusal('email_domain_refused', { allowed })
  }
}

// A wrong guess costs a try in the same statement that reads the code, so that a hundred guesses at once are
// still three; the right code costs none, so that a failed registration can be repeated.
const tryCode = statement(
  'try code',
  `update email_code set tries = tries + case when code_hash = $3 then 0 else 1 end
   where email = $1 and purpose = $2 and used_at is null and tries < $4 and expires_at > now()
   returning code_hash, issue`,
)

const readCode = statement(
  'read code',
  'select code_hash, issue, issued_at, expires_at, tries, used_at from email_code where email = $1 and purpose = $2',
)

/**
 * Tries a code for an address. The caller uses it up with the returned issue in its own transaction.
 *
 * @throws email_code_wrong (never sent, or wrong), email_code_expired (too old, or three tries spent),
 *   email_code_used
 */
export async function tryEmailCode(
  context: Context,
  input: { email: string; purpose: CodePurpose; code: string },
): Promise<{ issue: string }> {
  const hash = context.keys.codeHash(input.code.trim(), input.email, input.purpose)
  const [live] = await context.db.rows<CodeRow>(tryCode, [input.email, input.purpose, hash, MOST_TRIES])
  if (live) {
    if (timingSafeEqual(live.code_hash, hash)) return { issue: live.issue }
    throw refusal('email_code_wrong')
  }
  const [dead] = await context.db.rows<CodeRow>(readCode, [input.email, input.purpose])
  if (!dead) throw refusal('email_code_wrong')
  if (dead.used_at) throw refusal('email_code_used')
  throw refusal('email_code_expired')
}
