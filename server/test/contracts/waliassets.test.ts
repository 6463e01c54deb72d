import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { waliassets } from '../../src/dialects/waliassets/dialect.ts'
import { createTokens } from '../../src/http/tokens.ts'
import { setAccountState } from '../../src/kernel/accounts/administer.ts'
import { units } from '../../src/kernel/money.ts'
import { enableChannel } from '../../src/kernel/payments/channels.ts'
import { GatewayError } from '../../src/kernel/ports/gateway.ts'
import { ProviderError } from '../../src/kernel/ports/provider.ts'
import { createUser } from '../factories.ts'
import { codeIn } from '../mail.ts'
import type { Json } from './contract.ts'
import { createContract, readContract } from './contract.ts'
import type { Sent } from './stage.ts'
import { withPart } from './stage.ts'
import type { Code, Operation, Reply, Stage } from './waliassets-stage.ts'
import { openStage, wire } from './waliassets-stage.ts'

// The document against the site: every operation, every example, every code. See contracts/README.md.

const operations = readContract<Operation[]>('waliassets', 'operations')
const codes = readContract<Code[]>('waliassets', 'codes')
const { golden, assertSameShape } = createContract('waliassets', wire)

let stage: Stage
before(async () => {
  stage = await openStage()
})
after(async () => {
  golden.save()
  await stage.close()
})

// ---- What has to be there before an example can be sent --------------------------------------------------

/** Sends a code to an address and reads it in the mail. */
async function codeFor(email: string): Promise<string> {
  const sent = await stage.post('/auth/send-code', { email, type: 'register' })
  assert.equal(sent.body.code, 1, sent.text)
  return codeIn((await stage.site.mails()).at(-1))
}

async function registered(name: string): Promise<{ email: string; token: string; emailCode: string }> {
  const email = `${name}@qq.com`
  const emailCode = await codeFor(email)
  const body = { email, password: 'password123', username: name, emailCode }
  const { body: reply, text } = await stage.post('/auth/register', body)
  assert.equal(reply.code, 1, text)
  return { email, token: String(reply.data?.token), emailCode }
}

async function withPicture(): Promise<{ token: string; taskId: string }> {
  const token = await stage.userWith(100)
  const { body } = await stage.post('/generate/image', exampleOf('image'), token)
  return { token, taskId: String(body.data?.taskId) }
}

async function withOrder(): Promise<{ token: string; orderId: string; outTradeNo: string }> {
  const token = await stage.userWith(100)
  const { body } = await stage.post('/payment/create', exampleOf('payment-create'), token)
  return { token, orderId: String(body.data?.orderId), outTradeNo: String(body.data?.outTradeNo) }
}

async function withRecord(): Promise<{ token: string; id: number }> {
  const { token } = await withPicture()
  const { data } = await stage.get('/generate/history', token)
  const [record] = data.history as [{ id: number }]
  return { token, id: record.id }
}

function exampleOf(name: string): { [key: string]: Json } {
  const request = operations.find((one) => one.name === name)?.request
  assert.ok(request, `${name} has an example of a request`)
  return request
}

/** What of an example has to be ours: who asks, ids, and what only this run knows. */
type Adapted = { token?: string; params?: Record<string, string | number>; query?: string; body?: object }

