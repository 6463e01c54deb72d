import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from './client.ts'
import { type Machine, SITE } from './machine.ts'

/** An account of the test and what it is known to have been given. */
export type User = { email: string; username: string; password: string; token: string; granted: number }

/** The sign-up bonus of the document, 新用户注册奖励. */
export const BONUS = 100
const PASSWORD = 'a long password'

/** Registers through the API while nothing is being killed, so that every step must succeed. */
export async function openUser(machine: Machine, client: Client, name: string): Promise<User> {
  const email = `${name}@qq.com`
  const sent = await client.call('POST', '/auth/send-code', { body: { email, type: 'register' } })
  if (sent.kind === 'lost' || !sent.success) throw new Error(`no code for ${email}: ${JSON.stringify(sent)}`)
  const code = findCode(machine, email)
  if (code === null) throw new Error(`the mail to ${email} is not in the outbox`)
  const body = { email, username: name, password: PASSWORD, emailCode: code }
  const answer = await client.call('POST', '/auth/register', { body })
  if (answer.kind === 'lost' || !answer.success) throw new Error(`${email}: ${JSON.stringify(answer)}`)
  const token = String(answer.data?.token)
  return { email, username: name, password: PASSWORD, token, granted: Number(answer.data?.tokenBonus) }
}

/** Gives credits as an operator does. */
export async function grant(machine: Machine, user: User, amount: number, key: string): Promise<void> {
  const { code, output } = await adjust(machine, user, amount, key)
  if (code !== 0) throw new Error(`no credits for ${user.email}: ${output}`)
  user.granted += amount
}

export function adjust(
  machine: Machine,
  user: User,
  amount: number,
  key: string,
): Promise<{ code: number | null; output: string }> {
  const to = ['admin', 'users', 'adjust', user.email, String(amount)]
  return machine.atelier(...to, '--reason', 'crash test', '--key', key, '--site', SITE)
}

/** Somebody who tries to register while processes are killed. */
export type Newcomer = {
  email: string
  /** How far it came, as far as it was told. */
  told: 'nothing' | 'code sent' | 'registered'
  token: string | null
  problem: string | null
}

const TRIES_WITHIN_MS = 60_000

/**
 * Registers while processes are killed. A code that was acknowledged must be in the outbox; an answer that was
 * lost is asked for again, and whoever is then told that the code was used must be able to log in.
 */
export async function tryToRegister(machine: Machine, client: Client, name: string): Promise<Newcomer> {
  const newcomer: Newcomer = { email: `${name}@qq.com`, told: 'nothing', token: null, problem: null }
  const { email } = newcomer
  const sent = await client.call('POST', '/auth/send-code', { body: { email, type: 'register' } })
  // An address may ask once a minute: whoever got no answer gives up.
  if (sent.kind === 'lost' || !sent.success) return newcomer
  newcomer.told = 'code sent'
  const code = findCode(machine, email)
  if (code === null) return { ...newcomer, problem: 'the mail that was acknowledged is not in the outbox' }

  const endsAt = performance.now() + TRIES_WITHIN_MS
  let mayBeOpen = false
  while (performance.now() < endsAt) {
    const body = { email, username: name, password: PASSWORD, emailCode: code }
    const answer = await client.call('POST', '/auth/register', { body })
    const isFault = answer.kind === 'lost' || answer.status !== 200
    if (!isFault && answer.success) {
      const problem = answer.data?.tokenBonus === BONUS ? null : `a bonus of ${answer.data?.tokenBonus}`
      return { ...newcomer, told: 'registered', token: String(answer.data?.token), problem }
    }
    if (!isFault) {
      if (!mayBeOpen) return { ...newcomer, problem: `refused with ${answer.code} ${answer.message}` }
      return logIn(client, newcomer)
    }
    mayBeOpen = true
    await sleep(200)
  }
  return newcomer
}

async function logIn(client: Client, newcomer: Newcomer): Promise<Newcomer> {
  const endsAt = performance.now() + TRIES_WITHIN_MS
  while (performance.now() < endsAt) {
    const body = { email: newcomer.email, password: PASSWORD }
    const answer = await client.call('POST', '/auth/login', { body })
    if (answer.kind === 'reply' && answer.success) {
      return { ...newcomer, told: 'registered', token: String(answer.data?.token) }
    }
    if (answer.kind === 'reply' && answer.status === 200) {
      return { ...newcomer, problem: `told that the code was used, yet: ${answer.code} ${answer.message}` }
    }
    await sleep(200)
  }
  return newcomer
}

/** The code in the newest mail to an address, or null when there is none. */
function findCode(machine: Machine, email: string): string | null {
  const outbox = join(machine.dataDir, 'outbox', SITE)
  for (const name of readdirSync(outbox).sort().reverse()) {
    if (!name.endsWith('.eml') || name.startsWith('.')) continue
    const mail = readFileSync(join(outbox, name), 'utf8')
    // The HTML part is quoted-printable, where a line may be broken anywhere.
    if (mail.includes(`To: ${email}\r\n`))
      return /">(\d{6})<\/td>/.exec(mail.replaceAll('=\r\n', ''))?.[1] ?? null
  }
  return null
}
