import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { aigentools } from '../../src/dialects/aigentools/dialect.ts'
import { createEpay } from '../../src/gateways/epay/epay.ts'
import type { EpayStandIn } from '../gateways/epay-stand-in.ts'
import { startEpayStandIn } from '../gateways/epay-stand-in.ts'
import type { Stage, Task, User } from './aigentools-stage.ts'
import { oneThing, openStage } from './aigentools-stage.ts'
import type { Json } from './contract.ts'
import { readContract } from './contract.ts'

// The real front-end as facts/aigentools.md, section 2, describes it: over a socket, from another origin, sending
// and reading what it sends and reads. Nothing here knows better than it does.

let stage: Stage
let cashier: EpayStandIn
let origin: string
before(async () => {
  cashier = await startEpayStandIn()
  stage = await openStage({ outbound: oneThing, gateways: (outbound) => [createEpay(outbound)] })
  await stage.site.app.listen({ host: '127.0.0.1', port: 0 })
  origin = `http://127.0.0.1:${(stage.site.app.server.address() as AddressInfo).port}`
})
after(async () => {
  await stage.close()
  await cashier.close()
})

// ---- The browser --------------------------------------------------------------------------------------------

type Envelope<Data> = { status: number; message: string; data: Data; success?: boolean }
type CurrentUser = {
  id: number
  username: string
  role: string
  creditLimit: number
  credit: { available: number; used: number }
}
type Params = Record<string, string | number | boolean | undefined>

type Browser = {
  storage: Map<string, string>
  /** Where the browser is, and what was shown to its user. */
  location: string
  toasts: string[]
  request: <Data>(
    method: string,
    path: string,
    options?: { params?: Params; data?: object },
  ) => Promise<Envelope<Data>>
  download: (path: string, params: Params) => Promise<Blob>
  currentUser: () => CurrentUser
  /** What every change of route does: any failure clears the login (2.2). */
  goTo: (path: string) => Promise<void>
  logIn: (username: string, password: string) => Promise<void>
}

const FRONT_END = 'https://front-end.example.com'

/** axios with the request layer of 2.1, and the login storage of 2.2. */
function openBrowser(): Browser {
  const storage = new Map<string, string>()
  const ask = async (
    method: string,
    path: string,
    { params = {}, data }: { params?: Params; data?: object } = {},
  ): Promise<Response> => {
    const query = new URLSearchParams()
    for (const [name, value] of Object.entries(params))
      if (value !== undefined && value !== '') query.set(name, String(value))
    const token = storage.get('auth_token')
    const url = `${origin}${aigentools.base}${path}${query.size > 0 ? `?${query}` : ''}`
    return fetch(url, {
      method,
      headers: {
        accept: 'application/json, text/plain, */*',
        origin: FRONT_END,
        ...(token && { authorization: `Bearer ${token}` }),
        ...(data && { 'content-type': 'application/json' }),
      },
      ...(data && { body: JSON.stringify(data) }),
    })
  }
  const refuse = (status: number, message: string): never => {
    if (status === 401) browser.location = '/user/login'
    browser.toasts.push(message)
    throw new Error(message)
  }
  const browser: Browser = {
    storage,
    location: '/',
    toasts: [],
    request: async <Data>(method: string, path: string, options?: object) => {
      const response = await ask(method, path, options)
      // Without this header a browser shows its page nothing.
      assert.equal(response.headers.get('access-control-allow-origin'), '*')
      const body = (await response.json()) as Envelope<Data>
      if (body.success === false) refuse(response.status, body.message)
      if (!response.ok) refuse(response.status, body.message)
      return body
    },
    download: async (path, params) => {
      const response = await ask('GET', path, { params })
      if (!response.ok) refuse(response.status, await response.text())
      return response.blob()
    },
    currentUser: () => JSON.parse(storage.get('user_info') ?? 'null') as CurrentUser,
    goTo: async (path) => {
      browser.location = path
      try {
        const { data } = await browser.request<CurrentUser>('GET', '/auth/user')
        storage.set('user_info', JSON.stringify(data))
      } catch {
        storage.clear()
        browser.location = '/user/login'
      }
    },
    logIn: async (username, password) => {
      const { data } = await browser.request<{ token: string }>('POST', '/auth/login', {
        data: { username, password },
      })
      storage.set('auth_token', data.token)
      storage.set('user_info', JSON.stringify(data))
      await browser.goTo('/welcome')
    },
  }
  return browser
}