/** How each operation's example becomes a request that succeeds. */
const ADAPT: Readonly<Record<string, () => Promise<Adapted>>> = {
  'send-code': async () => ({}),
  register: async () => ({ body: { emailCode: codeIn((await stage.site.mails()).at(-1)) } }),
  // The document logs user@example.com in and answers user@qq.com.
  login: async () => ({ body: { email: 'user@qq.com' } }),
  balance: async () => ({ token: await stage.userWith(100) }),
  transactions: async () => ({
    token: (await withPicture()).token,
    query: 'page=1&limit=20&type=IMAGE_GENERATION',
  }),
  'token-history': async () => ({
    token: (await withPicture()).token,
    query: 'page=1&limit=20&type=IMAGE_GENERATION',
  }),
  'token-cost': async () => ({
    token: await stage.userWith(100),
    params: { type: 'IMAGE_GENERATION' },
  }),
  'payment-create': async () => ({ token: await stage.userWith(100) }),
  'payment-query': async () => {
    const { token, orderId, outTradeNo } = await withOrder()
    stage.gateway.pay(outTradeNo)
    return { token, query: `orderId=${orderId}` }
  },
  'payment-packages': async () => ({}),
  image: async () => ({ token: await stage.userWith(100) }),
  animation: async () => ({ token: await stage.userWith(100) }),
  status: async () => {
    const { token, taskId } = await withPicture()
    return { token, params: { taskId } }
  },
  history: async () => ({
    token: (await withPicture()).token,
    query: 'page=1&limit=10&type=image&status=completed',
  }),
  'history-delete': async () => {
    const { token, id } = await withRecord()
    return { token, params: { id } }
  },
}

/** How each refusal that an operation shows is brought about: `operation code`. */
const ADAPT_REFUSALS: Readonly<Record<string, () => Promise<Adapted>>> = {
  'send-code 1101': async () => ({ body: { email: 'user@example.com' } }),
  'register 1102': async () => ({ body: { email: 'never-sent@qq.com' } }),
  'login 1004': async () => ({}),
  'balance 1001': async () => ({ token: 'not.a.token' }),
  'token-cost 1602': async () => ({ token: await stage.userWith(100), params: { type: 'MUSIC' } }),
  'payment-create 1406': async () => ({
    token: await stage.userWith(100),
    body: { package: 'package_1' },
  }),
  'image 1301': async () => ({ token: await stage.userWith(5) }),
  'animation 1301': async () => ({ token: await stage.userWith(50) }),
  'status 1501': async () => ({
    token: await stage.userWith(100),
    params: { taskId: 'img_1234567890_abc123' },
  }),
  'history-delete 1203': async () => ({
    token: await stage.userWith(100),
    params: { id: (await withRecord()).id },
  }),
}

function toRequest(operation: Operation, { token, params = {}, query, body }: Adapted): Sent {
  const path = operation.path.replace(/:(\w+)/g, (_, name: string) => {
    assert.ok(name in params, `${operation.name} needs ${name}`)
    return String(params[name])
  })
  return {
    method: operation.method,
    url: query ? `${path}?${query}` : path,
    token,
    body: operation.request ? { ...operation.request, ...body } : undefined,
  }
}

// ---- The document's operations ------------------------------------------------------------------------------

for (const operation of operations) {
  const { name, method, path, success, errors } = operation

  test(`${method} ${path}: its example is answered as the document shows`, async () => {
    const adapt = ADAPT[name]
    assert.ok(adapt, `${name} has no adapted example`)
    const reply = await stage.send(toRequest(operation, await adapt()))
    assert.equal(reply.status, 200, reply.text)
    assert.equal(reply.headers['content-type'], 'application/json; charset=utf-8')
    assert.equal(reply.body.message, success.message, reply.text)
    assertSameShape(reply.body as Json, success, name)
    assert.equal(reply.body.code, 1)
    golden.check(name, 'success', reply)
  })

  for (const { response } of errors) {
    test(`${method} ${path}: refuses with ${response.code} ${response.message}, word for word`, async () => {
      const adapt = ADAPT_REFUSALS[`${name} ${response.code}`]
      assert.ok(adapt, `${name} ${response.code} has no adapted example`)
      const reply = await stage.send(toRequest(operation, await adapt()))
      assert.deepEqual([reply.status, reply.body], [200, response])
      golden.check(name, String(response.code), reply)
    })
  }
}

test('every route of the dialect is in the contract, and every operation of the contract has its route', () => {
  const mounted = waliassets.routes.map(({ method, path }) => `${method} ${waliassets.base}${path}`)
  assert.deepEqual(mounted.sort(), operations.map(({ method, path }) => `${method} ${path}`).sort())
})

