// The whole path of a newcomer on a running WaliAssets site, printed: an address proved by its code, an account, a
// picture, the statement of what it cost.
import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { addressOf, dataDir, keepFile, request } from './site.ts'

const base = addressOf('waliassets', 3334)
const outbox = join(dataDir, 'outbox', 'waliassets')

type Envelope<Data> = { success: boolean; code: number; message: string; data: Data }

async function call<Data>(
  method: 'GET' | 'POST',
  path: string,
  options: { body?: object; token?: string } = {},
): Promise<Data> {
  const envelope = await request<Envelope<Data>>(base, method, `/api${path}`, options)
  if (!envelope.success) throw new Error(`${path} answered ${envelope.code}: ${envelope.message}`)
  console.log(`${method} /api${path}  ->  ${envelope.message}`)
  return envelope.data
}

/** The code from the newest mail to the address; without SMTP_URL mails are files in the data folder. */
async function readCode(email: string): Promise<string> {
  const names = (await readdir(outbox).catch(() => []))
    .filter((name) => name.endsWith('.eml'))
    .sort()
    .reverse()
  for (const name of names) {
    const mail = await readFile(join(outbox, name), 'utf8')
    if (!mail.includes(email)) continue
    const parts = mail.split('Content-Transfer-Encoding: base64\r\n\r\n').slice(1)
    const text = parts
      .map((part) => Buffer.from(part.split('\r\n--')[0] ?? '', 'base64').toString('utf8'))
      .join(' ')
    const code = /\b\d{6}\b/.exec(text)?.[0]
    if (code) return code
  }
  throw new Error(
    `No mail for ${email} in ${outbox}: with SMTP_URL set the code was really mailed; or set DATA_DIR as for npm start.`,
  )
}

/** Registers, draws `prompt` and prints what came of it. */
export async function tryWaliassets(prompt: string): Promise<void> {
  const name = `try${randomBytes(4).toString('hex')}`
  const email = `${name}@qq.com`
  await call('POST', '/auth/send-code', { body: { email, type: 'register' } })
  const { token } = await call<{ token: string }>('POST', '/auth/register', {
    body: {
      email,
      username: name,
      password: randomBytes(9).toString('base64url'),
      emailCode: await readCode(email),
    },
  })
  const startedAt = performance.now()
  const made = await call<{ taskId: string; image_url: string; tokenConsumed: number }>(
    'POST',
    '/generate/image',
    {
      token,
      body: { prompt, size: '1024x1024', watermark: true },
    },
  )
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  const picture = await keepFile(made.image_url, `atelier-${made.taskId}`)

  const { transactions } = await call<{
    transactions: { createdAt: string; type: string; amount: number; balance: number; description: string }[]
  }>('GET', '/token/transactions', { token })
  console.log(`\n“${prompt}” took ${seconds} s and cost ${made.tokenConsumed} tokens.`)
  console.log(`Picture  ${picture}`)
  console.log(`Address  ${made.image_url}\n\nStatement`)
  for (const row of transactions.reverse()) {
    console.log(
      `  ${row.createdAt}  ${row.type.padEnd(17)} ${String(row.amount).padStart(5)}  balance ${String(row.balance).padStart(5)}  ${row.description}`,
    )
  }
}
