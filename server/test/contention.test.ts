import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { statement } from '../src/db/database.ts'
import { KernelError } from '../src/kernel/errors.ts'
import { cancelTask } from '../src/kernel/generation/cancel.ts'
import { claimTasks } from '../src/kernel/generation/claim.ts'
import { retryTask } from '../src/kernel/generation/retry.ts'
import { submitTask } from '../src/kernel/generation/submit.ts'
import { readTaskById } from '../src/kernel/generation/task.ts'
import { units } from '../src/kernel/money.ts'
import { ProviderError } from '../src/kernel/ports/provider.ts'
import { adjustBalance } from '../src/kernel/wallet/adjust.ts'
import { readBalance } from '../src/kernel/wallet/balance.ts'
import { verifyLedger } from '../src/kernel/wallet/verify.ts'
import type { TestSite } from './build-site.ts'
import { buildSite } from './build-site.ts'
import { createUser, pictureOf } from './factories.ts'
import type { FakeProvider } from './fakes/provider.ts'
import { createFakeProvider } from './fakes/provider.ts'
import { codeIn } from './mail.ts'

const CROWD = 100

let site: TestSite
let provider: FakeProvider
before(async () => {
  provider = createFakeProvider()
  const limits = Object.fromEntries(
    ['auth', 'generate', 'read', 'write'].map((rate) => [rate, { points: 1_000_000, perSeconds: 60 }]),
  ) as never
  site = await buildSite({ providers: [provider], preset: { limits } })
  site.startWorker({ concurrency: 32 })
})
after(async () => {
  const findings = await verifyLedger(site.context)
  await site.close()
  assert.deepEqual(findings, [], 'the books are true after every race')
})

type Answer = { status: number; code: number; data: Record<string, unknown> | null }

