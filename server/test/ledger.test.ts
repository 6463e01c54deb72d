// The books, rule by rule, on a real PostgreSQL: what the race tests and the model test do not pin down by
// name. Every test here is what catches one or more of the planted bugs of `npm run test:mutants`.
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import type { Queryable, Statement } from '../src/db/database.ts'
import { statement } from '../src/db/database.ts'
import { sendEmailCode, tryEmailCode } from '../src/kernel/accounts/email-codes.ts'
import { KernelError } from '../src/kernel/errors.ts'
import { advanceTask } from '../src/kernel/generation/advance.ts'
import { cancelTask } from '../src/kernel/generation/cancel.ts'
import type { Claimed } from '../src/kernel/generation/claim.ts'
import { claimTasks } from '../src/kernel/generation/claim.ts'
import { retryTask } from '../src/kernel/generation/retry.ts'
import { submitTask } from '../src/kernel/generation/submit.ts'
import { sweepTasks } from '../src/kernel/generation/sweep.ts'
import type { Task } from '../src/kernel/generation/task.ts'
import { readTaskById } from '../src/kernel/generation/task.ts'
import { bindIdempotencyKey } from '../src/kernel/idempotency.ts'
import type { Credits } from '../src/kernel/money.ts'
import { credits, MOST_CREDITS, parseCredits, units } from '../src/kernel/money.ts'
import { ProviderError } from '../src/kernel/ports/provider.ts'
import { adjustBalance } from '../src/kernel/wallet/adjust.ts'
import { readBalance } from '../src/kernel/wallet/balance.ts'
import { readStatement } from '../src/kernel/wallet/statement.ts'
import { verifyLedger } from '../src/kernel/wallet/verify.ts'
import type { TestSite } from './build-site.ts'
import { buildSite } from './build-site.ts'
import { createUser, pictureOf } from './factories.ts'
import type { FakeProvider } from './fakes/provider.ts'
import { createFakeProvider } from './fakes/provider.ts'
import { codeIn } from './mail.ts'

const nowhere = { ip: null, device: null }
const never = new AbortController().signal

let site: TestSite
let provider: FakeProvider
let actor: { accountId: bigint }

before(async () => {
  provider = createFakeProvider({ repeatable: false })
  site = await buildSite({ providers: [provider] })
})
after(async () => {
  // Closed in any case: an open site would keep the process of a failed run alive.
  try {
    assert.deepEqual(await verifyLedger(site.context), [], 'the books are true after every test')
  } finally {
    await site.close()
  }
})
beforeEach(async () => {
  // What one test leaves open ends before the next, so that each claims only its own tasks.
  await rows(`update task set deadline = now() - interval '1 second' where ${OPEN}`)
  await sweepTasks(site.context)
  Object.assign(provider, { started: [], checked: [], next: [], nextCheck: [] })
  actor = { accountId: (await createUser(site.context, units(100))).accountId }
})

const OPEN = `state in ('queued', 'running', 'unknown')`

const named = new Map<string, Statement>()

/** Statements need names of their own; a test has better things to say. */
function sql(text: string): Statement {
  const known = named.get(text) ?? statement(`ledger test ${named.size}`, text)
  named.set(text, known)
  return known
}

function rows<Row>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
  return site.context.db.rows<Row>(sql(text), values)
}

/** The one value that a call of an SQL function returns, or the error that refused it, as text. */
async function outcomeOf(text: string, values: readonly unknown[]): Promise<unknown> {
  return rows<{ is: unknown }>(`select ${text} as is`, values).then(
    ([row]) => row?.is,
    (error: Error) => error.message,
  )
}

class Undo extends Error {}

/** Runs `body` in a transaction that never commits, so that what it does to the books is seen by nobody. */
async function undone<T>(body: (within: Queryable) => Promise<T>): Promise<T> {
  let result: { value: T } | undefined
  await assert.rejects(
    site.context.db.transaction(async (within) => {
      result = { value: await body(within) }
      throw new Undo()
    }),
    Undo,
  )
  assert.ok(result)
  return result.value
}

/** What a kernel call answered: 'done', or the code of its refusal, or the message of any other error. */
async function said(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'done',
    (error) => (error instanceof KernelError ? error.code : String(error)),
  )
}

async function submit(prompt: string, changes: Parameters<typeof pictureOf>[1] = {}): Promise<bigint> {
  return (await submitTask(site.context, actor, pictureOf(prompt, changes))).taskId
}

/** Submits a task and claims it. */
async function running(prompt: string, leaseMs = 60_000): Promise<Claimed> {
  const id = await submit(prompt)
  const claimed = await claimTasks(site.context, 'ledger test', 100, leaseMs)
  const task = claimed.find((one) => one.id === id)
  assert.ok(task, 'the task was claimed')
  return task
}

