// specs/aigentools.md 7.2: what an operator sees of everybody's transactions, as a list and as a file.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { statement } from '../src/db/database.ts'
import { aigentools } from '../src/dialects/aigentools/dialect.ts'
import { preset as shop } from '../src/dialects/waliassets/preset.ts'
import { createSandbox, signSandboxNotification } from '../src/gateways/sandbox/sandbox.ts'
import { advanceTask } from '../src/kernel/generation/advance.ts'
import { claimTasks } from '../src/kernel/generation/claim.ts'
import { submitTask } from '../src/kernel/generation/submit.ts'
import type { Credits } from '../src/kernel/money.ts'
import { credits, units } from '../src/kernel/money.ts'
import { addChannel, channelById } from '../src/kernel/payments/channels.ts'
import { createOrder } from '../src/kernel/payments/create-order.ts'
import { readOrderById } from '../src/kernel/payments/order.ts'
import { quotePackage } from '../src/kernel/payments/packages.ts'
import { refundOrder } from '../src/kernel/payments/refund.ts'
import { takeNotification } from '../src/kernel/payments/settle.ts'
import { ProviderError } from '../src/kernel/ports/provider.ts'
import { adjustBalance } from '../src/kernel/wallet/adjust.ts'
import { verifyLedger } from '../src/kernel/wallet/verify.ts'
import type { TestSite } from './build-site.ts'
import { buildSite } from './build-site.ts'
import { createUser, pictureOf } from './factories.ts'
import { createFakeProvider } from './fakes/provider.ts'

const LIST = '/api/v1/admin/transactions'
const EXPORT = '/api/v1/admin/transactions/export'
const origin = { ip: '203.0.113.9', device: 'Mozilla/5.0 (X11; Linux x86_64)' }

const provider = createFakeProvider()
let site: TestSite
let admin: Awaited<ReturnType<typeof createUser>>
/** Somebody who was given and fined, bought, paid for a picture and got one back. */
let customer: Awaited<ReturnType<typeof createUser>>
let orderHandle = ''
let tasks: bigint[] = []

before(async () => {
  site = await buildSite({
    dialect: aigentools,
    providers: [provider],
    gateways: [createSandbox()],
    preset: { needsApproval: false, models: shop.models, prices: shop.prices, packages: shop.packages },
  })
  admin = await createUser(site.context, units(0), { role: 'admin' })
  customer = await createUser(site.context, units(0))
  await adjust(units(100), '欢迎')
  await adjust(credits(-12_345n), '=cmd|calc')
  orderHandle = await buy()
  provider.next.push(async () => {
    throw new ProviderError('rejected', 'no')
  })
  tasks = [await generate(), await generate()]
})
after(async () => {
  const findings = await verifyLedger(site.context)
  await site.close()
  assert.deepEqual(findings, [], 'the books are true')
})

const adjust = (amount: Credits, reason: string, accountId = customer.accountId) =>
  adjustBalance(site.context, {
    ...{ accountId, amount, reason, operatorId: admin.accountId, key: site.context.ids.uuid() },
    origin,
  })

/** Buys a hundred units, and gives them back. */
async function buy(): Promise<string> {
  const { context } = site
  await addChannel(context, {
    ...{ name: 'sandbox', gateway: 'sandbox', url: context.publicUrl, merchant: '1', secret: 'a secret' },
    ...{ options: {}, methods: ['alipay', 'wxpay'] },
  })
  const order = await createOrder(context, customer, {
    ...{
      item: quotePackage(context, 'package_100'),
      channelUuid: null,
      method: 'alipay',
      returnUrl: 'https://shop.example.com/back',
    },
    ...{ idempotencyKey: null, origin },
  })
  assert.ok(order.channelId !== null)
  const { channel, account } = await channelById(context, order.channelId)
  const payment = { tradeNumber: order.tradeNumber, amount: '2.00', isPaid: true }
  await takeNotification(context, channel.uuid, signSandboxNotification(account, payment))
  assert.equal((await readOrderById(context, order.id)).state, 'paid')
  await refundOrder(context, order.id, admin.accountId)
  return order.handle
}

async function generate(): Promise<bigint> {
  const { taskId } = await submitTask(site.context, customer, { ...pictureOf('一只猫'), origin })
  const [task] = await claimTasks(site.context, 'test', 1, 60_000)
  assert.equal(task?.id, taskId)
  await advanceTask(site.context, task, new AbortController().signal)
  return taskId
}

type Row = Record<string, string | number>

async function get(url: string, token: string | null = admin.token) {
  const answer = await site.app.inject({
    url,
    headers: token === null ? {} : { authorization: `Bearer ${token}` },
  })
  return { status: answer.statusCode, text: answer.body, headers: answer.headers }
}

async function list(
  query = '',
): Promise<{ transactions: Row[]; total: number; page: number; limit: number }> {
  const { status, text } = await get(`${LIST}?${query}`)
  assert.equal(status, 200, text)
  const answer = JSON.parse(text)
  assert.equal(answer.message, 'Transactions retrieved successfully')
  return answer.data
}

