import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import sharp from 'sharp'
import { aigentools } from '../../src/dialects/aigentools/dialect.ts'
import type { Log } from '../../src/kernel/context.ts'
import { claimTasks } from '../../src/kernel/generation/claim.ts'
import { verifyLedger } from '../../src/kernel/wallet/verify.ts'
import { buildSite } from '../build-site.ts'
import { donePictures } from '../fakes/provider.ts'
import type { Model, Reply, Stage, Task, User } from './aigentools-stage.ts'
import { MERCHANT_KEY, openStage, PARAMETERS, refusing, until, VENDOR_WORDS } from './aigentools-stage.ts'
import { tinyClip, withPart } from './stage.ts'

// The holes of the earlier implementation (facts/aigentools.md, section 5): each by its name, as it would show at
// the API. What other suites test in depth has its one test here all the same.

let stage: Stage
before(async () => {
  stage = await openStage()
})
after(() => stage.close())

type Row = { id: number; amount: number; type: string; reason: string; hash: string }

const availableOf = async (user: User): Promise<number> => (await stage.creditOf(user)).available

/** An account's transactions, newest first. */
async function transactionsOf(id: number): Promise<Row[]> {
  const { data, text } = await stage.get(`/admin/transactions?limit=200&user_id=${id}`, stage.admin.token)
  assert.ok(Array.isArray(data.transactions), text)
  return data.transactions as Row[]
}

const submitAs = (user: User, body: object, owner?: object): Promise<Reply> =>
  stage.post('/tasks', { body, ...(owner && { user: owner }) }, user.token)

const retry = (user: User, { id }: { id: number }): Promise<Reply> =>
  stage.call('POST', `/tasks/${id}/retry`, user.token)

async function withApproved(price = 2): Promise<{ user: User; model: Model; task: Task }> {
  const [user, model] = [await stage.user(10), await stage.model({ price })]
  const task = await stage.approve((await stage.submit(user, model)).id)
  return { user, model, task }
}

test('B1 who pays is whoever asks, whatever creatorId says; only an administrator may name another', async () => {
  const [caller, victim, model] = [await stage.user(10), await stage.user(10), await stage.model()]
  const body = { model_id: model.id, prompt: 'on your bill' }
  const asVictim = { creatorId: victim.id, creatorName: victim.username }
  const mine = await submitAs(caller, body, asVictim)
  assert.deepEqual([mine.data.creator_id, mine.data.creator_name], [caller.id, caller.username], mine.text)
  assert.deepEqual([await availableOf(caller), await availableOf(victim)], [8, 10])
  // Without `user`, and with one that makes no sense, it is the caller's as well.
  for (const owner of [undefined, { creatorId: 0, creatorName: '' }, { creatorId: 999_999_999 }])
    assert.equal((await submitAs(caller, body, owner)).data.creator_id, caller.id)
  assert.equal(await availableOf(caller), 2)
  const theirs = await submitAs(stage.admin, body, asVictim)
  assert.deepEqual([theirs.data.creator_id, await availableOf(victim)], [victim.id, 8], theirs.text)
  assert.equal(await availableOf(stage.admin), 0)
})

test('B2 one charge has at most one refund, and a retry charges again', async () => {
  const [user, model] = [await stage.user(5), await stage.model({ price: 2 })]
  const task = await stage.failed(user, model)
  assert.equal(await availableOf(user), 5)
  for (let times = 0; times < 3; times += 1) {
    const retried = await retry(user, task)
    assert.deepEqual([retried.data.status, retried.data.cost], [2, 2], retried.text)
    assert.deepEqual([retried.data.error_log, retried.data.result_url], ['', ''])
    assert.equal(await availableOf(user), 3, 'a new hold')
    const started = stage.upstream.started.length
    stage.upstream.next.push(refusing('rejected'))
    const [failed] = await stage.finish(task.id)
    assert.deepEqual([failed?.status, stage.upstream.started.length], [5, started + 1], 'really tried again')
    assert.equal(await availableOf(user), 5)
  }
  const amounts = (await transactionsOf(user.id)).map(({ amount }) => amount)
  assert.deepEqual(amounts, [2, -2, 2, -2, 2, -2, 2, -2, 5])

  const all = await Promise.all(Array.from({ length: 10 }, () => retry(user, task)))
  assert.equal(all.filter(({ status }) => status === 200).length, 1)
  assert.equal(await availableOf(user), 3)
  stage.upstream.next.push(refusing('rejected'))
  await stage.finish(task.id)

  await stage.call('POST', `/admin/users/${user.id}/balance`, stage.admin.token, { type: 'debit', amount: 4 })
  const broke = await retry(user, task)
  assert.deepEqual([broke.status, broke.body.message], [400, 'Insufficient balance'])
  assert.deepEqual([(await stage.read(task.id)).status, await availableOf(user)], [5, 1])
})