async function browserOf(user: User): Promise<Browser> {
  const browser = openBrowser()
  await browser.logIn(user.username, user.password)
  return browser
}

/** Most calls look for this in the body as well (2.1). */
function expectOk<Data>({ status, message, data }: Envelope<Data>): Data {
  assert.equal(status, 200, message)
  return data
}

// ---- Login --------------------------------------------------------------------------------------------------

test('a browser asks first whether it may: any origin, with the Bearer header and every method', async () => {
  for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
    const response = await fetch(`${origin}${aigentools.base}/tasks`, {
      method: 'OPTIONS',
      headers: {
        origin: FRONT_END,
        'access-control-request-method': method,
        'access-control-request-headers': 'authorization,content-type',
      },
    })
    assert.ok(response.status < 300)
    assert.equal(response.headers.get('access-control-allow-origin'), '*')
    assert.ok(response.headers.get('access-control-allow-methods')?.includes(method))
    assert.match(String(response.headers.get('access-control-allow-headers')), /authorization/i)
  }
})

test('register, log in, and be somebody until the login is no good any more', async () => {
  const browser = openBrowser()
  const form = { username: 'newcomer', password: 'secret-1', confirm: 'secret-1' }
  const registered = await browser.request<{ id: number }>('POST', '/auth/register', { data: form })
  assert.ok(registered.data.id > 0)
  await assert.rejects(browser.request('POST', '/auth/register', { data: form }), /already exists/)
  await assert.rejects(browser.logIn('newcomer', 'secret-2'), /Invalid username or password/)
  assert.equal(browser.location, '/user/login', 'a wrong password is a 401 like any other')

  await browser.logIn('newcomer', 'secret-1')
  const user = browser.currentUser()
  assert.deepEqual([user.id, user.username, user.role], [registered.data.id, 'newcomer', 'user'])
  for (const shown of [user.creditLimit, user.credit.available, user.credit.used])
    assert.equal(shown.toFixed(2), '0.00')
  for (const page of ['/tasks', '/recharge', '/welcome', '/tasks']) {
    await browser.goTo(page)
    assert.equal(browser.location, page)
  }
  const admin = await browserOf(stage.admin)
  assert.equal(admin.currentUser().role, 'admin')
  await admin.request('PATCH', `/admin/users/${user.id}`, { data: { is_active: false } })
  await browser.goTo('/tasks')
  assert.deepEqual([browser.location, browser.storage.size], ['/user/login', 0])
})

// ---- Tasks --------------------------------------------------------------------------------------------------

type Entry = {
  name: string
  type: string
  required: boolean
  description: string
  example: Json
  options?: Json[]
}
type Field = { widget: string; entry: Entry; sends: Json; upstream?: Json }
const { entries } = readContract<{ entries: Field[] }>('aigentools', 'parameter-types')

/** The table of 2.3, from top to bottom. */
function widgetOf({ type, name, options }: Entry): string {
  if (type === 'select' || (options && options.length > 0)) return 'select'
  if (type === 'boolean') return 'switch'
  if (['integer', 'number', 'uint32'].includes(type)) return 'number box'
  if (type === 'textarea') return 'text area'
  if (type === 'string') return /image|avatar|logo|icon/.test(name) ? 'OSS upload' : 'text box'
  if (type === 'array') return 'tag select'
  return type === 'object' ? 'text area for JSON' : 'text box for JSON'
}

