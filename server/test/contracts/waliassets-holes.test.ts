import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Log } from '../../src/kernel/context.ts'
import { sweepTasks } from '../../src/kernel/generation/sweep.ts'
import { units } from '../../src/kernel/money.ts'
import { pollOrders } from '../../src/kernel/payments/ask-gateway.ts'
import { addChannel, deleteChannel, listChannels } from '../../src/kernel/payments/channels.ts'
import { readOrder } from '../../src/kernel/payments/order.ts'
import { refundOrder } from '../../src/kernel/payments/refund.ts'
import { GatewayError } from '../../src/kernel/ports/gateway.ts'
import { verifyLedger } from '../../src/kernel/wallet/verify.ts'
import { createUser } from '../factories.ts'
import { donePictures } from '../fakes/provider.ts'
import { readContract } from './contract.ts'
import { tinyClip, withPart } from './stage.ts'
import type { Stage } from './waliassets-stage.ts'
import { openStage } from './waliassets-stage.ts'

// Holes of the earlier implementation (facts/waliassets.md, section 5) that show at the API. The others are shown
// in server/test/access.test.ts, contention.test.ts and hostile.test.ts: their titles carry the names too.

let stage: Stage
before(async () => {
  stage = await openStage()
})
after(() => stage.close())

const balanceOf = async (token: string): Promise<unknown> =>
  (await stage.get('/token/balance', token)).data.balance

/** An open order of 100 tokens for 2.00, with the form that tells of its payment. */
async function openOrder(): Promise<{
  token: string
  accountId: bigint
  orderId: string
  outTradeNo: string
  form: Record<string, string>
}> {
  const { token, accountId } = await createUser(stage.context, units(0))
  const body = { package: 'package_100', paymentType: 'alipay' }
  const { data } = (await stage.post('/payment/create', body, token)).body
  const outTradeNo = String(data?.outTradeNo)
  const form = {
    pid: '1001',
    out_trade_no: outTradeNo,
    trade_no: stage.gateway.trades.get(outTradeNo)?.gatewayTrade ?? '',
    money: '2.00',
    trade_status: 'TRADE_SUCCESS',
    sign: stage.secret,
  }
  return { token, accountId, orderId: String(data?.orderId), outTradeNo, form }
}

const extension = readContract<{ methods: string[]; path: string }>('waliassets', 'notify')
const notifyUrl = (uuid = stage.channel.uuid): string => extension.path.replace(':channel', uuid)

/** Notifies as a gateway does, by form; the answer is plain text. */
async function notify(
  form: Record<string, string>,
  url = notifyUrl(),
): Promise<[status: number, text: string]> {
  const reply = await stage.site.app.inject({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: new URLSearchParams(form).toString(),
  })
  return [reply.statusCode, reply.payload]
}

test('a clip whose vendor answers "queued" first, and for long, is waited for and paid once (W6)', async () => {
  const patient = await openStage({})
  const startedAt = performance.now()
  try {
    const token = await patient.userWith(100)
    const pending = (progress: number) => async () =>
      ({ state: 'pending', operation: { id: 'cgt-1' }, checkAfterMs: 20, progress }) as const
    patient.provider.next.push(pending(0))
    patient.provider.nextCheck.push(pending(0), pending(40), () => tinyClip())
    const body = { model: 'animation_model', content: [{ type: 'text', text: '小猫在跑' }] }
    const { body: reply, data, text } = await patient.post('/generate/animation', body, token)
    assert.equal(reply.code, 1, text)
    const file = await patient.send({ method: 'GET', url: new URL(String(data.video_url)).pathname })
    assert.equal(file.headers['content-type'], 'video/mp4')
    assert.deepEqual([patient.provider.started.length, patient.provider.checked.length], [1, 3])
    // Checks come when they are due, not when a lease of 10 s would end.
    assert.ok(performance.now() - startedAt < 9_000, 'three checks 20 ms apart')
    assert.equal((await patient.get('/token/balance', token)).data.balance, 0)
  } finally {
    await patient.close()
  }
})