/** Calls finish_task_v1 as the worker of `task` does. */
function finish(task: Claimed, state: 'succeeded' | 'failed', charge: bigint): Promise<unknown> {
  return outcomeOf(`finish_task_v1($1, $2, $3, $4, $5, $6, null, null)`, [
    site.context.keys.chain,
    task.id,
    task.generation,
    state,
    charge,
    state === 'failed' ? 'unavailable' : null,
  ])
}

function adjust(amount: Credits, key: string): Promise<boolean> {
  return adjustBalance(site.context, {
    accountId: actor.accountId,
    amount,
    reason: 'ledger test',
    key,
    operatorId: null,
    origin: nowhere,
  })
}

const read = (id: bigint): Promise<Task> => readTaskById(site.context, actor, id)
const wallet = async (): Promise<{ available: bigint; held: bigint; spent: bigint }> => {
  const { available, held, spent } = await readBalance(site.context, actor)
  return { available, held, spent }
}

// --- Amounts

test('an amount is decimal text with at most four decimals, and nothing else', () => {
  const table: [string | number, bigint | null][] = [
    ['0', 0n],
    ['-0', 0n],
    ['1', 10_000n],
    ['0.0001', 1n],
    ['12.5', 125_000n],
    ['-3.25', -32_500n],
    [0.1, 1_000n],
    [19.99, 199_900n],
    ['007', 70_000n],
    ['100000000000', MOST_CREDITS],
    ['-100000000000', -MOST_CREDITS],
    ['100000000000.0001', null],
    ['999999999999', null],
    ['1000000000000', null],
    ['9'.repeat(400), null],
    ['1.00001', null],
    [0.1 + 0.2, null],
    ['1e2', null],
    [1e21, null],
    [1e-7, null],
    ['NaN', null],
    [Number.NaN, null],
    ['Infinity', null],
    [Number.POSITIVE_INFINITY, null],
    ['', null],
    [' 1', null],
    ['1 ', null],
    ['1\n', null],
    ['+1', null],
    ['--1', null],
    ['.5', null],
    ['5.', null],
    ['1,000', null],
    ['0x10', null],
    ['1_000', null],
    ['１', null],
    ['1n', null],
  ]
  for (const [given, wanted] of table) assert.equal(parseCredits(given), wanted, JSON.stringify(given))
})

// --- Posting

test('too little credit is a refusal that says how much there is', async () => {
  await assert.rejects(adjust(credits(-1_000_001n), 'too-much'), (error) => {
    assert.ok(error instanceof KernelError, String(error))
    assert.deepEqual(
      [error.code, error.details],
      ['insufficient_credits', { required: 1_000_001n, available: 1_000_000n }],
    )
    return true
  })
  assert.equal(await adjust(units(-100), 'all'), true)
  assert.equal((await wallet()).available, 0n)
})

test('a credit limit may be used up, and not passed', async () => {
  await rows('update wallet set credit_limit = 300000 where account_id = $1', [actor.accountId])
  assert.equal(
    await said(submit('超出', { input: { ...pictureOf('超出').input, count: 7 } })),
    'insufficient_credits',
  )
  assert.equal(await said(submit('刚好', { input: { ...pictureOf('刚好').input, count: 6 } })), 'done')
  assert.deepEqual(await wallet(), { available: units(-20), held: units(120), spent: 0n })
  assert.equal(await said(submit('再来')), 'insufficient_credits')
})

test('a repeated effect is refused and moves nothing', async () => {
  const post = () =>
    outcomeOf(
      `post_entry_v1($1, $2, 'bonus', null, 'grants', 'available', 10000, $3, null, null, null, null, null) > 0`,
      [site.context.keys.chain, actor.accountId, `bonus:ledger-test:${actor.accountId}`],
    )
  assert.equal(await post(), true)
  assert.match(String(await post()), /one_entry_per_effect/)
  const key = `once-${actor.accountId}`
  assert.deepEqual([await adjust(units(5), key), await adjust(units(5), key)], [true, false])
  assert.equal((await wallet()).available, units(106))
})

test('the statement adds up to the balance, row by row', async () => {
  await adjust(units(50), `plus-${actor.accountId}`)
  await adjust(units(-7), `minus-${actor.accountId}`)
  await finish(await running('成功'), 'succeeded', units(20))
  await finish(await running('便宜'), 'succeeded', units(5))
  await finish(await running('失败'), 'failed', 0n)
  await cancelTask(site.context, actor, (await read(await submit('取消'))).handle)
  await submit('还在等')

  const { items } = await readStatement(site.context, actor, { page: 1, limit: 100, filter: null })
  const oldestFirst = items.toReversed()
  let balance = 0n
  for (const row of oldestFirst) {
    balance += row.amount
    assert.equal(row.balance, balance, `after ${row.kind}`)
  }
  assert.equal(balance, (await wallet()).available)
  // Giving 100 took a bonus and maybe a correction; what this test did is the rest.
  assert.deepEqual(
    items.slice(0, 10).map(({ kind, amount }) => [kind, amount]),
    [
      ['hold', units(-20)],
      ['release', units(20)],
      ['hold', units(-20)],
      ['release', units(20)],
      ['hold', units(-20)],
      ['difference', units(15)],
      ['hold', units(-20)],
      ['hold', units(-20)],
      ['adjustment', units(-7)],
      ['adjustment', units(50)],
    ],
  )
})