/** Steps 1 to 3: choose a model, read its parameters, make a form. */
async function chooseModel(
  browser: Browser,
  name: string,
): Promise<{ model: { id: number; url: string; name: string }; form: Entry[] }> {
  const names = expectOk(
    await browser.request<{ id: number; name: string; url: string; status: string; price: number }[]>(
      'GET',
      '/models/names',
    ),
  )
  const model = names.filter(({ status }) => status === 'open').find((one) => one.name === name)
  assert.ok(model, JSON.stringify(names))
  assert.ok(browser.currentUser().credit.available >= model.price)
  const parameters = expectOk(
    await browser.request<{ request_body: Entry[] }>('GET', `/models/${model.id}/parameters`),
  )
  assert.ok(parameters)
  return { model, form: parameters.request_body }
}

/** Step 4: the only shape it ever sends. */
async function submit(
  browser: Browser,
  model: { id: number; url: string; name: string },
  values: Record<string, Json>,
): Promise<Task> {
  const { id, username } = browser.currentUser()
  const task = expectOk(
    await browser.request<Task>('POST', '/tasks', {
      data: {
        body: {
          data: { modelId: model.id, ...values },
          model: { model_url: model.url, model_name: model.name },
        },
        user: { creatorId: id, creatorName: username },
      },
    }),
  )
  await browser.goTo('/tasks')
  return task
}

/** The one table of tasks: `status` only when one is chosen. */
async function listTasks(browser: Browser, status?: number): Promise<{ items: Task[]; total: number }> {
  return expectOk(await browser.request('GET', '/tasks', { params: { page: 1, page_size: 10, status } }))
}

test('a form made of request_body, every widget filled, becomes a task whose result is shown as a picture', async () => {
  const parameters = {
    request_header: [],
    request_body: entries.map(({ entry }) => entry),
    response_parameters: [],
  }
  const made = await stage.model({ name: 'Every widget', price: 1.5, parameters })
  const user = await stage.user(10)
  const browser = await browserOf(user)
  const { model, form } = await chooseModel(browser, 'Every widget')
  assert.deepEqual(
    form.map(widgetOf),
    entries.map(({ widget }) => widget),
    'options and everything else of an entry came back',
  )
  const values = Object.fromEntries(entries.map(({ entry, sends }) => [entry.name, sends]))
  const task = await submit(browser, model, values)
  assert.equal(browser.currentUser().credit.available, 8.5)
  assert.deepEqual(task.input_data, {
    data: { modelId: model.id, ...values },
    model: { model_url: made.url, model_name: 'Every widget' },
  })

  const { items, total } = await listTasks(browser)
  const [row] = items
  assert.ok(row)
  assert.deepEqual(
    [total, row.id, row.creator_id, row.creator_name, row.status, row.retry_count, row.max_retries],
    [1, task.id, user.id, user.username, 1, 0, 3],
  )
  assert.ok(!Number.isNaN(Date.parse(row.created_at)))
  const shown = (row.input_data.data ?? row.input_data) as Record<string, Json>
  assert.deepEqual([shown.image, shown.prompt], ['https://example.com/a.png', 'a kitten\nruns'])

  // Everybody sees the button; only an administrator's press does something.
  await assert.rejects(browser.request('PATCH', `/tasks/${task.id}/approve`), /Admins only/)
  const admin = await browserOf(stage.admin)
  assert.equal(expectOk(await admin.request<Task>('PATCH', `/tasks/${task.id}/approve`)).status, 2)
  await stage.finish(task.id)
  const detail = expectOk(await browser.request<Task>('GET', `/tasks/${task.id}`))
  assert.equal(detail.status, 4, detail.error_log)
  assert.match(detail.result_url, /\.(jpeg|jpg|gif|png|webp)$/i)
  for (const viewed of [detail.input_data, detail.input_data.model]) assert.equal(typeof viewed, 'object')
  const job = stage.upstream.started.at(-1)
  assert.ok(job?.kind === 'custom')
  assert.deepEqual(
    job.arguments,
    Object.fromEntries(entries.map(({ entry, sends, upstream }) => [entry.name, upstream ?? sends])),
    'what came as JSON text goes on as what it says',
  )
})

