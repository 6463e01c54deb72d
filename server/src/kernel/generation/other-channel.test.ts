import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildSite } from '../../../test/build-site.ts'
import { createUser, pictureOf } from '../../../test/factories.ts'
import { createFakeProvider } from '../../../test/fakes/provider.ts'
import { addConnection, serveModel } from '../catalog/administer-connections.ts'
import { units } from '../money.ts'
import { advanceTask } from './advance.ts'
import { claimTasks } from './claim.ts'
import { submitTask } from './submit.ts'
import { readTaskById } from './task.ts'

test('a vendor’s job is asked after where it was sent, though the model has moved to another vendor', async () => {
  const first = createFakeProvider({ repeatable: false })
  const second = Object.assign(createFakeProvider({ repeatable: false }), { name: 'second' })
  const site = await buildSite({ providers: [first, second] })
  try {
    const { context } = site
    const user = await createUser(context, units(100))
    first.next.push(async () => ({ state: 'pending', operation: { id: 'job 1' }, checkAfterMs: 0 }))
    const { taskId } = await submitTask(context, user, pictureOf('a moving house'))
    const advance = async (): Promise<void> => {
      const [task] = await claimTasks(context, 'test', 1, 60_000)
      assert.ok(task)
      await advanceTask(context, task, new AbortController().signal)
    }
    await advance()
    const vendor = { name: 'new-vendor', provider: 'second', url: 'https://vendor.example.com' }
    await addConnection(context, { ...vendor, secret: 'a key', headers: {}, options: {} })
    await serveModel(context, {
      model: 'image_model',
      connection: 'new-vendor',
      vendorModel: 'better',
      weight: 1,
      isOnly: true,
    })
    await advance()
    assert.equal((await readTaskById(context, user, taskId)).state, 'succeeded')
    assert.deepEqual([first.checked, second.checked], [[{ id: 'job 1' }], []])

    await submitTask(context, user, pictureOf('a new house'))
    await advance()
    assert.deepEqual([first.started.length, second.started.length], [1, 1], 'new work goes to the new vendor')
  } finally {
    await site.close()
  }
})