test('B3 address, headers and key of an upstream are the server’s; what the client says of them goes nowhere', async () => {
  const secrets = { api_key: 'sk-of-the-operator', headers: { 'x-tenant': 'tenant-of-the-operator' } }
  const made = await stage.post(
    '/models/create',
    {
      ...{ name: 'guarded', status: 'open', url: 'https://api.example.com/guarded', price: 1 },
      ...{ parameters: PARAMETERS, ...secrets },
    },
    stage.admin.token,
  )
  const guarded = made.data as unknown as Model
  const dear = await stage.model({ price: 9 })
  const user = await stage.user(10)
  const evil = 'https://evil.example.com/collect'
  const input = {
    data: { modelId: guarded.id, prompt: 'a kitten' },
    // Of an id and an address that disagree, the id's own record counts: its price and its address.
    model: { model_url: dear.url, headers: { 'x-evil': '1' }, query_url_template: `${evil}/%s` },
    ...{ executor: 'remote_api', target_url: evil, method: 'DELETE', payload: { steal: true } },
    ...{ query_url_template: `${evil}/%s`, result_file_key: 'evil' },
  }
  const { data, text } = await submitAs(user, input)
  assert.deepEqual([data.cost, data.input_data], [1, input], text)
  await stage.approve(Number(data.id))
  const [task] = await stage.finish(Number(data.id))
  assert.equal(task?.status, 4, JSON.stringify(task))
  const job = stage.upstream.started.at(-1)
  assert.ok(job?.kind === 'custom')
  assert.deepEqual(job.arguments, { prompt: 'a kitten' })
  const connection = stage.connections.at(-1)
  assert.deepEqual(
    [connection?.url, connection?.secret, connection?.headers],
    [guarded.url, secrets.api_key, secrets.headers],
  )
  assert.doesNotMatch(JSON.stringify([job, connection]), /evil/)
  // Neither key nor headers come back, to whoever asks.
  const shown = [
    made,
    await stage.get(`/models?name=guarded`, stage.admin.token),
    await stage.get('/models/names', stage.admin.token),
    await stage.get(`/models/${guarded.id}/parameters`, user.token),
    await stage.get(`/tasks/${data.id}`, user.token),
    await stage.call('PUT', `/models/${guarded.id}`, stage.admin.token, { description: 'changed' }),
  ]
  for (const reply of shown) assert.doesNotMatch(reply.text, /of-the-operator|api_key|x-tenant/, reply.text)
  const { rows } = await stage.context.db.pool.query<{ text: string }>(
    `select string_agg(encode(convert_to(t::text, 'UTF8'), 'escape'), '') as text from connection t`,
  )
  assert.doesNotMatch(String(rows[0]?.text), /of-the-operator/)
})

test('B4 approving is for administrators, and of twenty approvals one happens', async () => {
  const [user, model] = [await stage.user(10), await stage.model()]
  const { id } = await stage.submit(user, model)
  const approve = (token: string): Promise<Reply> => stage.call('PATCH', `/tasks/${id}/approve`, token)
  for (const { token } of [user, await stage.user()]) assert.equal((await approve(token)).status, 403)
  assert.equal((await stage.read(id)).status, 1)
  const started = stage.upstream.started.length
  const all = await Promise.all(Array.from({ length: 20 }, () => approve(stage.admin.token)))
  assert.equal(all.filter(({ status }) => status === 200).length, 1)
  assert.ok(all.every(({ status }) => status === 200 || status === 400))
  await stage.finish(id)
  assert.equal(stage.upstream.started.length, started + 1, 'queued once')
  assert.equal((await stage.call('PATCH', '/tasks/999999/approve', stage.admin.token)).status, 404)
})

test('B5 nobody reads or changes another’s task, and what was approved is what runs', async () => {
  const { user, model, task } = await withApproved()
  const stranger = await stage.user(10)
  const swapped = { body: { model_id: model.id, prompt: 'swapped' } }
  for (const [method, body] of [['GET', undefined] as const, ['PUT', swapped] as const])
    assert.equal((await stage.call(method, `/tasks/${task.id}`, stranger.token, body)).status, 404)
  const edited = await stage.call('PUT', `/tasks/${task.id}`, user.token, swapped)
  assert.equal(edited.data.status, 1, 'it needs its approval again')
  const started = stage.upstream.started.length
  const worker = stage.site.startWorker()
  await new Promise((resolve) => setTimeout(resolve, 400))
  await worker.stop(1_000)
  assert.equal(stage.upstream.started.length, started)
  await stage.approve(task.id)
  const [done] = await stage.finish(task.id)
  assert.equal(done?.status, 4)
  const late = await stage.call('PUT', `/tasks/${task.id}`, user.token, swapped)
  assert.equal(late.status, 400)
  const dear = await stage.model({ price: 50 })
  const { id } = await stage.submit(user, model)
  const priced = await stage.call('PUT', `/tasks/${id}`, user.token, { body: { model_id: dear.id } })
  assert.deepEqual([priced.status, priced.body.message], [400, 'Insufficient balance'])
})