test('empty fields are left out; a required one that is left out, or text that is no JSON, is told', async () => {
  const request_body = entries.map(({ entry }) => entry)
  await stage.model({
    name: 'Mostly optional',
    parameters: { request_header: [], request_body, response_parameters: [] },
  })
  const browser = await browserOf(await stage.user(10))
  const { model } = await chooseModel(browser, 'Mostly optional')
  assert.equal((await submit(browser, model, { prompt: 'only this' })).status, 1)
  await assert.rejects(submit(browser, model, { title: 'no prompt' }), /prompt/)
  await assert.rejects(submit(browser, model, { prompt: 'x', camera: '{"zoom":' }), /camera/)
  await browser.goTo('/tasks')
  assert.equal(browser.currentUser().credit.available, 8, 'one was submitted')
})

test('edit and cancel, from the list', async () => {
  await stage.model({ name: 'To be edited', price: 3 })
  const browser = await browserOf(await stage.user(10))
  const { model } = await chooseModel(browser, 'To be edited')
  const { id } = await submit(browser, model, { prompt: 'before' })
  const [row] = (await listTasks(browser, 1)).items
  assert.ok(row)
  const text = JSON.stringify(row.input_data.data).replace('before', 'after')
  const edited = expectOk(
    await browser.request<Task>('PUT', `/tasks/${id}`, {
      data: { body: { ...row.input_data, data: JSON.parse(text) as Json } },
    }),
  )
  assert.deepEqual(edited.input_data, { ...row.input_data, data: { modelId: model.id, prompt: 'after' } })
  assert.equal(edited.status, 1)
  assert.equal(expectOk(await browser.request<Task>('POST', `/tasks/${id}/cancel`)).status, 6)
  await browser.goTo('/tasks')
  assert.equal(browser.currentUser().credit.available, 10, 'a cancel gives the money back')
  assert.deepEqual((await listTasks(browser, 1)).items, [])
  assert.equal((await listTasks(browser, 6)).total, 1)
})

test('the picture panel: an address in, a prompt out', async () => {
  const browser = await browserOf(await stage.user())
  for (const template of ['nsfw', 'ecommerce']) {
    const { result } = expectOk(
      await browser.request<{ result: string }>('POST', '/ai-assistant/analyze', {
        data: { imageUrl: 'https://example.com/image.jpg', template },
      }),
    )
    assert.ok(typeof result === 'string' && result.length > 0)
  }
})

test('the upload reads what its OSS client needs', async () => {
  const browser = await browserOf(await stage.user())
  const answer = await browser.request<Record<string, string>>('GET', '/common/upload/token')
  const { region, accessKeyId, accessKeySecret, securityToken, bucket } = answer.data ?? answer
  for (const part of [region, accessKeyId, accessKeySecret, securityToken, bucket]) assert.ok(part)
  assert.match(String(bucket), /^[a-z0-9_][a-z0-9-_]{1,61}[a-z0-9_]$/)
})

// ---- Recharge -----------------------------------------------------------------------------------------------

/** The form of the payment page: the same three at the top level and in `config` (2.8). */
const paymentForm = (values: { name: string; url: string; pid: string; key: string }): object => {
  const { name, url, pid, key } = values
  return { name, payment_method: 'epay', enable: true, url, pid, key, config: { url, pid, key } }
}

type PaymentConfig = {
  id: number
  name: string
  payment_method: string
  enable: boolean
  created_at: string
  config: { url: string; gateway: string; pid: string; key: string }
}