/** Sends the same or numbered requests at once, over real sockets. */
async function crowd(
  path: string,
  body: (index: number) => object,
  headers: Record<string, string> = {},
): Promise<Answer[]> {
  if (!site.app.server.listening) await site.app.listen({ port: 0 })
  const address = addressOf()
  return Promise.all(
    Array.from({ length: CROWD }, async (_, index) => {
      const reply = await fetch(`${address}/api${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body(index)),
      })
      return { status: reply.status, ...((await reply.json()) as { code: number; data: Answer['data'] }) }
    }),
  )
}

function addressOf(): string {
  const address = site.app.server.address()
  assert.ok(address && typeof address === 'object')
  return `http://127.0.0.1:${address.port}`
}

/** How often each business code was answered; no answer may be a server error. */
function tally(answers: readonly Answer[]): Record<number, number> {
  for (const { status } of answers) assert.ok(status < 500, `a ${status} in the crowd`)
  return Object.fromEntries(
    [...Map.groupBy(answers, ({ code }) => code)].map(([code, group]) => [code, group.length]),
  )
}

test('100 pictures at once with credits for seven: seven are made', async () => {
  const { token, accountId } = await createUser(site.context, units(20 * 7 + 19))
  const answers = await crowd('/generate/image', () => ({ prompt: '猫', size: '64x64' }), {
    authorization: `Bearer ${token}`,
  })
  assert.deepEqual(tally(answers), { 1: 7, 1301: 93 })
  const balance = await readBalance(site.context, { accountId })
  assert.deepEqual([balance.available, balance.held, balance.spent], [units(19), 0n, units(140)])
})

test('100 requests with one idempotency key: one purchase, the same answer a hundred times', async () => {
  const { token, accountId } = await createUser(site.context, units(1_000))
  const answers = await crowd('/generate/image', () => ({ prompt: '同一张', size: '64x64' }), {
    authorization: `Bearer ${token}`,
    'idempotency-key': 'once',
  })
  assert.deepEqual(tally(answers), { 1: CROWD })
  assert.equal(new Set(answers.map(({ data }) => data?.taskId)).size, 1)
  assert.equal((await readBalance(site.context, { accountId })).spent, units(20))
})

test('100 bodies under one idempotency key: one is bought, the others are refused', async () => {
  const { token, accountId } = await createUser(site.context, units(1_000))
  const answers = await crowd('/generate/image', (index) => ({ prompt: `第${index}张`, size: '64x64' }), {
    authorization: `Bearer ${token}`,
    'idempotency-key': 'mixed',
  })
  assert.deepEqual(tally(answers), { 1: 1, 1602: 99 })
  assert.equal((await readBalance(site.context, { accountId })).spent, units(20))
})

test('100 codes asked for one address at once: one mail', async () => {
  const before = (await site.mails()).length
  const answers = await crowd('/auth/send-code', () => ({ email: 'crowd@qq.com', type: 'register' }))
  assert.deepEqual(tally(answers), { 1: 1, 1105: 99 })
  assert.equal((await site.mails()).length, before + 1)
})

test('100 wrong codes at once are three tries, and the right one is then refused', async () => {
  const email = 'guess@qq.com'
  await site.app.inject({ method: 'POST', url: '/api/auth/send-code', payload: { email } })
  const code = codeIn((await site.mails()).at(-1))
  const wrong = String((Number(code) + 1) % 1_000_000).padStart(6, '0')
  const answers = await crowd('/auth/register', (index) => ({
    email,
    password: 'password123',
    username: `guess${index}`,
    emailCode: wrong,
  }))
  assert.deepEqual(tally(answers), { 1102: 3, 1103: 97 })
  const right = await site.app.inject({
    method: 'POST',
    url: '/api/auth/register',
    payload: { email, password: 'password123', username: 'guess', emailCode: code },
  })
  assert.equal(right.json().code, 1103)
})

test('100 registrations with one right code: one account, one bonus', async () => {
  const email = 'race@qq.com'
  await site.app.inject({ method: 'POST', url: '/api/auth/send-code', payload: { email } })
  const code = codeIn((await site.mails()).at(-1))
  const answers = await crowd('/auth/register', (index) => ({
    email,
    password: 'password123',
    username: `racer${index}`,
    emailCode: code,
  }))
  const counts = tally(answers)
  assert.equal(counts[1], 1)
  assert.equal((counts[1104] ?? 0) + (counts[1202] ?? 0), 99, JSON.stringify(counts))
  const rows = await site.context.db.rows<{ bonuses: bigint }>(
    statement(
      'bonuses of racer',
      `select count(*) as bonuses from entry e join account a on a.id = e.account_id where a.email = 'race@qq.com'`,
    ),
    [],
  )
  assert.equal(rows[0]?.bonuses, 1n)
})

test('the same adjustment a hundred times has one effect', async () => {
  const { accountId } = await createUser(site.context, units(0))
  const results = await Promise.all(
    Array.from({ length: CROWD }, () =>
      adjustBalance(site.context, {
        accountId,
        amount: units(5),
        reason: 'gift',
        key: `gift-${accountId}`,
        operatorId: null,
        origin: { ip: null, device: null },
      }),
    ),
  )
  assert.equal(results.filter(Boolean).length, 1)
  assert.equal((await readBalance(site.context, { accountId })).available, units(5))
})

test('cancel against finish, 100 times: one outcome each, paid or given back', async () => {
  const { accountId } = await createUser(site.context, units(20 * CROWD))
  const actor = { accountId }
  const outcomes = await Promise.all(
    Array.from({ length: CROWD }, async (_, index) => {
      const { taskId } = await submitTask(site.context, actor, pictureOf(`竞争 ${index}`))
      const { handle } = await readTaskById(site.context, actor, taskId)
      await new Promise((resolve) => setTimeout(resolve, index % 20))
      const canceled = await cancelTask(site.context, actor, handle).then(
        () => true,
        (error) => {
          assert.ok(error instanceof KernelError && error.code === 'task_not_cancelable', String(error))
          return false
        },
      )
      for (;;) {
        const task = await readTaskById(site.context, actor, taskId)
        if (['succeeded', 'canceled', 'failed'].includes(task.state)) {
          assert.equal(task.state === 'canceled', canceled)
          assert.equal(task.charged, canceled ? 0n : units(20))
          return canceled
        }
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }),
  )
  const canceled = outcomes.filter(Boolean).length
  const balance = await readBalance(site.context, actor)
  assert.deepEqual(
    [balance.available, balance.held, balance.spent],
    [units(20 * canceled), 0n, units(20 * (CROWD - canceled))],
  )
})

test('100 retries of one failed task: one new hold', async () => {
  const { accountId } = await createUser(site.context, units(1_000))
  const actor = { accountId }
  provider.next.push(async () => {
    throw new ProviderError('rejected', 'no such style')
  })
  const { taskId } = await submitTask(site.context, actor, pictureOf('先失败'))
  let task = await readTaskById(site.context, actor, taskId)
  for (; task.state !== 'failed'; task = await readTaskById(site.context, actor, taskId)) {
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  const results = await Promise.allSettled(
    Array.from({ length: CROWD }, () =>
      retryTask(site.context, actor, task.handle, { ip: null, device: null }),
    ),
  )
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1)
  for (; task.state !== 'succeeded'; task = await readTaskById(site.context, actor, taskId)) {
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  assert.equal((await readBalance(site.context, actor)).spent, units(20))
})

test('workers of several processes never hold the same task', async () => {
  const quiet = await buildSite({ providers: [] })
  try {
    const { accountId } = await createUser(quiet.context, units(20 * CROWD))
    for (let index = 0; index < CROWD; index += 1) {
      await submitTask(quiet.context, { accountId }, pictureOf(`任务 ${index}`))
    }
    const other = await quiet.another()
    const batches = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        claimTasks(index % 2 ? quiet.context : other, `worker ${index}`, 7, 60_000),
      ),
    )
    const ids = batches.flat().map(({ id }) => id)
    assert.equal(ids.length, CROWD)
    assert.equal(new Set(ids).size, CROWD)
  } finally {
    await quiet.close()
  }
})