test('who needs a token is as the document says', () => {
  for (const { method, path, auth } of operations) {
    const route = waliassets.routes.find(
      (one) => `${waliassets.base}${one.path}` === path && one.method === method,
    )
    assert.equal(route?.allow, auth ? 'user' : 'public', `${method} ${path}`)
  }
})

test('every parameter that the document names does what it says', async () => {
  const { token } = await withPicture()
  const read = async (url: string): Promise<Record<string, unknown>> => {
    const { body, text } = await stage.get(url, token)
    assert.equal(body.code, 1, text)
    return body.data ?? {}
  }
  const rows = async (url: string): Promise<number> => ((await read(url)).transactions as object[]).length
  assert.equal(await rows('/token/transactions'), 2)
  assert.equal(await rows('/token/transactions?limit=1&page=2'), 1)
  assert.equal(await rows('/token/transactions?type=REGISTER_BONUS'), 1)
  assert.equal(await rows('/token/transactions?type=VIDEO_GENERATION'), 0)
  const records = async (query: string): Promise<number> =>
    ((await read(`/generate/history?${query}`)).history as object[]).length
  const today = new Date().toISOString().slice(0, 10)
  assert.equal(await records(''), 1)
  assert.equal(await records('type=animation'), 0)
  assert.equal(await records('status=failed'), 0)
  assert.equal(await records('page=2'), 0)
  assert.equal(await records(`startDate=${today}&endDate=${today}`), 1, 'the last day counts as a whole')
  assert.equal(await records('startDate=2100-01-01'), 0)
  assert.equal(await records('endDate=2024-01-01'), 0)
  assert.deepEqual((await read('/token/transactions')).pagination, {
    total: 2,
    page: 1,
    limit: 20,
    totalPages: 1,
  })
  assert.deepEqual((await read('/generate/history')).pagination, {
    total: 1,
    page: 1,
    limit: 10,
    totalPages: 1,
  })
})

test('an order is found by outTradeNo too', async () => {
  const { token, orderId, outTradeNo } = await withOrder()
  const { body } = await stage.get(`/payment/query?outTradeNo=${outTradeNo}`, token)
  const { localOrder, remoteOrder } = body.data as { localOrder: { id: string }; remoteOrder: object }
  assert.equal(localOrder.id, orderId)
  assert.deepEqual(Object.keys(remoteOrder), ['status', 'tradeNo', 'totalFee'])
})

// ---- The reference ------------------------------------------------------------------------------------------

test('the page at /docs has the words and examples of the document', () => {
  const { routes, tables } = waliassets.reference
  for (const { source, method, path, title, parameters, request, success, errors } of operations) {
    const about = routes[`${method} ${path.slice(waliassets.base.length)}`]
    assert.ok(about, path)
    if (source === 'document') assert.equal(about.title, title)
    assert.deepEqual(about.success.body, success, path)
    assert.deepEqual(about.request ?? null, request, path)
    const shown = Object.values(about.refusals ?? {}).map(({ body }) => body)
    for (const { response } of errors)
      assert.ok(
        shown.some((one) => isDeepStrictEqual(one, response)),
        path,
      )
    assert.deepEqual(
      Object.keys(about.parameters ?? {}).sort(),
      parameters.map(({ name }) => name).sort(),
      path,
    )
  }
  const rowsOf = (title: string) => tables.find((table) => table.title === title)?.rows ?? []
  const raised = codes.filter(({ unraised }) => unraised === undefined).map(({ code }) => String(code))
  assert.deepEqual(
    rowsOf('业务错误代码').map(([code]) => code),
    raised,
  )
  const sold = readContract<{ id: string; tokens: number; price: number; name: string }[]>(
    'waliassets',
    'packages',
  )
  assert.deepEqual(
    rowsOf('Token套餐'),
    sold.map(({ id, tokens, price, name }) => [id, String(tokens), `¥${price.toFixed(2)}`, name]),
  )
  const states = Object.entries(readContract<Record<string, string>>('waliassets', 'task-states'))
  assert.deepEqual(rowsOf('任务状态'), states)
  const costs = Object.entries(
    readContract<Record<string, { title: string; tokens: number }>>('waliassets', 'costs'),
  )
  assert.deepEqual(
    rowsOf('Token消耗'),
    costs.map(([type, { title, tokens }]) => [title, type, `${tokens} tokens`]),
  )
})