test('a clip that is never done ends at its deadline, and its tokens come back (W6)', async () => {
  const short = await openStage({ preset: { taskMs: 1_000 } })
  try {
    const token = await short.userWith(100)
    short.provider.next.push(
      (_job, { signal }) => new Promise((_, reject) => signal.addEventListener('abort', reject)),
    )
    const sweeps: Promise<unknown>[] = []
    const sweep = setInterval(() => void sweeps.push(sweepTasks(short.context)), 100)
    const body = { model: 'animation_model', content: '永远做不完' }
    const { body: reply, text } = await short.post('/generate/animation', body, token)
    clearInterval(sweep)
    // One under way when the pool is closed would take the whole file down.
    await Promise.all(sweeps)
    assert.deepEqual([reply.code, reply.message], [1504, '生成超时，请稍后重试，tokens已退还'], text)
    assert.equal((await short.get('/token/balance', token)).data.balance, 100)
    const { data } = (await short.get(`/generate/status/${reply.data?.taskId}`, token)).body
    assert.deepEqual([data?.status, data?.progress], ['failed', 0])
  } finally {
    await short.close()
  }
})

test('a payment told by notification, query and poll at once is credited once (W7)', async () => {
  const { token, orderId, outTradeNo, form } = await openOrder()
  stage.gateway.pay(outTradeNo)
  await stage.context.db.pool.query('update payment_order set next_poll_at = now() where handle = $1', [
    orderId,
  ])
  const told = await Promise.all([
    ...Array.from({ length: 30 }, () => notify(form)),
    ...Array.from({ length: 30 }, () => stage.get(`/payment/query?orderId=${orderId}`, token)),
    ...Array.from({ length: 5 }, () => pollOrders(stage.context)),
  ])
  for (const [status, text] of told.slice(0, 30) as [number, string][])
    assert.deepEqual([status, text], [200, 'success'])
  assert.equal(await balanceOf(token), 100)
  const { data } = (await stage.get('/token/transactions?type=PAYMENT', token)).body
  const rows = data?.transactions as { amount: number; description: string; metadata: object }[]
  assert.deepEqual(
    rows.map(({ amount, description, metadata }) => ({ amount, description, metadata })),
    [
      {
        amount: 100,
        description: `支付充值 - 订单号: ${outTradeNo}`,
        metadata: { paymentOrderId: orderId, tradeNo: form.trade_no, paymentType: 'alipay' },
      },
    ],
  )
})

test('another amount, merchant, order or channel credits nothing, told or asked for (W7)', async () => {
  const { token, orderId, outTradeNo, form } = await openOrder()
  const other = await openOrder()
  const wrong = [
    { money: '0.01' },
    { money: '200' },
    { money: '2e0' },
    { pid: '1002' },
    { out_trade_no: 'trade_x' },
  ]
  for (const changes of wrong) assert.deepEqual(await notify({ ...form, ...changes }), [200, 'fail'])
  const second = await addChannel(stage.context, {
    ...{ name: 'second', gateway: 'fake', url: 'https://payment.example.com', merchant: '1001' },
    ...{ secret: stage.secret, options: {}, methods: ['bank'] },
  })
  assert.deepEqual(await notify(form, notifyUrl(second.uuid)), [200, 'fail'])
  const trade = stage.gateway.trades.get(outTradeNo)
  assert.ok(trade)
  trade.isPaid = true
  trade.amount = '0.01'
  const { localOrder } = (await stage.get(`/payment/query?orderId=${orderId}`, token)).data as {
    localOrder: { status: number }
  }
  assert.equal(localOrder.status, 0)
  assert.deepEqual([await balanceOf(token), await balanceOf(other.token)], [0, 0])
})

test('a refund takes the tokens back first, once, and is for operators alone (W8)', async () => {
  const { token, accountId, orderId, form } = await openOrder()
  await notify(form)
  const { id } = await readOrder(stage.context, { accountId }, { handle: orderId, tradeNumber: null })
  for (const method of ['POST', 'GET']) {
    const url = `/api/payment/refund/${orderId}`
    assert.equal((await stage.send({ method, url, token })).status, 404)
  }
  const spend = await stage.post('/generate/image', { prompt: '猫', size: '64x64' }, token)
  assert.equal(spend.body.code, 1)
  await assert.rejects(refundOrder(stage.context, id, null), { code: 'insufficient_credits' })
  assert.deepEqual(stage.gateway.refunds, [])
  const second = await openOrder()
  await notify(second.form)
  const paid = await readOrder(stage.context, second, { handle: second.orderId, tradeNumber: null })
  const attempts = await Promise.allSettled([1, 2, 3].map(() => refundOrder(stage.context, paid.id, null)))
  assert.equal(attempts.filter(({ status }) => status === 'fulfilled').length, 1)
  assert.deepEqual(stage.gateway.refunds, [second.outTradeNo])
  assert.equal(await balanceOf(second.token), 0)
  const { localOrder } = ((await stage.get(`/payment/query?orderId=${second.orderId}`, second.token)).body
    .data ?? {}) as { localOrder: { status: number } }
  assert.equal(localOrder.status, 2)
})