test('B6 a cancelled task is paid back whole and never runs; a running one is not cancelled', async () => {
  const { user, task } = await withApproved(3)
  assert.equal(await availableOf(user), 7)
  const started = stage.upstream.started.length
  const cancel = (): Promise<Reply> => stage.call('POST', `/tasks/${task.id}/cancel`, user.token)
  const all = await Promise.all(Array.from({ length: 10 }, cancel))
  assert.equal(all.filter(({ status }) => status === 200).length, 1)
  assert.equal(await availableOf(user), 10)
  const other = await withApproved()
  let letGo = (): void => {}
  stage.upstream.next.push(async () => {
    await new Promise<void>((resolve) => (letGo = resolve))
    return donePictures()
  })
  const worker = stage.site.startWorker()
  try {
    await until(
      () => stage.read(other.task.id),
      ({ status }) => status === 3,
    )
    const late = await stage.call('POST', `/tasks/${other.task.id}/cancel`, other.user.token)
    assert.deepEqual([late.status, late.body.message], [400, 'task cannot be cancelled in its current state'])
    letGo()
    await until(
      () => stage.read(other.task.id),
      ({ status }) => status === 4,
    )
  } finally {
    letGo()
    await worker.stop(1_000)
  }
  assert.equal(stage.upstream.started.length, started + 1, 'the cancelled one was not started')
  assert.equal((await stage.read(task.id)).status, 6)
  assert.deepEqual([await availableOf(user), await availableOf(other.user)], [10, 8])
})

test('B7 drafts and closed models are run by administrators alone, by whatever they are named', async () => {
  const user = await stage.user(10)
  for (const status of ['draft', 'closed']) {
    const model = await stage.model({ status })
    for (const body of [
      { model_id: model.id },
      { data: { modelId: model.id } },
      { data: { prompt: 'x' }, model: { model_url: model.url } },
    ])
      assert.equal((await submitAs(user, body)).status, 404, `${status} ${JSON.stringify(body)}`)
    const tried = await submitAs(stage.admin, { model_id: model.id })
    assert.deepEqual(
      [tried.status, tried.body.message],
      [400, 'Insufficient balance'],
      'found, though not paid',
    )
  }
  const model = await stage.model()
  const { id } = await stage.submit(user, model)
  const closed = await stage.model({ status: 'closed' })
  const moved = await stage.call('PUT', `/tasks/${id}`, user.token, { body: { model_id: closed.id } })
  assert.equal(moved.status, 404)
  assert.equal(await availableOf(user), 8)
  // One that closes under a failed task takes no retry.
  const failed = await stage.failed(user, model)
  await stage.call('PATCH', `/models/${model.id}/status`, stage.admin.token, { status: 'closed' })
  assert.equal((await retry(user, failed)).status, 404)
  assert.equal(await availableOf(user), 8)
})

test('B8 there is no success without a file of ours, and no charge without success', async () => {
  const user = await stage.user(10)
  // The body of the old documents, which was never sent anywhere and succeeded after five seconds.
  const model = await stage.model()
  const { data } = await submitAs(user, { model_id: model.id, prompt: 'please fail' })
  await stage.approve(Number(data.id))
  const started = stage.upstream.started.length
  const [done] = await stage.finish(Number(data.id))
  assert.deepEqual([done?.status, stage.upstream.started.length], [4, started + 1])
  const url = String(done?.result_url)
  assert.ok(url.startsWith('http://localhost:3334/'), url)
  const file = await stage.send({ method: 'GET', url: new URL(url).pathname })
  assert.deepEqual([file.status, file.headers['content-type']], [200, 'image/png'])

  // An upstream that says it is done and has nothing is not done: it is asked once more.
  const empty = (await stage.submit(user, model)).id
  await stage.approve(empty)
  stage.upstream.next.push(async () => ({ state: 'done', outputs: [] }))
  const [second] = await stage.finish(empty)
  assert.deepEqual([second?.status, second?.retry_count, stage.upstream.started.length], [4, 1, started + 3])
  assert.notEqual(second?.result_url, '')
  assert.equal(await availableOf(user), 6)
  const failed = await stage.failed(user, model)
  assert.deepEqual([failed.status, failed.result_url, await availableOf(user)], [5, '', 6])
})

test('B9 a task outlives the worker that had it, and one approved while none ran', async () => {
  const { user, task } = await withApproved()
  stage.upstream.next.push(() => new Promise(() => {}))
  const started = stage.upstream.started.length
  const stopped = stage.site.startWorker({ leaseMs: 400 })
  await until(
    async () => stage.upstream.started.length,
    (count) => count === started + 1,
  )
  await stopped.stop(0)
  // One that is killed says nothing: only its lease ends.
  const [lost] = await claimTasks(stage.context, 'a worker that is killed now', 1, 400)
  assert.equal(Number(lost?.id), task.id)
  assert.equal((await stage.read(task.id)).status, 3)
  const [done] = await stage.finish(task.id)
  assert.deepEqual([done?.status, await availableOf(user)], [4, 8])
})