/** The rows of an export, cell by cell. No cell of these tests spans lines or has a quote in it. */
async function exported(query = ''): Promise<string[][]> {
  const { status, text } = await get(`${EXPORT}?${query}`)
  assert.equal(status, 200, text)
  const lines = text.slice(1).split('\r\n').slice(1, -1)
  return lines.map((line) => line.split(',').map((cell) => cell.replace(/^"(.*)"$/, '$1')))
}

test('every kind of entry has its type, its wording, its operator and where it came from', async () => {
  const { transactions, total, page, limit } = await list(`user_id=${customer.accountId}`)
  assert.deepEqual({ total, page, limit }, { total: 7, page: 1, limit: 20 })
  const by = admin.account.username
  const from = { ip_address: origin.ip, device_info: origin.device }
  const nowhere = { ip_address: '', device_info: '' }
  assert.deepEqual(
    transactions.map(({ id, hash, created_at, balance_before, ...shown }) => {
      assert.match(String(hash), /^[0-9a-f]{64}$/)
      assert.match(String(created_at), /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/)
      assert.equal(typeof id, 'number')
      assert.ok(Math.abs(Number(balance_before) + Number(shown.amount) - Number(shown.balance_after)) < 1e-9)
      return shown
    }),
    [
      [-20, 78.7655, 'Create task for model: 图像生成', 'system', 'user_consume', from],
      [20, 98.7655, `Refund for task ${tasks[0]} failure`, 'system', 'user_refund', nowhere],
      [-20, 78.7655, 'Create task for model: 图像生成', 'system', 'user_consume', from],
      [-100, 98.7655, `充值退款: ${orderHandle}`, by, 'system_auto', nowhere],
      [100, 198.7655, `充值订单: ${orderHandle}`, 'system', 'system_auto', nowhere],
      [-1.2345, 98.7655, '=cmd|calc', by, 'admin_adjustment', from],
      [100, 100, '欢迎', by, 'admin_adjustment', from],
    ].map(([amount, balance_after, reason, operator, type, where]) => ({
      ...{ user_id: Number(customer.accountId), amount, balance_after, reason, operator, type },
      ...(where as object),
    })),
  )
})

test('rows of all accounts are listed newest first, in pages', async () => {
  const { accountId } = await createUser(site.context, units(3))
  const all = await list('limit=200')
  assert.equal(all.transactions[0]?.user_id, Number(accountId))
  assert.equal(all.total, all.transactions.length)
  const paged: Row[] = []
  for (let page = 1; paged.length < all.total; page += 1)
    paged.push(...(await list(`limit=3&page=${page}`)).transactions)
  assert.deepEqual(paged, all.transactions)
  assert.deepEqual((await list('page=999')).transactions, [])
})

test('the list and the export heed the same filters', async () => {
  const [newest, , , , , , oldest] = (await list(`user_id=${customer.accountId}`)).transactions
  assert.ok(newest && oldest)
  const today = String(newest.created_at).slice(0, 10)
  const tomorrow = new Date(Date.parse(`${today}T00:00:00Z`) + 86_400_000).toISOString().slice(0, 10)
  const quoted = encodeURIComponent(JSON.stringify(newest.created_at))
  const one = `user_id=${customer.accountId}`
  for (const [query, expected] of [
    [one, 7],
    [`${one}&type=admin_adjustment`, 2],
    [`${one}&type=system_auto`, 2],
    [`${one}&type=user_consume`, 2],
    [`${one}&type=user_refund`, 1],
    ['type=user_consume', 2],
    ['type=user_refund', 1],
    ['type=gift', 0],
    ['type=constructor', 0],
    [`${one}&min_amount=0`, 3],
    [`${one}&min_amount=20&max_amount=99.9999`, 1],
    [`${one}&max_amount=-1.2345`, 4],
    [`${one}&max_amount=-1.2346`, 3],
    ['type=user_consume&min_amount=0', 0],
    ['type=user_refund&max_amount=-1', 0],
    ['min_amount=-20&max_amount=-20', 2],
    [`${one}&start_time=${today}&end_time=${today}`, 7],
    [`${one}&start_time=${tomorrow}`, 0],
    [`${one}&end_time=2020-01-01`, 0],
    [`${one}&start_time=${newest.created_at}&end_time=${newest.created_at}`, null],
    [`${one}&start_time=${quoted}`, null],
    [`end_time=${encodeURIComponent('2020-01-01T00:00:00+08:00')}`, 0],
    [`${one}&current=1&pageSize=5&sort=%7B%7D&type=`, 7],
    ['user_id=987654321', 0],
  ] as const) {
    const { transactions, total } = await list(`${query}&limit=200`)
    assert.equal(total, transactions.length, query)
    if (expected === null)
      assert.ok(
        transactions.some(({ id }) => id === newest.id),
        query,
      )
    else assert.equal(total, expected, query)
    assert.deepEqual(
      (await exported(query)).map(([id]) => Number(id)),
      transactions.map(({ id }) => id),
      query,
    )
  }
})