// ---- Tables -------------------------------------------------------------------------------------------------

test('Token套餐: the five packages of the table are sold, and paid for at their price', async () => {
  const sold = readContract<{ id: string; tokens: number; price: number; name: string }[]>(
    'waliassets',
    'packages',
  )
  const { body } = await stage.get('/payment/packages')
  assert.deepEqual(body.data?.packages, sold)
  const token = await stage.userWith(100)
  let balance = 100
  for (const { id, tokens, price } of sold) {
    const order = (await stage.post('/payment/create', { package: id, paymentType: 'wxpay' }, token)).body
      .data
    const outTradeNo = String(order?.outTradeNo)
    assert.equal(stage.gateway.trades.get(outTradeNo)?.order.amountFen, BigInt(price * 100))
    stage.gateway.pay(outTradeNo)
    await stage.get(`/payment/query?orderId=${order?.orderId}`, token)
    balance += tokens
    assert.equal((await stage.get('/token/balance', token)).data.balance, balance)
  }
})

test('Token消耗: what the table says is what is asked and paid', async () => {
  const costs = readContract<Record<string, { title: string; tokens: number }>>('waliassets', 'costs')
  const token = await stage.userWith(120)
  await stage.post('/generate/image', exampleOf('image'), token)
  await stage.post('/generate/animation', exampleOf('animation'), token)
  for (const [type, { title, tokens }] of Object.entries(costs)) {
    const asked = await stage.get(`/token/cost/${type}`, token)
    assert.deepEqual(asked.body.data, { type, cost: tokens, currentBalance: 0, canAfford: false })
    const { data } = await stage.get(`/token/transactions?type=${type}`, token)
    const [row] = data.transactions as [{ amount: number; description: string }]
    assert.deepEqual([row.amount, row.description], [-tokens, title])
  }
})

test('任务状态说明: a task is pending, processing, completed or failed, and found by each', async () => {
  const states = Object.keys(readContract<object>('waliassets', 'task-states'))
  const quiet = await openStage({ withWorker: false })
  try {
    const token = await quiet.userWith(1_000)
    let letGo = (): void => {}
    quiet.provider.next.push(
      () => new Promise((_resolve, reject) => (letGo = () => reject(new ProviderError('content', '')))),
    )
    const seen: string[] = []
    const look = async (): Promise<void> => {
      for (const state of states) {
        const { data } = await quiet.get(`/generate/history?status=${state}`, token)
        const [row] = data.history as {
          status: string
          taskId: string
          errorMessage: string | null
        }[]
        if (!row) continue
        assert.equal(row.status, state)
        const shown = (await quiet.get(`/generate/status/${row.taskId}`, token)).data
        assert.deepEqual([shown.status, shown.errorMessage], [state, row.errorMessage])
        seen.push(state)
      }
    }
    const until = async (holds: () => boolean | Promise<boolean>): Promise<void> => {
      while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20))
    }
    const waiting = quiet.post('/generate/image', exampleOf('image'), token)
    const isListed = async (): Promise<boolean> =>
      /"total":1/.test((await quiet.get('/generate/history', token)).text)
    await until(isListed)
    await look()
    quiet.site.startWorker()
    await until(() => quiet.provider.started.length === 1)
    await look()
    letGo()
    assert.equal((await waiting).body.code, 1502)
    await quiet.post('/generate/image', exampleOf('image'), token)
    await look()
    assert.deepEqual(seen, states)
  } finally {
    await quiet.close()
  }
})

// ---- Codes --------------------------------------------------------------------------------------------------

const PASSWORD = 'password123'
const picture = { prompt: '一只可爱的小猫', size: '64x64' }
const order = { package: 'package_100', paymentType: 'alipay' }