test('B10 two workers ask after a job once each time it is due, and pay for it once', async () => {
  const { user, task } = await withApproved()
  const pending = async () => ({ state: 'pending', operation: { id: 'slow-1' }, checkAfterMs: 20 }) as const
  stage.upstream.next.push(pending)
  stage.upstream.nextCheck.push(pending, pending, pending)
  const before = [stage.upstream.started.length, stage.upstream.checked.length] as const
  const other = stage.site.startWorker()
  const [done] = await stage.finish(task.id)
  await other.stop(1_000)
  assert.equal(done?.status, 4)
  assert.deepEqual(
    [stage.upstream.started.length - before[0], stage.upstream.checked.length - before[1]],
    [1, 4],
  )
  assert.deepEqual(
    (await transactionsOf(user.id)).map(({ amount, type }) => [amount, type]),
    [
      [-2, 'user_consume'],
      [10, 'admin_adjustment'],
    ],
  )
})

test('B11 a job that the upstream gave up is not asked after again, nor sent again', async () => {
  const { user, task } = await withApproved()
  stage.upstream.next.push(async () => ({ state: 'pending', operation: { id: 'dead-1' }, checkAfterMs: 20 }))
  stage.upstream.nextCheck.push(refusing('rejected'))
  const before = [stage.upstream.started.length, stage.upstream.checked.length] as const
  const [failed] = await stage.finish(task.id)
  assert.equal(failed?.status, 5)
  assert.deepEqual(
    [stage.upstream.started.length - before[0], stage.upstream.checked.length - before[1]],
    [1, 1],
  )
  assert.doesNotMatch(String(failed?.error_log), /sk-secret|vendor words/)
  assert.ok(String(failed?.error_log).length > 0)
  assert.equal(await availableOf(user), 10)
  // By hand it is another job, with another number.
  await retry(user, task)
  const [done] = await stage.finish(task.id)
  assert.deepEqual([done?.status, done?.remote_task_id], [4, ''])
})

test('B12 keys for uploads are for who is logged in, temporary, and different for everybody', async () => {
  assert.equal((await stage.get('/common/upload/token')).status, 401)
  const [{ token }, other] = [await stage.user(), await stage.user()]
  const [one, two] = [
    await stage.get('/common/upload/token', token),
    await stage.get('/common/upload/token', other.token),
  ]
  assert.equal(one.status, 200, one.text)
  for (const name of ['accessKeyId', 'accessKeySecret', 'securityToken'])
    assert.ok(String(one.data[name]).length >= 5, name)
  for (const name of ['accessKeyId', 'accessKeySecret', 'securityToken'])
    assert.notEqual(one.data[name], two.data[name], name)
  const lifeMs = Date.parse(String(one.data.expiration)) - stage.context.clock.now().getTime()
  assert.ok(lifeMs > 0 && lifeMs <= 3_600_000, `${lifeMs} ms`)
})

test('B13 a notification is believed for its own order, amount, merchant and channel; a repeat is taken, once', async () => {
  const { user, channel, form } = await stage.order()
  const other = await stage.order()
  const changes: Record<string, string>[] = [
    { trade_status: 'TRADE_CLOSED' },
    { trade_status: 'WAIT_BUYER_PAY' },
    { money: '0.01' },
    { money: '1e2' },
    { pid: other.form.pid ?? '' },
    { out_trade_no: 'trade_nobody' },
    { sign: 'forged' },
    { sign: '' },
  ]
  for (const change of changes) {
    // Whether a gateway is told that its truth of something unpaid was taken is its own affair.
    const answer = await stage.notify({ ...form, ...change }, channel.uuid)
    if (change.trade_status === undefined) assert.deepEqual(answer, [200, 'fail'], JSON.stringify(change))
    assert.equal(await availableOf(user), 0, JSON.stringify(change))
  }
  assert.deepEqual(await stage.notify(form, other.channel.uuid), [200, 'fail'])
  // Another channel of the same merchant, whose key signs just as well.
  const { pid } = channel
  const twin = await stage.channel({ config: { pid, key: MERCHANT_KEY, gateway: 'https://pay.example.com' } })
  assert.deepEqual(await stage.notify(form, twin.uuid), [200, 'fail'])
  assert.equal(await availableOf(user), 0)
  const told = await Promise.all(Array.from({ length: 20 }, () => stage.notify(form, channel.uuid)))
  for (const answer of told) assert.deepEqual(answer, [200, 'success'])
  assert.deepEqual(await stage.notify(form, channel.uuid), [200, 'success'])
  assert.deepEqual([await availableOf(user), await availableOf(other.user)], [100, 0])
  const rows = await transactionsOf(user.id)
  assert.deepEqual(
    rows.map(({ amount, type, reason }) => [amount, type, reason.startsWith('充值订单: ')]),
    [[100, 'system_auto', true]],
  )
  const [unknown] = await stage.notify(form, '3f2504e0-4f89-41d3-9a0c-0305e82c3301')
  assert.equal(unknown, 404)
})