test('an operator sets a gateway up and edits it without its key; a user tops up, and sees it', async () => {
  const admin = await browserOf(stage.admin)
  const { url, pid, key } = cashier
  await admin.request('POST', '/admin/payment/config', {
    data: paymentForm({ name: '支付宝', url, pid, key }),
  })
  const read = async (): Promise<PaymentConfig> => {
    const { data } = await admin.request<PaymentConfig[]>('GET', '/admin/payment/config')
    const found = data.find(({ payment_method, config }) => payment_method === 'epay' && config.pid === pid)
    assert.ok(found, JSON.stringify(data))
    return found
  }
  const config = await read()
  assert.deepEqual([config.config.url, config.config.gateway, config.enable], [url, url, true])
  assert.ok(config.config.key && !config.config.key.includes(key), 'a mask')
  // The edit form sends back what it was shown, the mask too.
  await admin.request('PUT', `/admin/payment/config/${config.id}`, {
    data: paymentForm({ ...config.config, name: '支付宝 2' }),
  })
  assert.deepEqual((await read()).config, config.config)

  const browser = await browserOf(await stage.user())
  await browser.goTo('/recharge')
  const methods = expectOk(
    await browser.request<{ uuid: string; name: string; type: string }[]>('GET', '/payment/methods'),
  )
  const method = methods.find(({ name }) => name === '支付宝 2')
  assert.equal(method?.type, 'epay')
  const order = expectOk(
    await browser.request<{ jump_url: string; order_id: string }>('POST', '/payment/create', {
      data: {
        amount: 12.34,
        payment_method_uuid: method?.uuid,
        payment_channel: 'alipay',
        return_url: `${FRONT_END}/recharge`,
      },
    }),
  )
  assert.ok(order.order_id)
  // window.location.href = data.jump_url
  const jump = new URL(order.jump_url)
  assert.deepEqual([jump.origin, jump.pathname], [url, '/submit.php'])
  const arrived = await (await fetch(jump)).json()
  assert.equal(
    (arrived as { code: number }).code,
    1,
    'the stand-in found the signature good: the key was kept',
  )
  const number = String(jump.searchParams.get('out_trade_no'))
  const trade = cashier.orders.get(number)
  assert.deepEqual(
    [trade?.money, trade?.type, trade?.return_url],
    ['12.34', 'alipay', `${FRONT_END}/recharge`],
  )
  await browser.goTo('/recharge')
  assert.equal(browser.currentUser().credit.available, 0, 'coming back is no payment')
  cashier.pay(number)
  const to = `${origin}${new URL(String(trade?.notify_url)).pathname}`
  assert.deepEqual(await cashier.notify(number, { to, times: 3 }), [
    { status: 200, body: 'success' },
    { status: 200, body: 'success' },
    { status: 200, body: 'success' },
  ])
  await browser.goTo('/recharge')
  assert.equal(browser.currentUser().credit.available, 12.34)
  assert.equal(browser.currentUser().credit.used, 0)

  await admin.request('DELETE', `/admin/payment/config/${config.id}`)
  assert.ok(
    expectOk(await browser.request<{ name: string }[]>('GET', '/payment/methods')).every(
      ({ name }) => name !== '支付宝 2',
    ),
  )
})

// ---- Administration -----------------------------------------------------------------------------------------

const today = (): string => new Date().toISOString().slice(0, 10)
/** What the table component sends besides (2.8). */
const TABLE = { current: 1, pageSize: 20, page: 1, limit: 20 }

type AdminUser = {
  id: number
  username: string
  role: string
  is_active: boolean
  balance: number
  creditLimit: number
  activated_at: string
  created_at: string
}

test('the table of users: its filters, an update with every field of its form, a balance', async () => {
  const admin = await browserOf(stage.admin)
  const user = await stage.user(5)
  const find = async (params: Params): Promise<AdminUser[]> =>
    expectOk(
      await admin.request<{ users: AdminUser[]; total: number }>('GET', '/admin/users', {
        params: { ...TABLE, ...params },
      }),
    ).users
  const filters = { username: user.username, role: 'user', is_active: 'true' }
  const days = { created_after: today(), created_before: today() }
  const [row] = (await find({ ...filters, ...days })).filter(({ id }) => id === user.id)
  assert.ok(row)
  assert.deepEqual([row.balance, row.creditLimit, row.is_active, row.role], [5, 0, true, 'user'])
  assert.deepEqual(await find({ ...filters, created_before: '2000-01-01' }), [])

  const form = { username: `${user.username}-renamed`, role: 'user', is_active: true, creditLimit: 20 }
  await admin.request('PATCH', `/admin/users/${user.id}`, { data: { ...form, password: '' } })
  const browser = openBrowser()
  await browser.logIn(form.username, user.password)
  assert.deepEqual([browser.currentUser().creditLimit, browser.currentUser().credit.available], [20, 25])
  await admin.request('PATCH', `/admin/users/${user.id}`, { data: { ...form, password: 'another-1' } })
  await browser.goTo('/tasks')
  assert.equal(browser.location, '/user/login', 'a new password ends what was logged in with the old')
  await browser.logIn(form.username, 'another-1')

  for (const [type, amount] of [['credit', 10] as const, ['debit', 2.5] as const])
    await admin.request('POST', `/admin/users/${user.id}/balance`, { data: { type, amount, reason: '充值' } })
  const [changed] = (await find({ username: form.username })).filter(({ id }) => id === user.id)
  assert.deepEqual([changed?.balance, changed?.creditLimit], [12.5, 20])
  await assert.rejects(
    admin.request('POST', `/admin/users/${user.id}/balance`, { data: { type: 'debit', amount: 1_000 } }),
    /Insufficient balance/,
  )
  await admin.request('DELETE', `/admin/users/${user.id}`)
  assert.deepEqual(await find({ username: form.username }), [])
})