async function failing(...kinds: ConstructorParameters<typeof ProviderError>[]): Promise<Reply> {
  const token = await stage.userWith(100)
  stage.provider.next.push(...kinds.map((kind) => () => Promise.reject(new ProviderError(...kind))))
  return stage.post('/generate/image', picture, token)
}

/** A request that is answered with the code, for every code that one can be answered with. */
const PRODUCE: Readonly<Record<number, () => Promise<Reply>>> = {
  1: async () => stage.get('/token/balance', await stage.userWith(100)),
  1001: () => stage.get('/token/balance', 'not.a.token'),
  1002: async () => {
    const { context } = stage
    const { account } = await createUser(context, units(0))
    const { sign } = createTokens(context.keys.token, context.site, context.clock.now)
    return stage.get(
      '/token/balance',
      sign({ id: context.ids.uuid(), expiresAt: new Date('2024-01-01T12:00:00Z') }, account.uuid),
    )
  },
  1003: () => stage.get('/token/balance'),
  1004: () => stage.post('/auth/login', { email: 'user@qq.com', password: 'not this one' }),
  1005: async () => {
    const { accountId, token } = await createUser(stage.context, units(0))
    await setAccountState(stage.context, accountId, 'closed')
    return stage.get('/token/balance', token)
  },
  1006: async () => {
    const { accountId, email, password } = await createUser(stage.context, units(0))
    await setAccountState(stage.context, accountId, 'disabled')
    return stage.post('/auth/login', { email, password })
  },
  1101: () => stage.post('/auth/send-code', { email: 'user@163.com' }),
  1102: () =>
    stage.post('/auth/register', {
      email: 'stranger@qq.com',
      password: PASSWORD,
      username: 'stranger',
      emailCode: '000000',
    }),
  1103: async () => {
    const email = 'spent@qq.com'
    const emailCode = await codeFor(email)
    const wrong = emailCode === '000000' ? '000001' : '000000'
    const body = { email, password: PASSWORD, username: 'spent' }
    for (let tries = 0; tries < 3; tries += 1)
      await stage.post('/auth/register', { ...body, emailCode: wrong })
    return stage.post('/auth/register', { ...body, emailCode })
  },
  1104: async () => {
    const { email, emailCode } = await registered('twice')
    return stage.post('/auth/register', { email, password: PASSWORD, username: 'twice2', emailCode })
  },
  1105: async () => {
    await codeFor('hasty@qq.com')
    return stage.post('/auth/send-code', { email: 'hasty@qq.com' })
  },
  1106: () => {
    const mail = { ...stage.context.mail, send: () => Promise.reject(new Error('550 relay denied')) }
    return withPart(stage.context, 'mail', mail, () =>
      stage.post('/auth/send-code', { email: 'unlucky@qq.com' }),
    )
  },
  1107: async () => {
    const { email } = await registered('taken')
    return stage.post('/auth/send-code', { email, type: 'register' })
  },
  1202: async () => {
    await registered('samename')
    const emailCode = await codeFor('other@qq.com')
    return stage.post('/auth/register', {
      email: 'other@qq.com',
      password: PASSWORD,
      username: 'samename',
      emailCode,
    })
  },
  1203: async () => {
    const { id } = await withRecord()
    return stage.send({
      method: 'DELETE',
      url: `/api/generate/history/${id}`,
      token: await stage.userWith(0),
    })
  },
  1301: async () => stage.post('/generate/image', picture, await stage.userWith(5)),
  1401: async () => {
    await enableChannel(stage.context, stage.channel.id, false)
    try {
      return await stage.post('/payment/create', order, await stage.userWith(0))
    } finally {
      await enableChannel(stage.context, stage.channel.id, true)
    }
  },
  1402: async () => stage.get('/payment/query?orderId=order_123456', await stage.userWith(0)),
  1404: async () => {
    stage.gateway.nextCreate.push(() =>
      Promise.reject(new GatewayError('refused', 'merchant 1001 is frozen')),
    )
    return stage.post('/payment/create', order, await stage.userWith(0))
  },
  1406: async () =>
    stage.post('/payment/create', { ...order, package: 'package_7' }, await stage.userWith(0)),
  1501: async () => stage.get('/generate/status/img_1_a', await stage.userWith(0)),
  1502: () => failing(['content', 'the vendor says: forbidden']),
  1503: async () =>
    stage.post('/generate/animation', { model: 'expensive_model', content: '猫' }, await stage.userWith(100)),
  // Throttled by its vendor until the attempts are used up.
  1504: () => {
    const attempts = Array.from({ length: 5 }, () => ['throttled', 'slow down', { retryAfterMs: 0 }] as const)
    return failing(
      ...attempts.map(([kind, words, options]) => [kind, words, options] as [typeof kind, string, object]),
    )
  },
  1601: () => stage.post('/auth/send-code', {}),
  1602: async () => stage.post('/generate/image', { prompt: '' }, await stage.userWith(0)),
  9000: async () => {
    stage.gateway.nextCreate.push(() => Promise.reject(new TypeError("reading 'payurl' of undefined")))
    return stage.post('/payment/create', order, await stage.userWith(0))
  },
  9001: async () => {
    const token = await stage.userWith(0)
    const gone = Object.assign(new Error('terminating connection'), { code: '57P01' })
    const db = { ...stage.context.db, rows: () => Promise.reject(gone) }
    return withPart(stage.context, 'db', db, () => stage.get('/token/balance', token))
  },
  9003: async () => {
    const token = await stage.userWith(0)
    const limiter = { ...stage.context.limiter, take: async () => 17 }
    return withPart(stage.context, 'limiter', limiter, () => stage.get('/token/balance', token))
  },
}

