import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aiCreator } from '../src/dialects/ai-creator/dialect.ts'
import { aigentools } from '../src/dialects/aigentools/dialect.ts'
import { cameo } from '../src/dialects/cameo/dialect.ts'
import { plaza } from '../src/dialects/plaza/dialect.ts'
import { waliassets } from '../src/dialects/waliassets/dialect.ts'
import type { Dialect } from '../src/http/dialect.ts'
import { setPriceRule } from '../src/kernel/catalog/administer.ts'
import { createModel } from '../src/kernel/catalog/models.ts'
import { advanceTask } from '../src/kernel/generation/advance.ts'
import { approveTask } from '../src/kernel/generation/approve.ts'
import { claimTasks } from '../src/kernel/generation/claim.ts'
import { submitTask } from '../src/kernel/generation/submit.ts'
import { toNumber, units } from '../src/kernel/money.ts'
import { buildSite } from './build-site.ts'
import { createUser, pictureOf } from './factories.ts'
import { createFakeProvider, donePictures } from './fakes/provider.ts'

type Shown = {
  dialect: Dialect
  /** Where a task is shown with what it costs, and under which name; null where a document never says. */
  task: [path: (id: bigint) => string, name: string] | null
  /** Where its statement is, and what an amount is called there. */
  rows: [path: string, name: string] | null
  /** Where the balance is, and what it is called. */
  balance: [path: string, name: string]
}

const SHOWN: readonly Shown[] = [
  {
    dialect: waliassets,
    task: [() => '/generate/history', 'tokenConsumed'],
    rows: ['/token/transactions', 'amount'],
    balance: ['/token/balance', 'balance'],
  },
  {
    dialect: aigentools,
    task: [(id) => `/tasks/${id}`, 'cost'],
    rows: ['/admin/transactions', 'amount'],
    balance: ['/auth/user', 'available'],
  },
  {
    dialect: aiCreator,
    task: [() => '/creations', 'credits_used'],
    rows: ['/credit/transactions', 'amount'],
    balance: ['/credit/balance', 'credit_balance'],
  },
  { dialect: plaza, task: null, rows: null, balance: ['/user/compute-power', 'remaining'] },
  {
    dialect: cameo,
    task: [() => '/works', 'computing_power_used'],
    rows: ['/users/computing-power-logs', 'amount'],
    balance: ['/users/profile', 'computing_power'],
  },
]

/** All values under a name, wherever it stands. */
function named(value: unknown, name: string): unknown[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => [
    ...(key === name && typeof inner !== 'object' ? [inner] : []),
    ...named(inner, name),
  ])
}

for (const { dialect, task, rows, balance } of SHOWN) {
  test(`${dialect.name} shows what is held while a metered task runs, and what was paid after`, async () => {
    const provider = createFakeProvider()
    const site = await buildSite({ dialect, providers: [provider] })
    try {
      const { context } = site
      const user = await createUser(context, units(100), { role: 'admin' })
      const read = async (path: string): Promise<unknown> => {
        const answer = await site.app.inject({
          method: 'GET',
          url: `${dialect.base}${path}`,
          headers: { authorization: `Bearer ${user.token}` },
        })
        assert.equal(answer.statusCode, 200, `${path}: ${answer.body}`)
        return answer.json()
      }
      const existing = context.catalog.models().find(({ kind }) => kind === 'image')
      const { id: model } =
        existing ??
        (await createModel(context, {
          title: '图',
          description: '',
          kind: 'image',
          state: 'open',
          serving: null,
          price: null,
          declaration: { headers: [], inputs: [], outputs: [] },
        }))
      await setPriceRule(context, String(model), {
        unit: 'pictures',
        sizes: [{ mostPixels: null, credits: 72_500 }],
        roundTo: Number(context.preset.chargeStep),
      })
      const { input } = pictureOf('猫')
      const submission = pictureOf('猫', { model, input: { ...input, count: 3 } })
      const { taskId } = await submitTask(context, user, submission)
      if (context.preset.needsApproval) await approveTask(context, user, taskId)

      // Three at 7.25 are 21.75, and two are 14.5: whole where the document shows whole numbers.
      const [hold, paid] = dialect === aigentools ? [21.75, 14.5] : [22, 15]
      const assertShown = async (cost: number, movements: readonly number[]): Promise<void> => {
        if (task) assert.equal(named(await read(task[0](taskId)), task[1])[0], cost)
        if (rows) {
          const amounts = named(await read(rows[0]), rows[1])
          assert.deepEqual(amounts.slice(0, movements.length), movements)
        }
        const left = 100 + movements.reduce((sum, amount) => sum + amount, 0)
        assert.ok(named(await read(balance[0]), balance[1]).includes(left), `${left} left`)
      }
      await assertShown(hold, [-hold])
      provider.next.push(() => donePictures(2))
      const [claimed] = await claimTasks(context, 'test', 1, 60_000)
      assert.ok(claimed)
      await advanceTask(context, claimed, new AbortController().signal)
      await assertShown(paid, [hold - paid, -hold])
      const [row] = await context.db.pool
        .query('select charged from task where id = $1', [taskId])
        .then(({ rows }) => rows)
      assert.equal(toNumber(row.charged), paid)
    } finally {
      await site.close()
    }
  })
}