// --- Holds

test('a hold is settled once', async () => {
  await submit('另一张')
  const task = await running('一次')
  const [{ hold_id: hold } = { hold_id: 0n }] = await rows<{ hold_id: bigint }>(
    'select hold_id from task where id = $1',
    [task.id],
  )
  await undone(async (within) => {
    const settle = async (capture: bigint) =>
      within
        .rows<{ is: bigint | null }>(sql('select resolve_hold_v1($1, $2, $3) as is'), [
          site.context.keys.chain,
          hold,
          capture,
        ])
        .then(([row]) => row?.is, String)
    assert.equal(await settle(units(20)), units(20))
    assert.equal(await settle(units(20)), null, 'charged twice')
    assert.equal(await settle(0n), null, 'given back after it was paid')
    const [after] = await within.rows(
      sql('select available, held, spent from wallet where account_id = $1'),
      [actor.accountId],
    )
    assert.deepEqual(after, { available: units(60), held: units(20), spent: units(20) })
  })
})

test('a capture above its hold is refused, even where other holds could pay it', async () => {
  await submit('另一张')
  const task = await running('贪心')
  const [{ hold_id: hold } = { hold_id: 0n }] = await rows<{ hold_id: bigint }>(
    'select hold_id from task where id = $1',
    [task.id],
  )
  const greedy = await outcomeOf('resolve_hold_v1($1, $2, $3)', [site.context.keys.chain, hold, units(21)])
  assert.match(String(greedy), /a_capture_never_exceeds_its_hold/)
  assert.match(String(await finish(task, 'succeeded', units(21))), /violates check constraint/)
  assert.deepEqual(await wallet(), { available: units(60), held: units(40), spent: 0n })
  assert.equal((await read(task.id)).state, 'running')
})

test('a task pays what it really cost, and the difference comes back', async () => {
  const task = await running('便宜')
  assert.equal(await finish(task, 'succeeded', units(5)), true)
  assert.deepEqual(await wallet(), { available: units(95), held: 0n, spent: units(5) })
  assert.equal((await read(task.id)).charged, units(5))
})

test('three pictures cost three times one', async () => {
  const id = await submit('三张', { input: { ...pictureOf('三张').input, count: 3 } })
  assert.equal((await read(id)).cost, units(60))
  assert.deepEqual(await wallet(), { available: units(40), held: units(60), spent: 0n })
})

// --- The fence

test('the same finish sent twice, after a lost acknowledgement, is carried out once', async () => {
  const task = await running('两次')
  assert.equal(await finish(task, 'succeeded', units(20)), true)
  assert.equal(await finish(task, 'succeeded', units(20)), false)
  assert.equal(await finish(task, 'failed', 0n), false)
  assert.deepEqual(await wallet(), { available: units(80), held: 0n, spent: units(20) })
})

test('nothing that a stale worker writes is taken', async () => {
  const stale = await running('过期')
  await rows('update task set due_at = now() where id = $1', [stale.id])
  const [fresh] = await claimTasks(site.context, 'another', 1, 60_000)
  assert.equal(fresh?.id, stale.id)
  const values = [stale.id, stale.generation]
  const before = await rows('select * from task where id = $1', [stale.id])
  assert.equal(
    await outcomeOf(`await_operation_v2($1, $2, '{"job":"stale"}', null, 50, interval '0')`, values),
    false,
  )
  assert.equal(
    await outcomeOf(`requeue_task_v2($1, $2, 'failed', 'stale', interval '0', true, null)`, values),
    false,
  )
  assert.equal(await outcomeOf(`doubt_task_v2($1, $2, 'stale', null)`, values), false)
  assert.equal(await finish(stale, 'failed', 0n), false)
  assert.equal(await finish(stale, 'succeeded', units(20)), false)
  assert.deepEqual(await rows('select * from task where id = $1', [stale.id]), before)
})

test("a task that was ended is out of its worker's hands", async () => {
  const task = await running('取消')
  const { handle } = await read(task.id)
  await cancelTask(site.context, actor, handle)
  assert.equal(await finish(task, 'succeeded', units(20)), false)
  const [row] = await rows<{ generation: number }>('select generation from task where id = $1', [task.id])
  assert.equal(row?.generation, task.generation + 1, 'the claim is void even if the state were to return')
  assert.deepEqual(await wallet(), { available: units(100), held: 0n, spent: 0n })
})

