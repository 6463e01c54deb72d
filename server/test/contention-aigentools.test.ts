import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { aigentools } from '../src/dialects/aigentools/dialect.ts'
import { units } from '../src/kernel/money.ts'
import { ProviderError } from '../src/kernel/ports/provider.ts'
import { readBalance } from '../src/kernel/wallet/balance.ts'
import { verifyLedger } from '../src/kernel/wallet/verify.ts'
import { aModel } from './access/aigentools.ts'
import { limitsOf } from './access/ground.ts'
import type { TestSite } from './build-site.ts'
import { buildSite } from './build-site.ts'
import { createFakeGateway } from './contracts/fake-gateway.ts'
import { createUser } from './factories.ts'
import { createFakeProvider } from './fakes/provider.ts'

// The money of the second document, over real sockets, a hundred requests at a time.

const CROWD = 100
const provider = createFakeProvider()
const gateway = { ...createFakeGateway(), name: 'epay' }
let site: TestSite
let address = ''
let admin = ''
/** Models that cost 20 and 30. */
let [cheap, dear] = [0, 0]

before(async () => {
  const preset = { limits: limitsOf(1_000_000) }
  site = await buildSite({ dialect: aigentools, providers: [provider], gateways: [gateway], preset })
  address = `${await site.app.listen({ port: 0, host: '127.0.0.1' })}/api/v1`
  admin = (await createUser(site.context, units(0), { role: 'admin' })).token
  cheap = Number((await aModel(site.context)).id)
  dear = Number((await aModel(site.context, { price: units(30) })).id)
  site.startWorker({ concurrency: 32 })
})
after(async () => {
  const findings = await verifyLedger(site.context)
  await site.close()
  assert.deepEqual(findings, [], 'the books are true after every race')
})

type Answer = { status: number; data: Record<string, unknown> | null }
type Task = { id: number; status: number; cost: number }

async function ask(
  method: string,
  path: string,
  token: string,
  body?: object,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const sent = {
    ...(body && { 'content-type': 'application/json' }),
    authorization: `Bearer ${token}`,
    ...headers,
  }
  const reply = await fetch(`${address}${path}`, {
    method,
    headers: sent,
    ...(body && { body: JSON.stringify(body) }),
  })
  assert.ok(reply.status < 500, `${method} ${path}: a ${reply.status} in the crowd`)
  const { data } = (await reply.json()) as { data: Answer['data'] }
  return { status: reply.status, data }
}

const crowd = (one: (index: number) => Promise<Answer>, size = CROWD): Promise<Answer[]> =>
  Promise.all(Array.from({ length: size }, (_, index) => one(index)))

/** How often each status was answered. */
function tally(answers: readonly Answer[]): Record<number, number> {
  const groups = Map.groupBy(answers, ({ status }) => status)
  return Object.fromEntries([...groups].map(([status, group]) => [status, group.length]))
}

const taskOf = (prompt: string, model = cheap) => ({ body: { model_id: model, prompt, size: '64x64' } })
const submit = (token: string, prompt: string, headers: Record<string, string> = {}): Promise<Answer> =>
  ask('POST', '/tasks', token, taskOf(prompt), headers)

async function submitted(token: string, prompt: string): Promise<number> {
  const { status, data } = await submit(token, prompt)
  assert.equal(status, 200)
  return Number(data?.id)
}

async function balanceOf(accountId: bigint): Promise<[available: bigint, held: bigint, spent: bigint]> {
  const { available, held, spent } = await readBalance(site.context, { accountId })
  return [available, held, spent]
}