test('B14 where the gateway notifies is configured, whatever Host says; a payer returns to web addresses only', async () => {
  const [{ token }, { uuid }] = [await stage.user(), await stage.channel()]
  const body = { amount: 5, payment_method_uuid: uuid, payment_channel: 'wxpay' }
  const { data, text } = await stage.send({
    method: 'POST',
    url: `${aigentools.base}/payment/create`,
    token,
    headers: { host: 'evil.example', 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'gopher' },
    body: { ...body, return_url: 'https://your-site.com/callback?from=payment' },
  })
  const number = new URL(String(data.jump_url)).searchParams.get('order') ?? ''
  const order = stage.gateway.trades.get(number)?.order
  assert.deepEqual(
    [order?.notifyUrl, order?.returnUrl],
    [
      `http://localhost:3334${aigentools.preset.notifyPath(uuid)}`,
      'https://your-site.com/callback?from=payment',
    ],
    text,
  )
  for (const return_url of [
    'javascript:alert(1)',
    'data:text/html,x',
    '//evil.example',
    'file:///etc/passwd',
  ])
    assert.equal(
      (await stage.post('/payment/create', { ...body, return_url }, token)).status,
      400,
      return_url,
    )
})

test('B15 a channel that is created disabled is disabled', async () => {
  const { uuid, id } = await stage.channel({ enable: false })
  const { token } = await stage.user()
  const configs = (await stage.get('/admin/payment/config', stage.admin.token)).body.data as unknown
  const shown = (configs as { id: number; enable: boolean }[]).find((one) => one.id === id)
  assert.equal(shown?.enable, false)
  const { text } = await stage.get('/payment/methods', token)
  assert.ok(!text.includes(uuid))
  const order = { amount: 5, payment_method_uuid: uuid, payment_channel: 'alipay' }
  const refused = await stage.post(
    '/payment/create',
    { ...order, return_url: 'https://your-site.com/callback' },
    token,
  )
  assert.deepEqual([refused.status, refused.body.message], [400, 'payment method is disabled'])
})

test('B16 who is disabled, deleted or demoted is so at once, whatever their token says', async () => {
  const patch = (id: number, body: object) =>
    stage.call('PATCH', `/admin/users/${id}`, stage.admin.token, body)
  const disabled = await stage.user(10)
  await patch(disabled.id, { is_active: false })
  const login = (user: User) =>
    stage.post('/auth/login', { username: user.username, password: user.password })
  for (const reply of [
    await stage.get('/auth/user', disabled.token),
    await stage.get('/models', disabled.token),
    await login(disabled),
  ])
    assert.deepEqual([reply.status, reply.body.message], [403, 'Account is disabled'], reply.text)
  await patch(disabled.id, { is_active: true })
  assert.equal((await login(disabled)).status, 200)

  const demoted = await stage.user(0, 'admin')
  assert.equal((await stage.get('/admin/users', demoted.token)).status, 200)
  await patch(demoted.id, { role: 'user' })
  const powerless = await stage.get('/admin/users', demoted.token)
  assert.ok([401, 403].includes(powerless.status), powerless.text)
  const again = String((await login(demoted)).data.token)
  assert.equal((await stage.get('/admin/users', again)).status, 403)

  const deleted = await stage.user(0, 'admin')
  await stage.call('DELETE', `/admin/users/${deleted.id}`, stage.admin.token)
  for (const path of ['/admin/users', '/auth/user'])
    assert.equal((await stage.get(path, deleted.token)).status, 401)
  assert.equal((await login(deleted)).status, 401)
  const own = await stage.call('DELETE', `/admin/users/${stage.admin.id}`, stage.admin.token)
  assert.equal(own.status, 400)
})

test('B17 a balance of exactly nothing deactivates nobody', async () => {
  const user = await stage.user()
  const adjust = (type: string, amount: number) =>
    stage.call('POST', `/admin/users/${user.id}/balance`, stage.admin.token, { type, amount })
  const active = async () => (await stage.get('/auth/user', user.token)).data.is_active
  await adjust('credit', 5)
  await adjust('debit', 5)
  assert.deepEqual([await availableOf(user), await active()], [0, true])
  await stage.call('PATCH', `/admin/users/${user.id}`, stage.admin.token, { creditLimit: 5 })
  await adjust('debit', 3)
  const credited = await adjust('credit', 3)
  assert.deepEqual([credited.data.balance, credited.data.is_active, await active()], [0, true, true])
})