test('what has ended cannot be canceled, and nobody ends the task of another', async () => {
  const task = await running('完成')
  const other = await createUser(site.context, units(0))
  const foreign = await outcomeOf(
    `array(select end_tasks_v1($1, array[$2]::bigint[], $3, $4, 'canceled', null))`,
    [site.context.keys.chain, task.id, other.accountId, ['queued', 'running']],
  )
  assert.deepEqual(foreign, [])
  assert.equal((await read(task.id)).state, 'running')
  const { handle } = await read(task.id)
  assert.equal(await said(cancelTask(site.context, other, handle)), 'task_not_found')
  assert.equal(await finish(task, 'succeeded', units(20)), true)
  assert.equal(await said(cancelTask(site.context, actor, handle)), 'task_not_cancelable')
  assert.deepEqual(await wallet(), { available: units(80), held: 0n, spent: units(20) })
})

test('tasks whose lease has lapsed go to one worker each', async () => {
  await adjust(units(20 * 60), `lapsed-${actor.accountId}`)
  for (let index = 0; index < 60; index += 1) await submit(`租约 ${index}`)
  assert.equal((await claimTasks(site.context, 'dead', 100, 60_000)).length, 60)
  await rows(`update task set due_at = now() - interval '1 second' where state = 'running'`)
  const other = await site.another()
  const batches = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      claimTasks(index % 2 ? site.context : other, `worker ${index}`, 7, 60_000),
    ),
  )
  const ids = batches.flat().map(({ id }) => id)
  assert.equal(new Set(ids).size, ids.length, 'no task is in two hands')
  assert.equal(ids.length, 60)
})

test('a claim takes nothing that another is just taking, be it waiting or lapsed', async () => {
  for (let index = 0; index < 4; index += 1) await submit(`同时 ${index}`)
  const claim = sql(`select id from claim_tasks_v2($1, 2, interval '1 minute', '{}')`)
  const atOnce = async (): Promise<bigint[]> => {
    let theirs: Promise<{ id: bigint }[]> = Promise.resolve([])
    const ours = await site.context.db.transaction(async (within) => {
      const taken = await within.rows<{ id: bigint }>(claim, ['ours'])
      // Asks while what is ours is not committed: it may wait for us, and must not take the same.
      theirs = site.context.db.rows<{ id: bigint }>(claim, ['theirs'])
      await Promise.race([theirs, new Promise((resolve) => setTimeout(resolve, 300))])
      return taken
    })
    return [...ours, ...(await theirs)].map(({ id }) => id)
  }
  const waiting = await atOnce()
  assert.deepEqual([waiting.length, new Set(waiting).size], [4, 4], 'waiting tasks')
  await rows(`update task set due_at = now() - interval '1 second' where state = 'running'`)
  const lapsed = await atOnce()
  assert.deepEqual([lapsed.length, new Set(lapsed).size], [4, 4], 'tasks whose lease has lapsed')
})

test('an error that nobody foresaw, from a paid vendor, is not an invitation to send again', async () => {
  provider.next.push(async () => {
    throw new TypeError('fetch failed')
  })
  const task = await running('意外')
  await advanceTask(site.context, task, never)
  assert.equal((await read(task.id)).state, 'unknown')
  assert.equal(provider.started.length, 1)
})

// --- Submission and retry

/** Runs `body` while one picture costs `price` and the catalogue in memory has not heard of it. */
async function atNewPrice(price: Credits, body: () => Promise<void>): Promise<void> {
  // Straight into the table: setPrice would tell everybody.
  const charge = (amount: bigint) =>
    rows(
      `insert into price (subject, version, credits, source)
       select 'kind:image', max(version) + 1, $1, 'operator' from price where subject = 'kind:image'`,
      [amount],
    )
  const before = site.context.catalog.quote('image', null, 1).cost
  await charge(price)
  assert.equal(site.context.catalog.quote('image', null, 1).cost, before, 'the quote is stale')
  try {
    await body()
  } finally {
    await charge(before)
    await site.context.catalog.reload()
  }
}

test('a price that changed between quote and submission is charged as it is now', () =>
  atNewPrice(units(25), async () => {
    const id = await submit('涨价')
    assert.equal((await read(id)).cost, units(25))
    assert.deepEqual(await wallet(), { available: units(75), held: units(25), spent: 0n })
  }))