/** Waits until a task has this status. */
async function untilStatus(token: string, id: number, wanted: number): Promise<void> {
  const giveUpAt = performance.now() + 20_000
  for (;;) {
    const { data } = await ask('GET', `/tasks/${id}`, token)
    if (data?.status === wanted) return
    assert.ok(performance.now() < giveUpAt, `task ${id} is ${data?.status}, not ${wanted}`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}

test('100 tasks at once with credit for seven: seven are taken, and nothing more is held', async () => {
  const { token, accountId } = await createUser(site.context, units(20 * 7 + 19))
  const answers = await crowd((index) => submit(token, `task ${index}`))
  assert.deepEqual(tally(answers), { 200: 7, 400: 93 })
  assert.deepEqual(await balanceOf(accountId), [units(19), units(140), 0n])
})

test('100 requests with one Idempotency-Key: one task and one hold, the same answer a hundred times', async () => {
  const { token, accountId } = await createUser(site.context, units(1_000))
  const answers = await crowd(() => submit(token, 'once', { 'idempotency-key': 'once' }))
  assert.deepEqual(tally(answers), { 200: CROWD })
  assert.equal(new Set(answers.map(({ data }) => data?.id)).size, 1)
  assert.deepEqual(await balanceOf(accountId), [units(980), units(20), 0n])
})

test('100 bodies under one Idempotency-Key: one is taken, the others are refused', async () => {
  const { token, accountId } = await createUser(site.context, units(1_000))
  const answers = await crowd((index) => submit(token, `body ${index}`, { 'idempotency-key': 'mixed' }))
  assert.deepEqual(tally(answers), { 200: 1, 422: 99 })
  assert.deepEqual(await balanceOf(accountId), [units(980), units(20), 0n])
})

test('100 approvals of one task: one happens, it runs once and is paid once', async () => {
  const { token, accountId } = await createUser(site.context, units(100))
  const id = await submitted(token, 'approved')
  const started = provider.started.length
  const answers = await crowd(() => ask('PATCH', `/tasks/${id}/approve`, admin))
  assert.deepEqual(tally(answers), { 200: 1, 400: 99 })
  await untilStatus(token, id, 4)
  assert.equal(provider.started.length, started + 1)
  assert.deepEqual(await balanceOf(accountId), [units(80), 0n, units(20)])
})

test('100 retries of one failed task: one new hold', async () => {
  const { token, accountId } = await createUser(site.context, units(1_000))
  const id = await submitted(token, 'fails first')
  provider.next.push(async () => {
    throw new ProviderError('rejected', 'no such style')
  })
  await ask('PATCH', `/tasks/${id}/approve`, admin)
  await untilStatus(token, id, 5)
  assert.deepEqual(await balanceOf(accountId), [units(1_000), 0n, 0n])
  const answers = await crowd(() => ask('POST', `/tasks/${id}/retry`, token))
  assert.deepEqual(tally(answers), { 200: 1, 400: 99 })
  await untilStatus(token, id, 4)
  assert.deepEqual(await balanceOf(accountId), [units(980), 0n, units(20)])
})

test('an edit to a dearer model, a cancellation and an approval of the same task at once, 33 times', async () => {
  const { token, accountId } = await createUser(site.context, units(30 * 33))
  const ids = await Promise.all(Array.from({ length: 33 }, (_, index) => submitted(token, `torn ${index}`)))
  const outcomes = await Promise.all(
    ids.map(async (id, index) => {
      const acts = [
        () => ask('PUT', `/tasks/${id}`, token, taskOf(`edited ${index}`, dear)),
        () => ask('POST', `/tasks/${id}/cancel`, token),
        () => ask('PATCH', `/tasks/${id}/approve`, admin),
      ]
      // Each of them is the first to be sent as often as the others.
      const order = [...acts.slice(index % 3), ...acts.slice(0, index % 3)]
      const answers = await Promise.all(order.map((act) => act()))
      for (const { status } of answers) assert.ok(status === 200 || status === 400, String(status))
      const at = (act: number): boolean => answers[(act - (index % 3) + 3) % 3]?.status === 200
      return { id, isEdited: at(0), isCanceled: at(1), isApproved: at(2) }
    }),
  )
  assert.ok(outcomes.every(({ isEdited, isCanceled, isApproved }) => isEdited || isCanceled || isApproved))
  // What still waits is approved now, so that everything comes to its end.
  for (const { id } of outcomes) {
    const { data } = await ask('GET', `/tasks/${id}`, token)
    if (data?.status === 1) assert.equal((await ask('PATCH', `/tasks/${id}/approve`, admin)).status, 200)
  }
  let spent = 0n
  for (const { id, isEdited, isCanceled } of outcomes) {
    await untilStatus(token, id, isCanceled ? 6 : 4)
    const { data } = await ask('GET', `/tasks/${id}`, token)
    const { cost } = data as unknown as Task
    if (!isCanceled) assert.equal(cost, isEdited ? 30 : 20)
    if (!isCanceled) spent += units(cost)
  }
  assert.deepEqual(await balanceOf(accountId), [units(30 * 33) - spent, 0n, spent])
})

const debit = (id: bigint, amount: number, headers: Record<string, string> = {}): Promise<Answer> =>
  ask('POST', `/admin/users/${id}/balance`, admin, { amount, type: 'debit' }, headers)

test('100 debits at once go down to the credit limit and no further', async () => {
  const { accountId } = await createUser(site.context, units(50))
  const limited = await ask('PATCH', `/admin/users/${accountId}`, admin, { creditLimit: 30 })
  assert.equal(limited.status, 200)
  const answers = await crowd(() => debit(accountId, 10))
  assert.deepEqual(tally(answers), { 200: 8, 400: 92 })
  assert.deepEqual(await balanceOf(accountId), [units(-30), 0n, 0n])
  const lowered = await ask('PATCH', `/admin/users/${accountId}`, admin, { creditLimit: 29 })
  assert.equal(lowered.status, 400, 'what is drawn stays within the limit')
})

test('100 debits under one Idempotency-Key are one', async () => {
  const { accountId } = await createUser(site.context, units(50))
  const answers = await crowd(() => debit(accountId, 10, { 'idempotency-key': `debit-${accountId}` }))
  assert.deepEqual(tally(answers), { 200: CROWD })
  assert.deepEqual(await balanceOf(accountId), [units(40), 0n, 0n])
})

test('debits, credits and submissions at once: what was answered is what the wallet says', async () => {
  const { token, accountId } = await createUser(site.context, units(300))
  const moves = await crowd((index) => {
    if (index % 4 === 0)
      return ask('POST', `/admin/users/${accountId}/balance`, admin, { amount: 1, type: 'credit' })
    return index % 2 === 0 ? debit(accountId, 10) : submit(token, `mixed ${index}`)
  })
  let [available, held] = [units(300) as bigint, 0n]
  for (const [index, { status }] of moves.entries()) {
    if (status !== 200) continue
    if (index % 4 === 0) available += units(1)
    else if (index % 2 === 0) available -= units(10)
    else {
      available -= units(20)
      held += units(20)
    }
  }
  assert.ok(available >= 0n && held > 0n)
  assert.ok(
    moves.some(({ status }) => status === 400),
    'somebody came too late',
  )
  assert.deepEqual(await balanceOf(accountId), [available, held, 0n])
})

test('one payment notified 100 times, by both methods, is credited once', async () => {
  const key = 'the-key-of-the-merchant'
  const channel = {
    ...{ name: 'x', payment_method: 'epay' },
    config: { pid: '1001', key, gateway: 'https://pay.example.com' },
  }
  const { data: made } = await ask('POST', '/admin/payment/config', admin, channel)
  const { token, accountId } = await createUser(site.context, units(0))
  const { status } = await ask('POST', '/payment/create', token, {
    ...{ amount: 12.34, payment_method_uuid: made?.uuid, payment_channel: 'alipay' },
    return_url: 'https://your-site.example.com/back',
  })
  assert.equal(status, 200)
  const [[number, trade] = assert.fail('no trade')] = [...gateway.trades].slice(-1)
  const form = new URLSearchParams({
    ...{ pid: '1001', out_trade_no: number, money: '12.34', trade_status: 'TRADE_SUCCESS' },
    ...{ trade_no: trade.gatewayTrade, sign: key },
  }).toString()
  const notify = `${address}/payment/notify/${made?.uuid}`
  const answers = await Promise.all(
    Array.from({ length: CROWD }, async (_, index) => {
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      const reply =
        index % 2 === 0
          ? await fetch(`${notify}?${form}`)
          : await fetch(notify, { method: 'POST', headers, body: form })
      return reply.text()
    }),
  )
  assert.deepEqual([...new Set(answers)], ['success'])
  assert.deepEqual(await balanceOf(accountId), [123_400n, 0n, 0n])
})