test('B18 an account that is deleted leaves its transactions, and no task of it goes on', async () => {
  const { user, task } = await withApproved()
  const before = await transactionsOf(user.id)
  const gone = await stage.call('DELETE', `/admin/users/${user.id}`, stage.admin.token)
  assert.deepEqual([gone.status, gone.body.data], [200, null])
  const after = await transactionsOf(user.id)
  assert.deepEqual(after.slice(-before.length), before)
  const exported = await stage.get(`/admin/transactions/export?user_id=${user.id}`, stage.admin.token)
  for (const { id } of before) assert.match(exported.text, new RegExp(`^\ufeff?${id},`, 'm'))
  const { data } = await stage.get(`/admin/users?username=${user.username}`, stage.admin.token)
  assert.ok((data.users as { id: number }[]).every(({ id }) => id !== user.id))
  const started = stage.upstream.started.length
  const worker = stage.site.startWorker()
  await new Promise((resolve) => setTimeout(resolve, 400))
  await worker.stop(1_000)
  assert.equal(stage.upstream.started.length, started, 'nobody is there to pay for it')
  assert.ok((await stage.read(task.id)).status > 4)
  assert.deepEqual(await verifyLedger(stage.context), [])
})

test('B19 nobody becomes an administrator by coming first, and no password is known beforehand', async () => {
  const fresh = await buildSite({ dialect: aigentools })
  try {
    const post = (path: string, payload: object) =>
      fresh.app.inject({ method: 'POST', url: `${aigentools.base}${path}`, payload })
    for (const username of ['admin', 'admin@localhost', 'admin@example.com', 'root'])
      for (const password of ['admin', 'admin123', 'password', '123456', 'changeme'])
        assert.equal((await post('/auth/login', { username, password })).statusCode, 401)
    const firsts = await Promise.all(
      ['first', 'second', 'third'].map((username) =>
        post('/auth/register', { username, password: 'password123', role: 'admin' }),
      ),
    )
    for (const reply of firsts) assert.equal(reply.json().data.role, 'user', reply.payload)
  } finally {
    await fresh.close()
  }
})

test('B20 no password, token or key is in a log, a reply or a readable row', async () => {
  const lines: string[] = []
  const write = (details: object, message: string): void => {
    const plain = (_name: string, value: unknown): unknown =>
      typeof value === 'bigint'
        ? String(value)
        : value instanceof Error
          ? { ...value, message: value.message, stack: value.stack }
          : value
    lines.push(`${message} ${JSON.stringify(details, plain)}`)
  }
  const log: Log = { debug: write, info: write, warn: write, error: write }
  const password = 'unmistakable-password'
  const secrets = [password, MERCHANT_KEY]
  await withPart(stage.context, 'log', log, async () => {
    const { data } = await stage.post('/auth/register', { username: 'discreet', password })
    secrets.push(String(data.token))
    await stage.post('/auth/login', { username: 'discreet', password: `${password}-wrong` })
    const { form, channel } = await stage.order()
    await stage.notify({ ...form, sign: 'forged' }, channel.uuid)
    await stage.notify({ ...form, money: '1.00' }, channel.uuid)
    const [user, model] = [await stage.user(10), await stage.model({ api_key: 'unmistakable-api-key' })]
    secrets.push('unmistakable-api-key')
    await stage.failed(user, model)
    lines.push(
      (await stage.get('/admin/payment/config', stage.admin.token)).text,
      (await stage.get('/admin/users?limit=200', stage.admin.token)).text,
    )
  })
  assert.ok(lines.length >= 4, lines.join('\n'))
  for (const line of lines)
    for (const secret of secrets) assert.ok(!line.includes(secret), `${secret} in ${line.slice(0, 500)}`)
  assert.ok(lines.every((line) => !/\$argon2/.test(line)))
  const { rows } = await stage.context.db.pool.query<{ hash: string }>(
    "select password_hash as hash from account where username = 'discreet'",
  )
  assert.match(String(rows[0]?.hash), /^\$argon2id\$/)
})

