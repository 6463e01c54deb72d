// npm run try -- "一只可爱的小猫": the whole path of a newcomer against a running WaliAssets site, printed:
// an address proved by its code, an account, a picture, the statement of what it cost.
import { randomBytes } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'

const prompt = process.argv.slice(2).join(' ').trim() || '一只可爱的小猫'
const base = (process.env.PUBLIC_URL_WALIASSETS ?? 'http://localhost:3334').replace(/\/+$/, '')
const outbox = join(resolve(process.env.DATA_DIR ?? './data'), 'outbox', 'waliassets')

type Envelope<Data> = { success: boolean; code: number; message: string; data: Data }

async function call<Data>(
  method: 'GET' | 'POST',
  path: string,
  options: { body?: object; token?: string } = {},
): Promise<Data> {
  const reply = await fetch(`${base}/api${path}`, {
    method,
    headers: {
      ...(options.body && { 'content-type': 'application/json' }),
      ...(options.token && { authorization: `Bearer ${options.token}` }),
    },
    ...(options.body && { body: JSON.stringify(options.body) }),
  }).catch(() => {
    throw new Error(`Nothing answers at ${base}: start Atelier with "npm start" in another terminal first.`)
  })
  const envelope = (await reply.json()) as Envelope<Data>
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

async function main(): Promise<void> {
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
  const picture = Buffer.from(await (await fetch(made.image_url)).arrayBuffer())
  const file = resolve(`atelier-${made.taskId}.png`)
  await writeFile(file, picture)

  const { transactions } = await call<{
    transactions: { createdAt: string; type: string; amount: number; balance: number; description: string }[]
  }>('GET', '/token/transactions', { token })
  console.log(`\n“${prompt}” took ${seconds} s and cost ${made.tokenConsumed} tokens.`)
  console.log(`Picture  ${file} (${Math.round(picture.length / 1024)} KB)`)
  console.log(`Address  ${made.image_url}\n\nStatement`)
  for (const row of transactions.reverse()) {
    console.log(
      `  ${row.createdAt}  ${row.type.padEnd(17)} ${String(row.amount).padStart(5)}  balance ${String(row.balance).padStart(5)}  ${row.description}`,
    )
  }
}

try {
  await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
