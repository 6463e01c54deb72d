import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { statement } from '../../src/db/database.ts'
import { isConnectionLoss } from '../../src/db/errors.ts'
import { credits } from '../../src/kernel/money.ts'
import { verifyLedger } from '../../src/kernel/wallet/verify.ts'
import type { TestSite } from '../build-site.ts'
import { buildSite } from '../build-site.ts'
import { runAsSuperuser } from '../test-database.ts'
import type { Command, Model, ModelTask, State } from './model.ts'
import { applyCommand, claimOf, emptyModel, METERED, TRANSITIONS } from './model.ts'

/** `npm run test:model` runs ten times as many. */
const SEQUENCES = Number(process.env.SEQUENCES ?? 1_000)

let site: TestSite
before(async () => {
  site = await buildSite({ preset: { signUpBonus: credits(0n) } })
})
after(() => site.close())

const amount = fc.integer({ min: 1, max: 50 })
const index = fc.nat({ max: 3 })
/** Which of a task's claims writes: mostly the latest, sometimes a stale one. */
const claim = fc.oneof(
  { weight: 5, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 2 }) },
)
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('grant' as const), amount }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('take' as const), amount }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('submit' as const),
      model: fc.constantFrom(0, METERED),
      cost: fc.integer({ min: 0, max: 40 }),
      awaits: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('approve' as const), task: index }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('edit' as const),
      task: index,
      model: fc.integer({ min: 0, max: METERED }),
      cost: fc.integer({ min: 0, max: 40 }),
      awaits: fc.boolean(),
    }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('claim' as const) }) },
  ...(['fail', 'requeue', 'await', 'doubt'] as const).map((kind) => ({
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant(kind), task: index, claim }),
  })),
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('finish' as const),
      task: index,
      claim,
      share: fc.constantFrom(1, 1, 0.5, 0),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cancel' as const), task: index }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('expire' as const), task: index }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('retry' as const),
      task: index,
      cost: fc.integer({ min: 0, max: 40 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('join' as const, 'lapse' as const) }) },
)
/** A command, and whether the backends of the site are terminated while it is under way. */
const step = fc.record({ command, isKilled: fc.integer({ min: 0, max: 19 }).map((roll) => roll === 0) })
/** Without credits nothing happens at all. */
const START = { command: { kind: 'grant', amount: 90 } as Command, isKilled: false }
const sequence = fc.array(step, { minLength: 8, maxLength: 26 })

const kinds = Object.fromEntries(
  Object.entries({
    post: `select post_entry_v1($1, $2, 'adjustment', null, case when $3 then 'grants' else 'available' end,
      case when $3 then 'available' else 'adjustments' end, $4, null, null, 'model', null, null, null)`,
    submit: `select s.* from model_priced($6) m, submit_task_v4($1, $2, $3, 'image', m.id, '{open}', m.subject, 1,
      $4::bigint, case when $4::bigint = 0 then 'free' end, '{}', '{}', $5, interval '1 hour', 5, null, null, null,
      null, null, true, m.explanation) s`,
    approve: `select approve_task_v1($1, $2, interval '1 hour')`,
    edit: `select e.* from model_priced($4) m, edit_task_v3($1, $2, $3, 'image', m.id, '{open}', m.subject, 1,
      $5::bigint, case when $5::bigint = 0 then 'free' end, '{}', '{}', $6, interval '1 hour', null, null,
      true, m.explanation) e`,
    claim: `select * from claim_account($1)`,
    finish: `select finish_task_v3($1, $2, $3, 'succeeded', $4, null, null, null, null, false, null)`,
    fail: `select finish_task_v1($1, $2, $3, 'failed', 0, 'unavailable', 'model', null)`,
    requeue: `select requeue_task_v1($1, $2, 'failed', 'model', interval '0 seconds')`,
    await: `select await_operation_v2($1, $2, '{"id":1}', '1', 10, interval '0 seconds')`,
    doubt: `select doubt_task_v1($1, $2, 'model')`,
    end: `select end_tasks_v1($1, array[$2]::bigint[], $3, $4, $5, $6)`,
    retry: `select r.* from model_priced($5) m, retry_task_v4($1, $2, $3, '{open}', m.subject, 1, $4::bigint,
      case when $4::bigint = 0 then 'free' end, interval '1 hour', null, null, true, m.explanation) r`,
    join: `select extend_membership_v2($1, 'monthly', 1, interval '30 days')`,
    lapse: `select shorten_membership_v2($1, 1, interval '1000 days')`,
  }).map(([name, text]) => [name, statement(`model ${name}`, text)]),
)