test('a retry takes a new hold at the price of today', async () => {
  const task = await running('再试')
  await finish(task, 'failed', 0n)
  const { handle } = await read(task.id)
  await atNewPrice(units(30), async () => {
    const again = await retryTask(site.context, actor, handle, nowhere)
    assert.deepEqual([again.state, again.cost, again.charged], ['queued', units(30), units(30)])
    assert.deepEqual(await wallet(), { available: units(70), held: units(30), spent: 0n })
    const holds = await rows('select state, amount, captured from hold where task_id = $1 order by id', [
      task.id,
    ])
    assert.deepEqual(holds, [
      { state: 'released', amount: units(20), captured: 0n },
      { state: 'open', amount: units(30), captured: 0n },
    ])
    assert.equal(await said(retryTask(site.context, actor, handle, nowhere)), 'task_not_retryable')
  })
})

test('a refusal is not stored: the same key succeeds when the reason is gone', async () => {
  const idempotencyKey = bindIdempotencyKey('image', `again-${actor.accountId}`, { prompt: '等钱' })
  await adjust(units(-90), `poor-${actor.accountId}`)
  assert.equal(await said(submit('等钱', { idempotencyKey })), 'insufficient_credits')
  await adjust(units(50), `rich-${actor.accountId}`)
  assert.equal(await said(submit('等钱', { idempotencyKey })), 'done')
  assert.deepEqual(await wallet(), { available: units(40), held: units(20), spent: 0n })
})

test('a key belongs to one body, and a repeat is the same purchase', async () => {
  const key = (prompt: string) => bindIdempotencyKey('image', `mine-${actor.accountId}`, { prompt })
  const first = await submitTask(site.context, actor, pictureOf('甲', { idempotencyKey: key('甲') }))
  const repeat = await submitTask(site.context, actor, pictureOf('甲', { idempotencyKey: key('甲') }))
  assert.deepEqual(repeat, { taskId: first.taskId, repeated: true })
  assert.equal(await said(submit('乙', { idempotencyKey: key('乙') })), 'idempotency_key_reused')
  assert.equal((await wallet()).held, units(20))
})

test('an account that was disabled buys nothing', async () => {
  await rows(`update account set state = 'disabled' where id = $1`, [actor.accountId])
  assert.equal(await said(submit('已停用')), 'account_disabled')
  assert.deepEqual(await wallet(), { available: units(100), held: 0n, spent: 0n })
})

// --- Sweeping

test('the sweeper ends the overdue tasks of dead workers, and no others', async () => {
  const dead = await running('死去的工人')
  const waiting = await submit('等太久')
  const alive = await submit('还早')
  await rows(`update task set deadline = now() - interval '1 second' where id = any ($1::bigint[])`, [
    [dead.id, waiting],
  ])
  assert.deepEqual(await sweepTasks(site.context), { ended: 2, forgotten: 0 })
  assert.deepEqual(await sweepTasks(site.context), { ended: 0, forgotten: 0 })
  assert.deepEqual(
    [(await read(dead.id)).failure, (await read(waiting)).failure, (await read(alive)).state],
    ['deadline', 'deadline', 'queued'],
  )
  assert.deepEqual(await wallet(), { available: units(80), held: units(20), spent: 0n })
  assert.equal(await finish(dead, 'succeeded', units(20)), false, 'too late')
})

test('sweepers racing with the finish: each task ends once, paid or given back', async () => {
  await adjust(units(20 * 50 - 100), `race-${actor.accountId}`)
  for (let index = 0; index < 50; index += 1) await submit(`竞争 ${index}`)
  const tasks = await claimTasks(site.context, 'slow', 100, 60_000)
  assert.equal(tasks.length, 50)
  await rows(`update task set deadline = now() - interval '1 second' where id = any ($1::bigint[])`, [
    tasks.map(({ id }) => id),
  ])
  const other = await site.another()
  const [finished, ...sweeps] = await Promise.all([
    Promise.all(tasks.map((task) => finish(task, 'succeeded', units(20)))),
    ...[site.context, other, site.context, other].map((context) => sweepTasks(context)),
  ])
  for (const done of finished) assert.equal(typeof done, 'boolean', String(done))
  const paid = finished.filter((done) => done === true).length
  const ended = sweeps.reduce((sum, sweep) => sum + sweep.ended, 0)
  assert.equal(paid + ended, 50)
  assert.deepEqual(await wallet(), { available: units(20 * ended), held: 0n, spent: units(20 * paid) })
})

// --- E-mail codes: each account they open has a bonus