test('B21 no cell of the export is a formula, and its filters filter', async () => {
  const user = await stage.user()
  const formulas = ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '=HYPERLINK("https://evil.example","x")']
  for (const reason of formulas) {
    const reply = await stage.send({
      method: 'POST',
      url: `${aigentools.base}/admin/users/${user.id}/balance`,
      token: stage.admin.token,
      headers: { 'user-agent': '=cmd|calc' },
      body: { type: 'credit', amount: 1, reason },
    })
    assert.equal(reply.status, 200, reply.text)
  }
  const { text } = await stage.get(`/admin/transactions/export?user_id=${user.id}`, stage.admin.token)
  assert.equal(text.trim().split('\n').length, formulas.length + 1)
  assert.doesNotMatch(text, /(^|[,"\r\n\ufeff])[\t ]*[=+@]/, 'a cell that begins with a formula')
  assert.doesNotMatch(text, /,"?-1"?,system|,"?-1"?,user\d+,/, 'a reason that begins with a minus')
  const none = `user_id=${user.id}&min_amount=1.0001`
  const filtered = await stage.get(`/admin/transactions/export?${none}`, stage.admin.token)
  assert.equal(filtered.text.trim().split('\n').length, 1)
})

test('B22 amounts are exact, and hashes chain every row to the one before, under a key of their own', async () => {
  const user = await stage.user()
  const adjust = (amount: number) =>
    stage.call('POST', `/admin/users/${user.id}/balance`, stage.admin.token, { type: 'credit', amount })
  for (const amount of [0.1, 0.2, 0.0001]) await adjust(amount)
  assert.equal(await availableOf(user), 0.3001)
  const rows = await transactionsOf(user.id)
  for (const { hash } of rows) assert.match(hash, /^[0-9a-f]{64}$/)
  assert.equal(new Set(rows.map(({ hash }) => hash)).size, 3)
  assert.deepEqual(await verifyLedger(stage.context), [])
  const { pool } = stage.context.db
  const newest = rows[0]?.id
  await assert.rejects(pool.query('update entry set reason = $2 where id = $1', [newest, 'rewritten']))
  // Whoever gets past the trigger is found out.
  const client = await pool.connect()
  try {
    await client.query("set session_replication_role = 'replica'")
    const { rows: kept } = await client.query('select reason from entry where id = $1', [newest])
    await client.query("update entry set reason = 'rewritten' where id = $1", [newest])
    assert.notDeepEqual(await verifyLedger(stage.context), [])
    await client.query('update entry set reason = $2 where id = $1', [newest, kept[0]?.reason ?? null])
  } finally {
    await client.query("set session_replication_role = 'origin'")
    client.release()
  }
  assert.deepEqual(await verifyLedger(stage.context), [])
})

test('B23 analyses are for who is logged in, twenty an hour, and a vendor’s words stay here', async () => {
  const body = { imageUrl: 'https://example.com/image.jpg', template: 'ecommerce' }
  assert.equal((await stage.post('/ai-assistant/analyze', body)).status, 401)
  const user = await stage.user(1)
  const analyze = (): Promise<Reply> => stage.post('/ai-assistant/analyze', body, user.token)
  for (let times = 1; times <= 20; times += 1) {
    const { status, text } = await analyze()
    assert.equal(status, 200, `${times}: ${text}`)
  }
  const limited = await analyze()
  assert.equal(limited.status, 429)
  assert.ok(Number(limited.headers['retry-after']) > 0)
  assert.equal(await availableOf(user), 1, 'free')
  const { write } = stage.provider
  stage.provider.write = () => ({
    [Symbol.asyncIterator]: () => ({ next: refusing('ambiguous') }),
  })
  try {
    const failed = await stage.post('/ai-assistant/analyze', body, (await stage.user()).token)
    assert.deepEqual([failed.status, failed.body.status], [502, 502])
    assert.ok(!failed.text.includes(VENDOR_WORDS))
  } finally {
    if (write) stage.provider.write = write
  }
})

test('B24 a result ends in the extension of what it is, whatever was said of it', async () => {
  const clip = await tinyClip()
  const [picture] = clip.state === 'done' ? clip.outputs : []
  assert.ok(picture && 'bytes' in picture)
  const webp = await sharp({ create: { width: 8, height: 8, channels: 3, background: '#d97757' } })
    .webp()
    .toBuffer()
  const outputs: [bytes: Uint8Array, extension: string][] = [
    [picture.bytes, 'mp4'],
    [webp, 'webp'],
  ]
  for (const [bytes, extension] of outputs) {
    const { task } = await withApproved()
    stage.upstream.next.push(async () => ({
      state: 'done',
      outputs: [{ bytes, mediaType: 'image/png', width: 8, height: 8 }],
    }))
    const [done] = await stage.finish(task.id)
    assert.equal(done?.retry_count, 0)
    assert.match(String(done?.result_url), new RegExp(`^http[^?#]+\\.${extension}$`))
  }
})

test('B24 a picture in PNG behind a signed address that says .jpg is a .png', async () => {
  const { task, user } = await withApproved()
  stage.upstream.next.push(async () => ({
    state: 'done',
    outputs: [{ url: 'https://example.com/image.jpg' }],
  }))
  const [done] = await stage.finish(task.id)
  assert.deepEqual([done?.status, done?.retry_count], [4, 0], 'fetched at the first try')
  assert.match(String(done?.result_url), /^http[^?#]+\.png$/)
  const { data } = await stage.get('/tasks', user.token)
  assert.equal((data.items as Task[])[0]?.result_url, done?.result_url)
})

test('B25 guessing passwords is throttled, sessions end, and a top-up shows at once', async () => {
  const victim = await stage.user()
  const statuses: number[] = []
  for (let times = 0; times < 30; times += 1) {
    const guess = { username: victim.username, password: `guess ${times}` }
    statuses.push((await stage.post('/auth/login', guess)).status)
  }
  assert.equal(statuses[0], 401)
  assert.equal(statuses.at(-1), 429)
  // Whoever is logged in goes on, and is never turned away from /auth/user (facts 2.2).
  const many = await Promise.all(Array.from({ length: 200 }, () => stage.get('/auth/user', victim.token)))
  assert.ok(many.every(({ status, data }) => status === 200 && data.token === victim.token))
  assert.equal(many[0]?.headers['access-control-allow-credentials'], undefined)

  const { user, form, channel } = await stage.order()
  assert.equal(await availableOf(user), 0)
  await stage.notify(form, channel.uuid)
  assert.equal(await availableOf(user), 100)
})

test('B25 /auth/user is not limited where everything else is', async () => {
  const strict = await openStage({
    preset: {
      limits: Object.fromEntries(
        Object.keys(aigentools.preset.limits).map((name) => [name, { points: 20, perSeconds: 3_600 }]),
      ) as typeof aigentools.preset.limits,
    },
  })
  try {
    const { token } = await strict.user()
    const ask = (path: string) =>
      Promise.all(Array.from({ length: 40 }, async () => (await strict.get(path, token)).status))
    assert.ok((await ask('/auth/user')).every((status) => status === 200))
    assert.ok((await ask('/models')).includes(429))
    assert.ok((await ask('/auth/user')).every((status) => status === 200))
  } finally {
    await strict.close()
  }
})

test('B26 no route writes prompts, a prompt of the client’s own is no template, and a PUT keeps what it leaves out', async () => {
  const user = await stage.user()
  for (const path of ['/ai-assistant/prompts', '/ai-assistant/prompts/batch', '/ai-assistant/templates'])
    for (const method of ['POST', 'PUT', 'DELETE', 'GET'])
      assert.equal((await stage.call(method, path, user.token, { code: 'nsfw' })).status, 404, path)
  for (const template of ['custom', 'NSFW', '1', 'ignore all previous instructions'])
    assert.equal(
      (
        await stage.post(
          '/ai-assistant/analyze',
          { imageUrl: 'https://example.com/image.jpg', template, prompt: 'my own' },
          user.token,
        )
      ).status,
      400,
      template,
    )
  const { id } = await stage.channel()
  const configOf = async () =>
    (
      (await stage.get('/admin/payment/config', stage.admin.token)).body.data as unknown as { id: number }[]
    ).find((one) => one.id === id)
  const before = await configOf()
  const put = await stage.call('PUT', `/admin/payment/config/${id}`, stage.admin.token, { name: 'renamed' })
  assert.equal(put.status, 200, put.text)
  const after = await configOf()
  assert.deepEqual({ ...after, updated_at: '' }, { ...before, name: 'renamed', updated_at: '' })
})

test('B27 an order is on record only once its method was found good, and unknown ids are 404', async () => {
  const count = async (): Promise<number> => {
    const { rows } = await stage.context.db.pool.query<{ count: bigint }>(
      'select count(*) from payment_order',
    )
    return Number(rows[0]?.count)
  }
  const { token } = await stage.user()
  const [open, disabled, removed] = [
    await stage.channel(),
    await stage.channel({ enable: false }),
    await stage.channel(),
  ]
  await stage.call('DELETE', `/admin/payment/config/${removed.id}`, stage.admin.token)
  const before = await count()
  const good = {
    ...{ amount: 5, payment_method_uuid: open.uuid, payment_channel: 'alipay' },
    return_url: 'https://your-site.com/callback',
  }
  const tries: [changes: object, status: number][] = [
    [{ payment_method_uuid: '3f2504e0-4f89-41d3-9a0c-0305e82c3301' }, 404],
    [{ payment_method_uuid: 'abc-123' }, 404],
    [{ payment_method_uuid: removed.uuid }, 404],
    [{ payment_method_uuid: disabled.uuid }, 400],
    [{ payment_channel: 'bank' }, 400],
    [{ amount: 0 }, 400],
    [{ amount: 0.005 }, 400],
    [{ return_url: 'nowhere' }, 400],
  ]
  for (const [changes, status] of tries) {
    const reply = await stage.post('/payment/create', { ...good, ...changes }, token)
    assert.equal(reply.status, status, `${JSON.stringify(changes)}: ${reply.text}`)
  }
  assert.equal(await count(), before)
  assert.equal((await stage.post('/payment/create', good, token)).status, 200)
  assert.equal(await count(), before + 1)

  const unknown: [method: string, path: string, body?: object][] = [
    ['PATCH', '/models/999999/status', { status: 'open' }],
    ['PUT', '/models/999999', { name: 'x' }],
    ['POST', '/tasks/999999/retry'],
    ['POST', '/tasks/999999/cancel'],
    ['PATCH', '/tasks/999999/approve'],
    ['PUT', '/admin/payment/config/999999', { name: 'x' }],
    ['DELETE', '/admin/payment/config/999999'],
    ['PATCH', '/admin/users/999999', { role: 'user' }],
    ['POST', '/admin/users/999999/balance', { type: 'credit', amount: 1 }],
    ['DELETE', '/admin/users/999999'],
  ]
  for (const [method, path, body] of unknown)
    assert.equal((await stage.call(method, path, stage.admin.token, body)).status, 404, `${method} ${path}`)
})

test('after all of it the books are true', async () => {
  assert.deepEqual(await verifyLedger(stage.context), [])
})