// The product's claim takes whatever is due on the site: a sequence makes its own tasks due, and leaves none.
const CLAIM_ACCOUNT = `create function claim_account(p_account bigint) returns int language plpgsql as $$
  declare v_claimed int;
  begin
    update task set due_at = '2000-01-01' where account_id = p_account and state in ('queued', 'running');
    select count(*) into v_claimed from claim_tasks_v1('model', 1000, interval '1 hour');
    return v_claimed;
  end $$`

// The models of the tests by their places, and how each is priced.
const MODEL_PRICED = `with added as (
    insert into model (name, title, kind) values ('metered', 'metered', 'image') returning id)
  insert into price (subject, version, credits, source, rule) select 'model:' || id, 1, 0, 'operator',
    '{"unit": "pictures", "sizes": [{"mostPixels": null, "credits": 1}], "roundTo": 1}' from added;
  create function model_priced(p_place int) returns table (id bigint, subject text, explanation jsonb) language sql as $$
    select m.id, case when p_place = 2 then 'model:' || m.id else 'kind:image' end,
      case when p_place = 2 then '{"hold": 1}'::jsonb end
    from model m where m.id = case p_place when 0 then (select min(n.id) from model n where n.name <> 'metered')
      when 1 then (select max(n.id) from model n where n.name <> 'metered')
      else (select n.id from model n where n.name = 'metered') end
  $$`

async function run(accountId: bigint, ids: bigint[], model: Model, what: Command): Promise<void> {
  const { chain } = site.context.keys
  const rows = (name: string, values: unknown[]) => {
    const named = kinds[name]
    assert.ok(named)
    return site.context.db.rows(named, values)
  }
  const place = 'task' in what && model.tasks.length > 0 ? what.task % model.tasks.length : -1
  const task = model.tasks[place]
  const id = ids[place]
  if ('task' in what && (!task || id === undefined)) return
  const generation = 'claim' in what && task ? claimOf(task, what.claim) : 0
  switch (what.kind) {
    case 'grant':
    case 'take':
      await rows('post', [chain, accountId, what.kind === 'grant', what.amount])
      return
    case 'join':
    case 'lapse':
      await rows(what.kind, [accountId])
      return
    case 'submit':
      await rows('submit', [
        chain,
        accountId,
        `model_${site.context.ids.token(20)}`,
        what.cost,
        stateOf(what.awaits),
        what.model,
      ])
      return
    case 'approve':
      await rows('approve', [id, accountId])
      return
    case 'edit':
      await rows('edit', [chain, id, accountId, what.model, what.cost, stateOf(what.awaits)])
      return
    case 'claim':
      await rows('claim', [accountId])
      return
    case 'finish':
      await rows('finish', [chain, id, generation, Math.floor((task?.cost ?? 0) * what.share)])
      return
    case 'fail':
      await rows('fail', [chain, id, generation])
      return
    case 'requeue':
    case 'await':
    case 'doubt':
      await rows(what.kind, [id, generation])
      return
    case 'cancel':
      await rows('end', [chain, id, accountId, ['awaiting_approval', 'queued', 'running'], 'canceled', null])
      return
    case 'expire':
      await rows('end', [
        chain,
        id,
        null,
        ['awaiting_approval', 'queued', 'running', 'unknown'],
        'failed',
        'deadline',
      ])
      return
    case 'retry':
      await rows('retry', [chain, accountId, id, what.cost, task?.model])
      return
  }
}

const stateOf = (awaits: boolean): State => (awaits ? 'awaiting_approval' : 'queued')

const readWallet = statement(
  'model wallet',
  `select available, held, spent, granted,
     exists (select from membership m where m.account_id = w.account_id and m.ends_at > now()) as member
   from wallet w where account_id = $1`,
)
const readTasks = statement(
  'model tasks',
  `select id, state, generation, cost, charged, (explanation ->> 'charged')::bigint as explained
   from task where account_id = $1 order by id`,
)

const putAway = statement('model put away', `update task set due_at = '2100-01-01' where account_id = $1`)

type Seen = Pick<Model, 'granted' | 'available' | 'held' | 'spent' | 'isMember'> & {
  tasks: Omit<ModelTask, 'claims' | 'model'>[]
}

type TaskRow = Pick<ModelTask, 'state' | 'generation'> & {
  id: bigint
  cost: bigint
  charged: bigint
  explained: bigint | null
}