test('what makes no sense as a filter is refused by both, in the envelope', async () => {
  for (const query of [
    'user_id=x',
    'user_id=-1',
    'user_id=1.5',
    'start_time=yesterday',
    'end_time=2026-02-30',
    'min_amount=lots',
    'max_amount=1e3',
    'max_amount=0.00001',
  ]) {
    for (const path of [LIST, EXPORT]) {
      const { status, text } = await get(`${path}?${query}`)
      assert.equal(status, 400, `${path} ${query}`)
      assert.deepEqual(JSON.parse(text), {
        status: 400,
        message: `Invalid ${query.split('=')[0]}`,
        data: null,
      })
    }
  }
  assert.equal((await get(`${LIST}?page=0`)).status, 400)
})

test('nobody but an administrator sees or exports transactions', async () => {
  for (const path of [LIST, EXPORT]) {
    assert.equal((await get(path, null)).status, 401)
    assert.equal((await get(path, 'nonsense')).status, 401)
    const { status, text } = await get(path, customer.token)
    assert.equal(status, 403)
    assert.equal(JSON.parse(text).message, 'Forbidden: Admins only')
  }
})

test('the file has the columns of the earlier system, four decimals, and a name with its time', async () => {
  const { headers, text } = await get(`${EXPORT}?user_id=${customer.accountId}&type=admin_adjustment`)
  assert.equal(headers['content-type'], 'text/csv; charset=utf-8')
  assert.match(String(headers['content-disposition']), /^attachment; filename=transactions_20\d{12}\.csv$/)
  const [newest, oldest] = (await list(`user_id=${customer.accountId}&type=admin_adjustment`)).transactions
  const row = (shown: Row | undefined, cells: string) =>
    `${shown?.id},${shown?.created_at},${customer.accountId},admin_adjustment,${cells},${admin.account.username},${origin.ip},${origin.device},${shown?.hash}\r\n`
  assert.equal(
    text,
    `\ufeffID,Time,User ID,Type,Amount,Balance Before,Balance After,Reason,Operator,IP Address,Device Info,Hash\r\n${row(newest, `-1.2345,100.0000,98.7655,'=cmd|calc`)}${row(oldest, '100.0000,0.0000,100.0000,欢迎')}`,
  )
})

test('no cell of the file is a formula, however it is disguised', async () => {
  const { accountId } = await createUser(site.context, units(0))
  for (const [reason, cell] of [
    ['=1+1', `'=1+1`],
    ['+1', `'+1`],
    ['-1', `'-1`],
    ['@SUM(1)', `'@SUM(1)`],
    ['\t=1', `'\t'=1`],
    ['\r=1', `"'\r'=1"`],
    ['\n=1', `"'\n'=1"`],
    [' =1', `' =1`],
    ['\u00a0+1', `'\u00a0+1`],
    ['＝1', `'＝1`],
    ['＋1', `'＋1`],
    ['－1', `'－1`],
    ['＠1', `'＠1`],
    ['x;=1', `x;'=1`],
    ['x\n=1', `"x\n'=1"`],
    ['a "quote", and more', '"a ""quote"", and more"'],
    ['2 = 1 + 1', '2 = 1 + 1'],
  ] as const) {
    await adjust(units(1), reason, accountId)
    const { text } = await get(`${EXPORT}?user_id=${accountId}`)
    const start = text.indexOf('0000,', text.indexOf('\r\n')) // the first money cell of the newest row
    const rest = text.slice(start).split(',').slice(3).join(',')
    assert.ok(
      rest.startsWith(`${cell},${admin.account.username},`),
      JSON.stringify([reason, rest.slice(0, 60)]),
    )
  }
  // A device is what a stranger writes into a header.
  await submitTask(site.context, customer, {
    ...pictureOf('设备'),
    origin: { ip: null, device: 'Mozilla/5.0 (X11;=HYPERLINK(1))' },
  })
  assert.match((await get(`${EXPORT}?type=user_consume`)).text, /\(X11;'=HYPERLINK\(1\)\)/)
})

test("a row's hash is what the ledger's own check computes again, and a changed row no longer has it", async () => {
  const [shown] = (await list(`user_id=${customer.accountId}&type=admin_adjustment`)).transactions
  const recomputed = statement(
    'transactions test hash',
    `select encode(entry_hash_v1($1, (select hash from entry p where p.account_id = e.account_id and p.sequence = e.sequence - 1),
       entry_content_v1(account_id, sequence, kind, topic, debit, credit, amount + $3::bigint, available_before, available_after,
         held_after, effect, task_id, reason, operator_id, ip, device, created_at)), 'hex') as hash
     from entry e where id = $2`,
  )
  const hashWith = async (more: number) =>
    (await site.context.db.rows<{ hash: string }>(recomputed, [site.context.keys.chain, shown?.id, more]))[0]
      ?.hash
  assert.equal(await hashWith(0), shown?.hash)
  assert.notEqual(await hashWith(1), shown?.hash)
})
