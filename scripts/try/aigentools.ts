// The whole path of an operator and a user on a running aigentools site, printed: a model defined, an account with
// credit, a task submitted, approved and done, and the transactions of it.
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { addressOf, dataDir, keepFile, request } from './site.ts'

const base = addressOf('aigentools', 8080)

type Envelope<Data> = { status: number; message: string; data: Data }
type Task = { id: number; status: number; result_url: string; error_log: string; cost: number }

async function call<Data>(
  method: string,
  path: string,
  options: { body?: object; token?: string } = {},
): Promise<Data> {
  const envelope = await request<Envelope<Data>>(base, method, `/api/v1${path}`, options)
  if (envelope.status !== 200) throw new Error(`${path} answered ${envelope.status}: ${envelope.message}`)
  console.log(`${method} /api/v1${path}  ->  ${envelope.message}`)
  return envelope.data
}

async function logInAsAdministrator(): Promise<string> {
  const file = join(dataDir, 'admin-password')
  const password = process.env.ADMIN_PASSWORD ?? (await readFile(file, 'utf8').catch(() => '')).trim()
  if (!password) throw new Error(`There is no ${file}: set ADMIN_PASSWORD or DATA_DIR as for npm start.`)
  const body = { username: process.env.ADMIN_USERNAME ?? 'admin', password }
  return (await call<{ token: string }>('POST', '/auth/login', { body })).token
}

const parameter = (name: string, type: string, required: boolean, description: string, example: unknown) => ({
  ...{ name, type, required, description, example },
})

const SKETCH = {
  name: 'Sketch 画图',
  description: '内置画笔，按描述作画，不是 AI 模型',
  status: 'open',
  price: 0.5,
  parameters: {
    request_header: [],
    request_body: [
      parameter('prompt', 'textarea', true, '画面描述', '一只可爱的小猫'),
      { ...parameter('size', 'select', false, '图片尺寸', '1024x1024'), options: ['1024x1024', '1280x720'] },
    ],
    response_parameters: [],
  },
}

/** Defines a model where there is none, has a new user draw `prompt` with it, and prints what came of it. */
export async function tryAigentools(prompt: string): Promise<void> {
  const admin = await logInAsAdministrator()
  const models = await call<{ id: number; name: string }[]>('GET', '/models/names', { token: admin })
  const model =
    models.find((one) => one.name === SKETCH.name) ??
    (await call<{ id: number; name: string }>('POST', '/models/create', { token: admin, body: SKETCH }))

  const account = {
    username: `try${randomBytes(4).toString('hex')}`,
    password: randomBytes(9).toString('base64url'),
  }
  const user = await call<{ id: number; token: string }>('POST', '/auth/register', { body: account })
  const credit = { amount: 10, type: 'credit', reason: '试用' }
  await call('POST', `/admin/users/${user.id}/balance`, { token: admin, body: credit })

  const { token } = user
  const body = {
    data: { modelId: model.id, prompt, size: '1024x1024' },
    model: { model_url: '', model_name: model.name },
  }
  const creator = { creatorId: user.id, creatorName: account.username }
  const startedAt = performance.now()
  let task = await call<Task>('POST', '/tasks', { token, body: { body, user: creator } })
  if (task.status === 1) await call('PATCH', `/tasks/${task.id}/approve`, { token: admin })
  do {
    await sleep(200)
    task = (await request<Envelope<Task>>(base, 'GET', `/api/v1/tasks/${task.id}`, { token })).data
  } while (task.status < 4)
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  if (task.status !== 4) throw new Error(`The task ended without a result: ${task.error_log}`)

  const { transactions } = await call<{
    transactions: {
      created_at: string
      type: string
      amount: number
      balance_after: number
      reason: string
    }[]
  }>('GET', `/admin/transactions?user_id=${user.id}`, { token: admin })
  console.log(`\n“${prompt}” took ${seconds} s and cost ${task.cost} yuan.`)
  console.log(`Picture  ${await keepFile(task.result_url, `atelier-task-${task.id}`)}`)
  console.log(`Address  ${task.result_url}\n\nTransactions`)
  for (const row of transactions.reverse()) {
    console.log(
      `  ${row.created_at}  ${row.type.padEnd(16)} ${row.amount.toFixed(4).padStart(9)}  balance ${row.balance_after.toFixed(4).padStart(9)}  ${row.reason}`,
    )
  }
}
