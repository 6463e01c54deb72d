// The whole path of a newcomer on a running cameo site, printed: an account, a picture by way of the list of works, a
// character of one's own, the assistant, and the power log.
import { randomBytes } from 'node:crypto'
import { addressOf, keepFile, request } from './site.ts'

const base = addressOf('cameo', 3001)

type Envelope<Data> = { code: number; message: string; data: Data }

async function call<Data>(
  method: 'GET' | 'POST' | 'PUT',
  path: string,
  options: { body?: object; token?: string } = {},
): Promise<Data> {
  const envelope = await request<Envelope<Data>>(base, method, `/api/v1${path}`, options)
  if (envelope.code !== 0) throw new Error(`${path} answered ${envelope.code}: ${envelope.message}`)
  console.log(`${method} /api/v1${path}  ->  ${envelope.message}`)
  return envelope.data
}

type Work = { id: number; status: string; progress: number; result_url: string; error_message: string | null }

/** Makes a picture of `prompt` as the front-end does, and prints what came of it. */
export async function tryCameo(prompt: string): Promise<void> {
  const username = `try${randomBytes(4).toString('hex')}`
  const account = { username, password: randomBytes(9).toString('base64url') }
  await call('POST', '/auth/register', { body: account })
  const { token } = await call<{ token: string }>('POST', '/auth/login', { body: account })
  const { models } = await call<{ models: string[] }>('GET', '/generate/image-models')

  const startedAt = performance.now()
  const { id } = await call<{ id: number }>('POST', '/generate/text-to-image', {
    token,
    body: {
      ...{ task_type: 'text2img', model_name: models[0], prompt },
      parameters: { width: 1024, height: 1024 },
    },
  })
  let work: Work
  do {
    await new Promise((resolve) => setTimeout(resolve, 300))
    work = await call<Work>('GET', `/works/${id}`, { token })
    console.log(`  ${work.status} ${work.progress} %`)
  } while (work.status === 'processing')
  if (work.status !== 'completed') throw new Error(String(work.error_message))
  const file = await keepFile(work.result_url, 'atelier-cameo')
  console.log(`A picture in ${((performance.now() - startedAt) / 1000).toFixed(1)} s: ${file}`)

  await call('POST', '/characters', { token, body: { name: '小鹿', type: 'sora' } })
  const { list: characters } = await call<{ list: { name: string; is_system: boolean }[] }>(
    'GET',
    '/characters?includeSystem=true',
    { token },
  )
  console.log(`Characters: ${characters.map((one) => one.name).join('、')}`)
  const said = await call<{ message: string }>('POST', '/assistant/send', {
    token,
    body: { content: '你好，你能做什么？' },
  })
  console.log(`\n${said.message}\n`)
  const { list } = await call<{
    list: { type: string; amount: number; balance: number; description: string }[]
  }>('GET', '/users/computing-power-logs', { token })
  console.log('Power log')
  for (const row of list.reverse())
    console.log(
      `  ${String(row.amount).padStart(5)}  balance ${String(row.balance).padStart(5)}  ${row.description}`,
    )
}
