// The whole path of a newcomer on a running plaza site, printed: an account, a picture with its progress live, a clip
// from it, the assistant's answer as it comes, the picture on the square, and what is left of the power.
import { randomBytes } from 'node:crypto'
import { addressOf, keepFile, request } from './site.ts'

const base = addressOf('plaza', 3000)

type Envelope<Data> = { code: number; message: string; data: Data }

async function call<Data>(
  method: 'GET' | 'POST' | 'PUT',
  path: string,
  options: { body?: object; token?: string } = {},
): Promise<Data> {
  const envelope = await request<Envelope<Data>>(base, method, `/api/v1${path}`, options)
  if (envelope.code !== 200 && envelope.code !== 201)
    throw new Error(`${path} answered ${envelope.code}: ${envelope.message}`)
  console.log(`${method} /api/v1${path}  ->  ${envelope.message}`)
  return envelope.data
}

type Message = { type: string; taskId: string; progress?: number; result?: unknown; error?: string }
type Pictures = { images: { url: string }[] }

/** Opens the socket and prints what it tells; the promise ends with the result of a task. */
async function watch(
  token: string,
): Promise<{ result: (taskId: string) => Promise<unknown>; close: () => void }> {
  const socket = new WebSocket(`${base.replace(/^http/, 'ws')}/ws?token=${token}`)
  const ended = new Map<string, Message>()
  let tell = (): void => {}
  socket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(String(data)) as Message
    console.log(`  ws ${message.type} ${message.progress === undefined ? '' : `${message.progress} %`}`)
    if (message.type !== 'task_progress') ended.set(message.taskId, message)
    tell()
  })
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => resolve())
    socket.addEventListener('error', () => reject(new Error(`No WebSocket at ${base}/ws.`)))
  })
  return {
    result: async (taskId) => {
      while (!ended.has(taskId))
        await new Promise<void>((resolve) => {
          tell = resolve
        })
      const message = ended.get(taskId)
      if (message?.type === 'task_failed') throw new Error(message.error)
      return message?.result
    },
    close: () => socket.close(),
  }
}

/** Prints the assistant's answer as it comes. */
async function ask(token: string, message: string): Promise<void> {
  const reply = await fetch(`${base}/api/v1/assistant/chat`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ message }),
  })
  if (!reply.ok || !reply.body)
    throw new Error(`the assistant answered ${reply.status}: ${await reply.text()}`)
  console.log(`\n> ${message}`)
  const text = await new Response(reply.body).text()
  for (const line of text.split('\n')) {
    if (!line.startsWith('data: ')) continue
    const event = JSON.parse(line.slice(6)) as { type: string; content?: string }
    if (event.type === 'token') process.stdout.write(event.content ?? '')
  }
  console.log('\n')
}

/** Makes a picture of `prompt`, shows it on the square, and prints what came of it. */
export async function tryPlaza(prompt: string): Promise<void> {
  const username = `try${randomBytes(4).toString('hex')}`
  const account = {
    username,
    email: `${username}@example.com`,
    password: randomBytes(9).toString('base64url'),
  }
  const { token } = await call<{ token: string }>('POST', '/auth/register', { body: account })
  const live = await watch(token)

  const startedAt = performance.now()
  const picture = await call<{ taskId: string }>('POST', '/generate/text-to-image', {
    token,
    body: { prompt, width: 1024, height: 1024 },
  })
  const { images } = (await live.result(picture.taskId)) as Pictures
  const file = await keepFile(String(images[0]?.url), 'atelier-plaza')
  console.log(`A picture in ${((performance.now() - startedAt) / 1000).toFixed(1)} s: ${file}`)
  live.close()

  const { list } = await call<{ list: { id: string }[] }>('GET', '/works', { token })
  await call('PUT', `/works/${list[0]?.id}`, { token, body: { isPublic: true } })
  const feed = await call<{ total: number }>('GET', '/square/feeds?sort=latest', { token })
  console.log(`The square has ${feed.total} works.`)
  await ask(token, '你好，你能做什么？')
  const power = await call<{ total: number; used: number; remaining: number }>('GET', '/user/compute-power', {
    token,
  })
  console.log(`Power: ${power.remaining} of ${power.total} left, ${power.used} used.`)
}