test('the table of balance changes: days, amounts and a sort that is nobody’s; its export with quoted dates', async () => {
  const admin = await browserOf(stage.admin)
  const user = await stage.user(100)
  const filters = {
    ...TABLE,
    ...{ user_id: user.id, type: 'admin_adjustment', start_time: today(), end_time: today() },
    ...{ min_amount: 1, max_amount: 100, sort: '{}' },
  }
  const { transactions, total } = expectOk(
    await admin.request<{ transactions: { id: number; amount: number; user_id: number }[]; total: number }>(
      'GET',
      '/admin/transactions',
      { params: filters },
    ),
  )
  assert.deepEqual([total, transactions[0]?.amount, transactions[0]?.user_id], [1, 100, user.id])

  // From the raw form: moments in JSON, and keys that no server ever knew.
  const quoted = (time: number): string => JSON.stringify(new Date(time))
  const dates = { start_time: quoted(Date.now() - 86_400_000), end_time: quoted(Date.now() + 86_400_000) }
  const blob = await admin.download('/admin/transactions/export', {
    ...{ ...filters, ...dates, dateRange: '[null,null]', keyword: 'x' },
  })
  assert.match(blob.type, /^text\/csv/)
  const lines = (await blob.text()).trim().split(/\r?\n/)
  assert.equal(lines.length, 2)
  assert.ok(lines[1]?.startsWith(`${transactions[0]?.id},`), lines[1])
})

test('the table of models: an empty price is null, parameters are an object or absent, buttons set the status', async () => {
  const admin = await browserOf(stage.admin)
  const name = 'Form model'
  type Shown = { id: number; name: string; status: string; price: number; parameters: object; url: string }
  const find = async (): Promise<Shown[]> =>
    expectOk(
      await admin.request<{ models: Shown[]; total: number }>('GET', '/models', {
        params: { page: 1, limit: 20, name, status: undefined },
      }),
    ).models
  // Number('') is 0 and Number(undefined) NaN, which JSON writes as null.
  const form = { name, description: '', status: 'draft', url: '', price: Number(undefined) }
  await admin.request('POST', '/models/create', { data: form })
  const [made] = await find()
  assert.ok(made)
  assert.deepEqual(
    [made.status, made.price, made.parameters],
    ['draft', 0, { request_header: [], request_body: [], response_parameters: [] }],
  )
  const request_body = [
    { name: 'prompt', type: 'string', required: true, description: 'Input', example: 'Hello' },
  ]
  const parameters = { request_header: [], request_body, response_parameters: [] }
  await admin.request('PUT', `/models/${made.id}`, {
    data: { ...form, url: 'https://api.example.com/form', price: 0.01, parameters },
  })
  for (const status of ['open', 'closed', 'open']) {
    await admin.request('PATCH', `/models/${made.id}/status`, { data: { status } })
    assert.equal((await find())[0]?.status, status)
  }
  const browser = await browserOf(await stage.user(1))
  const chosen = await chooseModel(browser, name)
  assert.deepEqual(chosen.form, request_body)
  await submit(browser, chosen.model, { prompt: 'Hello' })
  assert.equal(browser.currentUser().credit.available, 0.99)
})