test('a code that was used or replaced opens no account', async () => {
  const email = 'once@qq.com'
  const register = (issue: string, username: string) =>
    outcomeOf(
      `register_account_v1($1, gen_random_uuid(), $2, $3, 'none', 'user', 1000000, 'test', $4, null, null) > 0`,
      [site.context.keys.chain, username, email, issue],
    )
  await sendEmailCode(site.context, { email, purpose: 'register' })
  const first = codeIn((await site.mails()).at(-1))
  const replaced = await tryEmailCode(site.context, { email, purpose: 'register', code: first })
  await rows(`update email_code set issued_at = issued_at - interval '2 minutes' where email = $1`, [email])
  await sendEmailCode(site.context, { email, purpose: 'register' })
  const second = codeIn((await site.mails()).at(-1))
  const { issue } = await tryEmailCode(site.context, { email, purpose: 'register', code: second })
  assert.equal(await register(replaced.issue, 'once-0'), null, 'the code that was replaced')
  assert.equal(await register(issue, 'once-1'), true)
  // Even for an address that is free again, as after an operator changed it.
  await rows(`update account set email = 'moved@qq.com' where email = $1`, [email])
  assert.equal(await register(issue, 'once-2'), null, 'the code that was used')
  assert.equal(
    await said(tryEmailCode(site.context, { email, purpose: 'register', code: second })),
    'email_code_used',
  )
})

test('a code is good for ten minutes', async () => {
  const email = 'late@qq.com'
  await sendEmailCode(site.context, { email, purpose: 'register' })
  const code = codeIn((await site.mails()).at(-1))
  const attempt = () => said(tryEmailCode(site.context, { email, purpose: 'register', code }))
  assert.equal(await attempt(), 'done')
  await rows(`update email_code set expires_at = now() where email = $1`, [email])
  assert.equal(await attempt(), 'email_code_expired')
})

// --- History

test('history refuses UPDATE, DELETE and TRUNCATE', async () => {
  await finish(await running('历史'), 'succeeded', units(20))
  const refusalOf = (text: string) =>
    undone((within) =>
      within.rows(sql(text), []).then(
        () => 'done',
        (error: Error) => error.message,
      ),
    ).catch(String)
  for (const [text, what] of [
    [`update entry set reason = 'forged'`, 'UPDATE on entry'],
    ['delete from entry', 'DELETE on entry'],
    ['truncate entry cascade', 'TRUNCATE on entry'],
    ['truncate wallet cascade', 'TRUNCATE on wallet'],
    ['truncate hold cascade', 'TRUNCATE on hold'],
    ['delete from hold', 'DELETE on hold'],
    ['delete from wallet', 'DELETE on wallet'],
  ] as const) {
    assert.equal(await refusalOf(text), `the ledger is append-only: ${what} refused`)
  }
})

/** What `verifyLedger` finds after `texts`, run by somebody who can switch the triggers off. Undone afterwards. */
async function findingsAfter(...texts: string[]): Promise<string[]> {
  return undone(async (within) => {
    await within.rows(sql('alter table entry disable trigger user'), [])
    for (const text of texts) {
      const values = text.includes('$1') ? [actor.accountId] : []
      await within.rows(sql(text), values)
    }
    const db = { ...site.context.db, rows: within.rows }
    const findings = await verifyLedger({ ...site.context, db })
    const mine = findings.filter(
      ({ details }) => !details.account || details.account === String(actor.accountId),
    )
    assert.equal(mine.length, findings.length, 'nothing is found elsewhere')
    return [
      ...new Set(
        findings.map(({ check, details }) => (details.problem ? `${check}: ${details.problem}` : check)),
      ),
    ]
  })
}

/** Bonus and correction make up the first entries; these tests tamper with the adjustments that follow. */
async function history(): Promise<{ from: bigint }> {
  const [row] = await rows<{ entries: bigint }>('select entries from wallet where account_id = $1', [
    actor.accountId,
  ])
  for (const amount of [10, 20, 30]) await adjust(units(amount), `h${amount}-${actor.accountId}`)
  return { from: (row?.entries ?? 0n) + 1n }
}

test('verify finds every way to tamper with an entry', async () => {
  const { from } = await history()
  const first = `where account_id = $1 and sequence = ${from}`
  const last = `where account_id = $1 and sequence = ${from + 2n}`
  assert.deepEqual(await findingsAfter(), [])
  assert.deepEqual(await findingsAfter(`update entry set amount = amount + 1 ${first}`), [
    'entries: balance after',
    'wallets',
  ])
  assert.deepEqual(
    await findingsAfter(
      `update entry set amount = case sequence when ${from} then 200000 else 100000 end
       where account_id = $1 and sequence in (${from}, ${from + 1n})`,
    ),
    ['entries: balance after'],
    'two amounts swapped',
  )
  assert.deepEqual(await findingsAfter(`delete from entry ${first}`), ['entries: gap', 'wallets'])
  assert.deepEqual(await findingsAfter(`delete from entry ${last}`), ['wallets'], 'the end cut off')
  // Consistent with itself and with the wallet: only the hash tells.
  assert.deepEqual(
    await findingsAfter(
      `update entry set amount = amount + 10000, available_after = available_after + 10000 ${last}`,
      'update wallet set available = available + 10000, granted = granted + 10000 where account_id = $1',
    ),
    ['entries: hash'],
  )
  for (const change of [
    `reason = 'a gift'`,
    'operator_id = account_id',
    `effect = 'adjustment:other'`,
    `created_at = created_at + interval '1 microsecond'`,
    `kind = 'bonus'`,
    `topic = 'image'`,
    `debit = 'adjustments'`,
    `hash = '\\x00'`,
  ]) {
    const found = await findingsAfter(`update entry set ${change} ${first}`)
    assert.deepEqual(found, ['entries: hash'], change)
  }
})