/** What the database says, waiting out a connection that was just terminated. */
async function read(accountId: bigint): Promise<{ seen: Seen; ids: bigint[] }> {
  for (let tries = 0; ; tries += 1) {
    try {
      const { db } = site.context
      const [[wallet], tasks] = await Promise.all([
        db.rows<Record<string, bigint> & { member: boolean }>(readWallet, [accountId]),
        db.rows<TaskRow>(readTasks, [accountId]),
      ])
      const number = (name: string): number => Number(wallet?.[name])
      return {
        ids: tasks.map((task) => task.id),
        seen: {
          granted: number('granted'),
          available: number('available'),
          held: number('held'),
          spent: number('spent'),
          isMember: wallet?.member ?? false,
          tasks: tasks.map(({ state, generation, cost, charged, explained }) => ({
            state,
            generation,
            cost: Number(cost),
            charged: Number(charged),
            explained: explained === null ? null : Number(explained),
          })),
        },
      }
    } catch (error) {
      if (!isConnectionLoss(error) || tries > 50) throw error
    }
  }
}

function visible({ granted, available, held, spent, isMember, tasks }: Model): Seen {
  return {
    granted,
    available,
    held,
    spent,
    isMember,
    tasks: tasks.map(({ claims: _claims, model: _model, ...task }) => task),
  }
}

const terminate = () =>
  runAsSuperuser(`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = '${site.database}' and backend_type = 'client backend'`)

test('the wallet and the tasks are what the model says, whatever is killed', {
  timeout: 600_000,
}, async (t) => {
  await site.context.db.rows(statement('define claim_account', CLAIM_ACCOUNT), [])
  await site.context.db.pool.query(MODEL_PRICED)
  const moved = new Map<string, number>()
  let killed = 0
  let lost = 0
  let commands = 0

  await fc.assert(
    fc.asyncProperty(sequence, async (steps) => {
      const { accountId } = await retried(() => createUserRow())
      let model = emptyModel()
      let ids: bigint[] = []
      for (const { command: what, isKilled } of [START, ...steps]) {
        commands += 1
        const transitions: string[] = []
        const after = applyCommand(model, what, (transition) => transitions.push(transition))
        let isUnsure = false
        try {
          const running = run(accountId, ids, model, what)
          if (isKilled) {
            killed += 1
            await Promise.all([running, terminate()])
          } else await running
        } catch (error) {
          if (!isConnectionLoss(error)) throw error
          isUnsure = true
          lost += 1
        }
        const { seen, ids: present } = await read(accountId)
        // A statement whose connection was lost was carried out whole, or not at all.
        const happened = !isUnsure || same(seen, visible(after))
        assert.deepEqual(seen, visible(happened ? after : model), JSON.stringify(what))
        if (happened) {
          model = after
          for (const transition of transitions) moved.set(transition, (moved.get(transition) ?? 0) + 1)
        }
        ids = present
        assert.equal(model.granted, model.available + model.held + model.spent)
      }
      await retried(() => site.context.db.rows(putAway, [accountId]))
    }),
    { numRuns: SEQUENCES, endOnFailure: true },
  )

  assert.deepEqual(await retried(() => verifyLedger(site.context)), [], 'the books are true')
  // Debits and credits over all ledger accounts, platform's and users', sum to zero.
  const [books] = await retried(() =>
    site.context.db.rows<{ sum: string; users: string; wallets: string }>(
      statement(
        'sum of books',
        `with moves as (select debit as account, -amount as amount from entry union all select credit, amount from entry)
         select sum(amount)::text as sum,
           sum(amount) filter (where account in ('available', 'held'))::text as users,
           (select sum(available + held) from wallet)::text as wallets
         from moves`,
      ),
      [],
    ),
  )
  assert.equal(books?.sum, '0')
  assert.equal(books?.users, books?.wallets)
  t.diagnostic([...moved].map(([transition, times]) => `${transition} ${times}`).join(', '))
  assert.deepEqual(
    [...moved.keys()].sort(),
    [...TRANSITIONS].sort(),
    'every transition of the table, and no other',
  )
  t.diagnostic(
    `${SEQUENCES} sequences, ${commands} commands, ${killed} kills, ${lost} statements lost their connection`,
  )
  t.diagnostic([...moved].map(([transition, times]) => `${transition} ${times}`).join(', '))
})

function same(a: Seen, b: Seen): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

async function retried<T>(body: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await body()
    } catch (error) {
      if (!isConnectionLoss(error) || tries > 50) throw error
    }
  }
}

// Passwords would take most of the time of a sequence, so accounts are opened by the SQL function itself.
const openAccount = statement(
  'model account',
  `select register_account_v1($1, gen_random_uuid(), 'model ' || gen_random_uuid(), null, 'none', 'user', 0, null,
     null, null, null) as id`,
)

async function createUserRow(): Promise<{ accountId: bigint }> {
  const [row] = await site.context.db.rows<{ id: bigint }>(openAccount, [site.context.keys.chain])
  assert.ok(row)
  return { accountId: row.id }
}