test('notifications come by GET and by POST; a forged one is refused, a repeat is taken (W9)', async () => {
  assert.deepEqual(extension.methods, ['GET', 'POST'])
  const { token, form } = await openOrder()
  assert.deepEqual(await notify({ ...form, sign: 'forged' }), [200, 'fail'])
  assert.deepEqual(await notify({ ...form, sign: 'undefined' }), [200, 'fail'])
  assert.deepEqual(await notify({ ...form, sign: '' }), [200, 'fail'])
  assert.equal(await balanceOf(token), 0)
  for (let times = 0; times < 2; times += 1) {
    const reply = await stage.send({ method: 'GET', url: `${notifyUrl()}?${new URLSearchParams(form)}` })
    assert.deepEqual([reply.status, reply.text], [200, 'success'])
    assert.match(String(reply.headers['content-type']), /^text\/plain/)
  }
  assert.deepEqual(await notify(form), [200, 'success'])
  assert.equal(await balanceOf(token), 100)
  const [status] = await notify(form, notifyUrl('3f2504e0-4f89-41d3-9a0c-0305e82c3301'))
  assert.equal(status, 404, 'a channel that does not exist')
  assert.equal((await notify(form, '/api/payment/notify'))[0], 404)
})

test('a channel without a key cannot be set up (W9), and a deleted one goes on crediting its orders', async () => {
  const input = { name: 'empty', gateway: 'fake', url: 'https://pay.example.com', merchant: '1', options: {} }
  const without = addChannel(stage.context, { ...input, secret: '', methods: ['alipay'] })
  await assert.rejects(without, { code: 'input_invalid' })
  const { token, form } = await openOrder()
  await deleteChannel(stage.context, stage.channel.id)
  try {
    assert.deepEqual(await notify(form), [200, 'success'])
    assert.equal(await balanceOf(token), 100)
    const reply = await stage.post(
      '/payment/create',
      { package: 'package_100', paymentType: 'alipay' },
      token,
    )
    assert.equal(reply.body.code, 1401)
  } finally {
    const back = 'update payment_channel set deleted_at = null, enabled = true where id = $1'
    await stage.context.db.pool.query(back, [stage.channel.id])
  }
})

test('no header decides where the gateway notifies, or who pays (W10)', async () => {
  const token = await stage.userWith(0)
  const { body } = await stage.send({
    method: 'POST',
    url: '/api/payment/create',
    token,
    headers: {
      host: 'evil.example',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-for': '6.6.6.6'.repeat(20),
    },
    body: { package: 'package_100', paymentType: 'wxpay' },
  })
  const order = stage.gateway.trades.get(String(body.data?.outTradeNo))?.order
  assert.deepEqual(
    [order?.notifyUrl, order?.returnUrl, order?.clientIp],
    [`http://localhost:3334${notifyUrl()}`, 'http://localhost:3334/payment/result', '127.0.0.1'],
  )
})

test('a model that is not on offer is refused and costs nothing (W11)', async () => {
  const token = await stage.userWith(100)
  const started = stage.provider.started.length
  for (const model of ['doubao-seedance-1-0-pro-250528', 'image_model', '__proto__', "x' or '1'='1"]) {
    const { body, text } = await stage.post('/generate/animation', { model, content: '猫' }, token)
    assert.equal(body.code, 1503, text)
  }
  assert.equal(await balanceOf(token), 100)
  assert.equal(stage.provider.started.length, started)
})

