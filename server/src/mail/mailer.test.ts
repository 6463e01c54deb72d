import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { generate } from 'selfsigned'
import type { SMTPServerOptions } from 'smtp-server'
import { SMTPServer } from 'smtp-server'
import { createSmtpMailer } from './mailer.ts'

/** A loopback address that the mailer does not take for this machine, so that everything holds as for any host. */
const ELSEWHERE = '127.0.0.2'
const FROM = 'Atelier <no-reply@example.com>'
const MAIL = { to: 'someone@example.com', subject: '验证码', text: '123456', html: '<b>123456</b>' }

type Received = { isSecure: boolean; from: string; to: string[]; user: string | undefined; text: string }
type Stand = { port: number; received: Received[]; passwords: { isSecure: boolean; password: string }[] }

let key: string
let cert: string
const usual = getCACertificates('default')
const servers: SMTPServer[] = []

before(async () => {
  const made = await generate([{ name: 'commonName', value: 'mail.example.com' }], {
    keyType: 'ec',
    extensions: [
      { name: 'basicConstraints', cA: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 7, ip: ELSEWHERE },
          { type: 2, value: 'localhost' },
        ],
      },
    ],
  })
  key = made.private
  cert = made.cert
})
after(async () => {
  setDefaultCACertificates(usual)
  await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.close(resolve))))
})

/** A mail server that takes everything, on a port of its own. */
async function stand(options: SMTPServerOptions = {}, host = ELSEWHERE): Promise<Stand> {
  const received: Received[] = []
  const passwords: Stand['passwords'] = []
  const server = new SMTPServer({
    key,
    cert,
    authOptional: true,
    ...options,
    onAuth: ({ username, password }, { secure }, callback) => {
      passwords.push({ isSecure: secure, password: password ?? '' })
      callback(null, { user: username })
    },
    onData: (stream, { secure, envelope, user }, callback) => {
      const pieces: Buffer[] = []
      stream.on('data', (piece: Buffer) => pieces.push(piece))
      stream.on('end', () => {
        received.push({
          isSecure: secure,
          from: envelope.mailFrom ? envelope.mailFrom.address : '',
          to: envelope.rcptTo.map(({ address }) => address),
          user,
          text: Buffer.concat(pieces).toString(),
        })
        callback()
      })
    },
  })
  // A client that breaks off is what some of these tests are about.
  server.on('error', () => {})
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  return { port: (server.server.address() as AddressInfo).port, received, passwords }
}

async function send(url: string): Promise<void> {
  const mailer = createSmtpMailer(url, FROM)
  try {
    await mailer.send(MAIL)
  } finally {
    mailer.close()
  }
}

test('a mail goes through a server with STARTTLS on another port than 465 (W16)', async () => {
  setDefaultCACertificates([...usual, cert])
  const { port, received, passwords } = await stand()
  assert.notEqual(port, 465)
  await send(`smtp://me%40example.com:pass%2Fword@${ELSEWHERE}:${port}`)
  const [mail, ...others] = received
  assert.ok(mail)
  assert.equal(others.length, 0)
  const { text, ...envelope } = mail
  assert.deepEqual(envelope, {
    isSecure: true,
    from: 'no-reply@example.com',
    to: ['someone@example.com'],
    user: 'me@example.com',
  })
  assert.match(text, /^From: Atelier <no-reply@example\.com>/m)
  assert.match(text, /123456/)
  assert.deepEqual(passwords, [{ isSecure: true, password: 'pass/word' }])
})

test('and through one that speaks TLS from the start', async () => {
  setDefaultCACertificates([...usual, cert])
  const { port, received } = await stand({ secure: true })
  await send(`smtps://${ELSEWHERE}:${port}`)
  assert.deepEqual([received.length, received[0]?.isSecure], [1, true])
})

test('a server that will not speak TLS gets neither the mail nor the password', async () => {
  const { port, received, passwords } = await stand({
    disabledCommands: ['STARTTLS'],
    allowInsecureAuth: true,
  })
  await assert.rejects(send(`smtp://me:secret@${ELSEWHERE}:${port}`))
  assert.deepEqual([received, passwords], [[], []])
})

test('nor does one whose certificate nobody vouches for', async () => {
  setDefaultCACertificates(usual)
  const { port, received, passwords } = await stand()
  await assert.rejects(send(`smtp://me:secret@${ELSEWHERE}:${port}`), /certificate/)
  assert.deepEqual([received, passwords], [[], []])
})

test('a mail catcher on this machine needs no TLS', async () => {
  const { port, received } = await stand({ disabledCommands: ['STARTTLS'] }, '127.0.0.1')
  await send(`smtp://127.0.0.1:${port}`)
  assert.deepEqual([received.length, received[0]?.isSecure], [1, false])
})
