import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createTransport } from 'nodemailer'
import type { Mailer } from '../kernel/ports/mailer.ts'

/**
 * Sends by SMTP: `smtps://user:password@host:465` speaks TLS from the start, `smtp://…:587` must upgrade to it
 * unless the host is this machine (facts W16: port 587 with TLS from the start cannot connect).
 */
export function createSmtpMailer(smtpUrl: string, from: string): Mailer {
  const url = new URL(smtpUrl)
  const secure = url.protocol === 'smtps:'
  const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname)
  const transport = createTransport({
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || (secure ? 465 : 587)),
    secure,
    requireTLS: !secure && !isLocal,
    ...(url.username && {
      auth: { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) },
    }),
    pool: true,
    maxConnections: 2,
    connectionTimeout: 10_000,
    greetingTimeout: 10_000,
    socketTimeout: 20_000,
  })
  return {
    send: async (mail) => void (await transport.sendMail({ from, ...mail })),
    close: () => transport.close(),
  }
}

/** Without an SMTP server mails are written as `.eml` files, newest last by name, for an operator to read. */
export function createOutboxMailer(dir: string, from: string, now: () => Date): Mailer {
  const transport = createTransport({ streamTransport: true, buffer: true, newline: 'windows' })
  let count = 0
  return {
    send: async (mail) => {
      const { message } = await transport.sendMail({ from, ...mail })
      await mkdir(dir, { recursive: true, mode: 0o700 })
      count += 1
      const name = `${now().toISOString().replace(/[:.]/g, '-')}-${process.pid}-${count}.eml`
      await writeFile(join(dir, `.${name}`), message as Buffer, { mode: 0o600 })
      await rename(join(dir, `.${name}`), join(dir, name))
    },
    close: () => {},
  }
}