test('a picture sent for a clip reaches the vendor and no history (W12)', async () => {
  const token = await stage.userWith(100)
  const step = await donePictures()
  assert.ok(step.state === 'done' && step.outputs[0] && 'bytes' in step.outputs[0])
  const base64 = Buffer.from(step.outputs[0].bytes).toString('base64')
  const content = [
    { type: 'text', text: '让它动起来' },
    { type: 'image_url', image_url: { url: `data:image/png;base64,${base64}` } },
  ]
  const { body, text } = await stage.post('/generate/animation', { model: 'animation_model', content }, token)
  assert.equal(body.code, 1, text)
  const job = stage.provider.started.at(-1)
  assert.ok(job?.kind === 'video')
  assert.equal(job.source?.mediaType, 'image/png')
  const history = await stage.get('/generate/history', token)
  const transactions = await stage.get('/token/transactions', token)
  const [item] = history.data.history as [{ prompt: string; parameters: object }]
  assert.equal(item.prompt, '让它动起来')
  for (const shown of [history.text, transactions.text]) assert.ok(!shown.includes(base64.slice(0, 40)))
  const { rows } = await stage.context.db.pool.query<{ longest: number }>(
    'select max(length(input::text) + length(parameters::text)) as longest from task',
  )
  assert.ok(Number(rows[0]?.longest) < 2_000)
})

test('what was processing when its worker went down is finished by the next one (W13)', async () => {
  const quiet = await openStage({ withWorker: false })
  try {
    const token = await quiet.userWith(20)
    quiet.provider.next.push(() => new Promise(() => {}))
    const lost = quiet.site.startWorker({ leaseMs: 400 })
    const made = quiet.post('/generate/image', { prompt: '重启', size: '64x64' }, token)
    while (quiet.provider.started.length === 0) await new Promise((resolve) => setTimeout(resolve, 20))
    await lost.stop(0)
    quiet.site.startWorker()
    const { body, text } = await made
    assert.equal(body.code, 1, text)
    assert.equal((await quiet.get('/token/balance', token)).data.balance, 0)
    const { data } = (await quiet.get('/generate/history?status=processing', token)).body
    assert.deepEqual(data?.history, [])
  } finally {
    await quiet.close()
  }
})

test("a merchant's key is in no log, no reply and no readable row (W14)", async () => {
  const lines: string[] = []
  const write = (details: object, message: string): void => {
    const shown = (_name: string, value: unknown): unknown =>
      value instanceof Error ? { ...value, message: value.message, stack: value.stack } : value
    lines.push(
      `${message} ${JSON.stringify(details, (name, value) => (typeof value === 'bigint' ? String(value) : shown(name, value)))}`,
    )
  }
  const log: Log = { debug: write, info: write, warn: write, error: write }
  await withPart(stage.context, 'log', log, async () => {
    const { token, orderId, form } = await openOrder()
    await notify({ ...form, sign: 'forged' })
    await notify({ ...form, money: '1.00' })
    stage.gateway.nextQuery.push(() =>
      Promise.reject(new GatewayError('unavailable', 'connect ECONNREFUSED')),
    )
    const asked = await stage.get(`/payment/query?orderId=${orderId}`, token)
    assert.equal(asked.data.remoteOrder, null)
    await notify(form)
    lines.push(
      asked.text,
      JSON.stringify(
        await listChannels(stage.context),
        (_, value) => String(value) && (typeof value === 'bigint' ? String(value) : value),
      ),
    )
  })
  assert.ok(lines.length >= 4, lines.join('\n'))
  for (const line of lines) assert.ok(!line.includes(stage.secret), line)
  const { rows } = await stage.context.db.pool.query<{ secret: Buffer }>('select secret from payment_channel')
  for (const { secret } of rows) assert.ok(!secret.includes(stage.secret))
})

test("a gateway's own words reach nobody (W15)", async () => {
  const token = await stage.userWith(0)
  const failures = [
    new GatewayError('refused', '商户1001已被冻结 merchant frozen'),
    new GatewayError('ambiguous', 'socket hang up at https://payment.example.com/mapi.php?key=abc'),
    new TypeError("Cannot read properties of undefined (reading 'payurl')"),
  ]
  const codes: number[] = []
  for (const failure of failures) {
    stage.gateway.nextCreate.push(() => Promise.reject(failure))
    const body = { package: 'package_100', paymentType: 'alipay' }
    const { text, body: reply } = await stage.post('/payment/create', body, token)
    codes.push(reply.code)
    assert.doesNotMatch(text, /frozen|冻结|hang up|mapi|payurl|TypeError|stack/)
  }
  assert.deepEqual(codes, [1404, 1404, 9000])
})

test('after all of it the books are true', async () => {
  assert.deepEqual(await verifyLedger(stage.context), [])
})