for (const row of codes) {
  const { code, meaning } = row
  if (row.unraised !== undefined) {
    test(`code ${code} ${meaning}: in the table only, and the data says why`, () => {
      assert.ok(row.unraised && row.unraised.length > 20)
      assert.ok(!(code in PRODUCE))
    })
    continue
  }
  test(`code ${code} ${meaning}: a request is answered with it`, async () => {
    const produce = PRODUCE[code]
    assert.ok(produce, `nothing produces ${code}`)
    const reply = await produce()
    assert.deepEqual([reply.status, reply.body.code], [row.status, code], reply.text)
    assert.equal(reply.body.success, code === 1)
    if (row.message !== null) assert.equal(reply.body.message, row.message)
    golden.check('codes', String(code), reply)
  })
}

test('a code that the dialect can answer is in the table', async () => {
  const folder = new URL('../../src/dialects/waliassets/', import.meta.url)
  const sources = (await readdir(folder)).filter((name) => name.endsWith('.ts') && !name.includes('.test.'))
  const texts = await Promise.all(sources.map((name) => readFile(new URL(name, folder), 'utf8')))
  const used = texts.flatMap((text) =>
    [...text.matchAll(/refuse\((?:[A-Z_[\].a-z]+ \? )?(\d{4})/g)].map(([, code]) => Number(code)),
  )
  assert.ok(used.length > 20)
  const known = new Set(codes.map(({ code }) => code))
  assert.deepEqual(
    used.filter((code) => !known.has(code)),
    [],
  )
})

test('an order asked for without any id is 1601, a prompt of blanks the same 1602 as none', async () => {
  const token = await stage.userWith(20)
  const asked = await stage.get('/payment/query', token)
  assert.deepEqual([asked.body.code, asked.body.message], [1601, 'orderId 和 outTradeNo 至少需要一个'])
  for (const prompt of ['', '  ', undefined]) {
    const { body } = await stage.post('/generate/image', { prompt }, token)
    assert.deepEqual([body.code, body.message], [1602, 'Prompt不能为空'])
  }
})

test('429 says when to come back, in the header too', async () => {
  const reply = await PRODUCE[9003]?.()
  assert.equal(reply?.headers['retry-after'], '17')
})
