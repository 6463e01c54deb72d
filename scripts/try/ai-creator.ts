// The whole path of a newcomer on a running ai-creator site, printed: an account, credits bought at the sandbox
// cashier, a text of every writing tool, a deck, and the statement of what they cost.
import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { addressOf, keepFile, request } from './site.ts'

const base = addressOf('ai-creator', 8000)

type Envelope<Data> = { code: number; message: string; data: Data }

async function call<Data>(
  method: 'GET' | 'POST',
  path: string,
  options: { body?: object; token?: string } = {},
): Promise<Data> {
  const envelope = await request<Envelope<Data>>(base, method, `/api/v1${path}`, options)
  if (envelope.code !== 200) throw new Error(`${path} answered ${envelope.code}: ${envelope.message}`)
  console.log(`${method} /api/v1${path}  ->  ${envelope.message}`)
  return envelope.data
}

/** Fourteen texts and a deck cost 170 credits: 17 yuan. */
const YUAN = 20
const KEYWORDS = ['时间管理', '效率工具']
const REQUIREMENTS = '字数2000字'
const OUTLINE = ['现状与问题', '时间管理的方法', '效率工具：表格 30、清单 45、日历 25', '落地计划', '总结']

/** Buys credits as a customer does; the sandbox cashier takes any payment. */
async function buyCredits(token: string): Promise<void> {
  const order = { amount: YUAN, payment_method: 'alipay' }
  const { payment_url: cashier } = await call<{ payment_url: string }>('POST', '/credit/recharge', {
    token,
    body: order,
  })
  const pressed = await fetch(cashier, { method: 'POST', body: new URLSearchParams({ outcome: 'paid' }) })
  if (!pressed.ok)
    throw new Error(`${cashier} is no sandbox cashier: this site has a real gateway. Pay there by hand.`)
}

/** Writes about `topic` with every tool, makes a deck of it and prints what came of it. */
export async function tryAiCreator(topic: string): Promise<void> {
  const name = `try${randomBytes(4).toString('hex')}`
  const account = {
    username: name,
    email: `${name}@example.com`,
    password: randomBytes(9).toString('base64url'),
  }
  await call('POST', '/auth/register', { body: account })
  const { username, password } = account
  const { access_token: token } = await call<{ access_token: string }>('POST', '/auth/login', {
    body: { username, password },
  })
  await buyCredits(token)

  const made: { what: string; file: string; seconds: number; credits: number }[] = []
  const tools = await call<{ type: string; name: string }[]>('GET', '/writing/tools')
  for (const tool of tools) {
    const startedAt = performance.now()
    const text = await call<{ content: string; credits_used: number }>(
      'POST',
      `/writing/${tool.type}/generate`,
      { token, body: { title: topic, keywords: KEYWORDS, requirements: REQUIREMENTS, model_id: 1 } },
    )
    const file = resolve(`atelier-${tool.type}.md`)
    await writeFile(file, text.content)
    const seconds = (performance.now() - startedAt) / 1000
    made.push({ what: tool.name, file, seconds, credits: text.credits_used })
    console.log(`\n──── ${tool.name} ${'─'.repeat(60)}\n\n${text.content}\n`)
  }

  const startedAt = performance.now()
  const deck = await call<{ download_url: string; credits_used: number }>('POST', '/ppt/generate', {
    token,
    body: { topic, outline: OUTLINE, model_id: 4 },
  })
  const file = await keepFile(deck.download_url, 'atelier-deck')
  made.push({
    what: 'PPT',
    file,
    seconds: (performance.now() - startedAt) / 1000,
    credits: deck.credits_used,
  })

  console.log('\nMade')
  for (const { what, file: where, seconds, credits } of made)
    console.log(
      `  ${seconds.toFixed(1).padStart(5)} s  ${String(credits).padStart(3)} credits  ${what}  ${where}`,
    )
  const { items } = await call<{
    items: { created_at: string; type: string; amount: number; balance_after: number; description: string }[]
  }>('GET', '/credit/transactions?limit=100', { token })
  console.log('\nStatement')
  for (const row of items.reverse())
    console.log(
      `  ${row.created_at}  ${row.type.padEnd(9)} ${String(row.amount).padStart(5)}  balance ${String(row.balance_after).padStart(5)}  ${row.description}`,
    )
}