test('verify finds a wallet that is not the sum of its entries', async () => {
  await running('在手')
  assert.deepEqual(
    await findingsAfter(
      'update wallet set available = available + 1, granted = granted + 1 where account_id = $1',
    ),
    ['wallets'],
  )
  assert.deepEqual(
    await findingsAfter('update wallet set held = held + 1, granted = granted + 1 where account_id = $1'),
    ['wallets', 'held'],
  )
  assert.deepEqual(
    await findingsAfter('update wallet set available = available + 1, held = held - 1 where account_id = $1'),
    ['wallets', 'held'],
  )
  assert.deepEqual(
    await findingsAfter('update wallet set spent = spent + 1, granted = granted + 1 where account_id = $1'),
    ['wallets'],
  )
  assert.deepEqual(await findingsAfter('update wallet set entries = entries + 1 where account_id = $1'), [
    'wallets',
  ])
  assert.deepEqual(await findingsAfter(`update wallet set chain = '\\x01' where account_id = $1`), [
    'wallets',
  ])
})

test('verify finds holds that do not go with their tasks', async () => {
  const done = await running('已付')
  await finish(done, 'succeeded', units(20))
  const open = await running('在手')
  assert.deepEqual(await findingsAfter(), [])
  assert.deepEqual(await findingsAfter(`update task set charged = 0 where id = ${done.id}`), [
    'holds: charged is not captured',
  ])
  assert.deepEqual(
    await findingsAfter(`update task set explanation = '{"charged": 1}' where id = ${done.id}`),
    ['holds: explained is not charged'],
  )
  assert.deepEqual(await findingsAfter(`update hold set state = 'released' where task_id = ${open.id}`), [
    'holds: settled before its task ended',
    'held',
  ])
  assert.deepEqual(await findingsAfter(`update hold set state = 'open' where task_id = ${done.id}`), [
    'holds: open after its task ended',
    'held',
  ])
  assert.deepEqual(await findingsAfter(`update hold set amount = amount + 1 where task_id = ${open.id}`), [
    'held',
  ])
})

test('the hash covers every field of an entry', async () => {
  const base: (string | number | null)[] = [
    1,
    2,
    'adjustment',
    'image',
    'grants',
    'available',
    5,
    10,
    15,
    4,
    'effect:1',
    7,
    'reason',
    3,
    '127.0.0.1',
    'browser',
    '2026-01-01T00:00:00Z',
  ]
  const other = [
    9,
    9,
    'bonus',
    null,
    'sales',
    'held',
    6,
    11,
    16,
    5,
    'effect:2',
    8,
    'reasons',
    4,
    null,
    '-',
    '2026-01-01T00:00:00.000001Z',
  ]
  const names = [
    'account',
    'sequence',
    'kind',
    'topic',
    'debit',
    'credit',
    'amount',
    'available before',
    'available after',
    'held after',
    'effect',
    'task',
    'reason',
    'operator',
    'ip',
    'device',
    'time',
  ]
  const types =
    'bigint bigint text text text text bigint bigint bigint bigint text bigint text bigint text text timestamptz'
  const call = `entry_content_v1(${types
    .split(' ')
    .map((type, index) => `$${index + 1}::${type}`)
    .join(', ')})`
  const content = await outcomeOf(call, base)
  for (const [index, name] of names.entries()) {
    const changed = await outcomeOf(call, base.with(index, other[index] ?? null))
    assert.equal(typeof changed, 'string', name)
    assert.notEqual(changed, content, `${name} is not covered`)
  }
})

test('an entry of another course of events does not fit the chain', async () => {
  const { accountId } = actor
  const post = (within: Queryable, reason: string) =>
    within.rows(
      sql(
        `select post_entry_v1($1, $2, 'adjustment', null, 'grants', 'available', 10000, null, null, $3, null, null, null)`,
      ),
      [site.context.keys.chain, accountId, reason],
    )
  // What might have been: two entries that were really signed, and then rolled back.
  const [forged] = await undone(async (within) => {
    await post(within, 'one course')
    await post(within, 'a gift from the operator')
    return within.rows<{ hash: Buffer; reason: string; created_at: string; sequence: bigint }>(
      sql(
        `select hash, reason, created_at::text, sequence from entry where account_id = $1 order by sequence desc limit 1`,
      ),
      [accountId],
    )
  })
  assert.ok(forged)
  await post(site.context.db, 'the other course')
  await post(site.context.db, 'a correction')
  const hash = `'\\x${forged.hash.toString('hex')}'`
  assert.deepEqual(
    await findingsAfter(
      `update entry set reason = '${forged.reason}', created_at = '${forged.created_at}', hash = ${hash}
       where account_id = $1 and sequence = ${forged.sequence}`,
      `update wallet set chain = ${hash} where account_id = $1`,
    ),
    ['entries: hash'],
  )
})

test('only the holder of the key can write a chain that verifies', async () => {
  const { from } = await history()
  const last = `where account_id = $1 and sequence = ${from + 2n}`
  const content = `entry_content_v1(e.account_id, e.sequence, e.kind, e.topic, e.debit, e.credit, e.amount,
    e.available_before, e.available_after, e.held_after, e.effect, e.task_id, e.reason, e.operator_id, e.ip, e.device, e.created_at)`
  const previous = `(select hash from entry where account_id = $1 and sequence = ${from + 1n})`
  const guess = Buffer.alloc(128, 7).toString('hex')
  assert.deepEqual(
    await findingsAfter(
      `update entry set reason = 'a gift' ${last}`,
      `update entry e set hash = entry_hash_v1('\\x${guess}', ${previous}, ${content}) ${last}`,
      `update wallet set chain = (select hash from entry ${last}) where account_id = $1`,
    ),
    ['entries: hash'],
  )
})

test('a failure of the provider gives back what was held, to the last credit', async () => {
  provider.next.push(async () => {
    throw new ProviderError('rejected', 'no')
  })
  const task = await running('拒绝')
  assert.deepEqual(await wallet(), { available: units(80), held: units(20), spent: 0n })
  await advanceTask(site.context, task, never)
  assert.deepEqual(await wallet(), { available: units(100), held: 0n, spent: 0n })
  const holds = await rows('select state, captured from hold where task_id = $1', [task.id])
  assert.deepEqual(holds, [{ state: 'released', captured: 0n }])
})

test('a price of its own, or a closed model, is heeded though another process has not heard of it', async () => {
  const other = await site.another()
  const [model] = other.catalog.models().filter(({ kind }) => kind === 'image')
  assert.ok(model)
  // Written past the use-case, so that no event tells anybody: the cached catalogue is stale.
  await rows(`insert into price (subject, version, credits, source) values ($1, 1, $2, 'operator')`, [
    `model:${model.id}`,
    units(50),
  ])
  await submitTask(other, actor, pictureOf('自己的价格'))
  assert.deepEqual(await wallet(), { available: units(50), held: units(50), spent: 0n })
  await rows(`update model set state = 'closed' where id = $1`, [model.id])
  try {
    await assert.rejects(submitTask(other, actor, pictureOf('已关闭')), { code: 'model_not_found' })
  } finally {
    await rows(`update model set state = 'open' where id = $1`, [model.id])
    await rows('delete from price where subject = $1', [`model:${model.id}`])
    await site.context.catalog.reload()
  }
})

test('an account that was disabled retries nothing', async () => {
  provider.next.push(async () => {
    throw new ProviderError('rejected', 'no')
  })
  const task = await running('先失败再停用')
  await advanceTask(site.context, task, never)
  const { handle } = await readTaskById(site.context, actor, task.id)
  await rows(`update account set state = 'disabled' where id = $1`, [actor.accountId])
  await assert.rejects(retryTask(site.context, actor, handle, { ip: null, device: null }), {
    code: 'account_disabled',
  })
  assert.deepEqual(await wallet(), { available: units(100), held: 0n, spent: 0n })
})

test('one task that cannot be ended does not keep the others from it', async () => {
  const bad = await submitTask(site.context, actor, pictureOf('结束不了'))
  const other = { accountId: (await createUser(site.context, units(20))).accountId }
  const good = await submitTask(site.context, other, pictureOf('可以结束'))
  await rows(`update task set deadline = now() - interval '1 second' where id = any ($1)`, [
    [bad.taskId, good.taskId],
  ])
  // As a defect would leave it: the hold was settled without its task.
  await rows(`update hold set state = 'released' where task_id = $1`, [bad.taskId])
  const swept = await sweepTasks(site.context).catch(() => null)
  assert.equal(swept?.ended, 1)
  assert.equal((await readTaskById(site.context, other, good.taskId)).state, 'failed')
  await rows(`update hold set state = 'open' where task_id = $1`, [bad.taskId])
  assert.equal((await sweepTasks(site.context)).ended, 1)
})
