import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { plaza } from '../src/dialects/plaza/dialect.ts'
import { askAssistant } from '../src/kernel/assistant/send-message.ts'
import { addConnection, serveModel } from '../src/kernel/catalog/administer-connections.ts'
import { readChannelHealth } from '../src/kernel/channels/channel-health.ts'
import { units } from '../src/kernel/money.ts'
import { type Provider, ProviderError } from '../src/kernel/ports/provider.ts'
import { verifyLedger } from '../src/kernel/wallet/verify.ts'
import { buildSite } from './build-site.ts'
import { createUser } from './factories.ts'

test('replies keep to a channel’s cap and wait for room; a dead vendor is left alone after five, and nobody notices', async () => {
  const asked: string[] = []
  let [live, most] = [0, 0]
  const vendor: Provider = {
    ...{ name: 'vendor', kinds: ['text'], repeatable: false, concurrency: 100 },
    start: async () => {
      throw new Error('nobody asks this one for a picture')
    },
    write: async function* (_job, { connection }) {
      const key = connection?.secret ?? ''
      asked.push(key)
      if (key === 'dead') throw new ProviderError('unavailable', 'nobody there')
      live += 1
      most = Math.max(most, live)
      await sleep(30)
      live -= 1
      yield { type: 'text', text: 'an answer' }
      yield { type: 'end', reason: 'stop', usage: null }
    },
  }
  const site = await buildSite({ dialect: plaza, providers: [vendor] })
  try {
    const { context } = site
    const model = context.catalog.models().find(({ kind, isDefault }) => kind === 'text' && isDefault)
    assert.ok(model)
    for (const [place, name] of ['dead', 'well'].entries()) {
      const connection = {
        name,
        provider: 'vendor',
        url: 'https://vendor.example.com',
        headers: {},
        options: {},
      }
      await addConnection(context, { ...connection, secret: name })
      const serving = {
        model: model.name,
        connection: name,
        vendorModel: 'writer',
        weight: 1,
        priority: place,
      }
      await serveModel(context, { ...serving, isOnly: place === 0, ...(place === 1 && { mostJobs: 2 }) })
    }
    const replies = await Promise.all(
      Array.from({ length: 12 }, async () => {
        const user = await createUser(context, units(100))
        const message = { conversationId: null, content: 'a question', model: null, idempotencyKey: null }
        return askAssistant(context, user, { ...message, origin: { ip: null, device: null } })
      }),
    )
    assert.ok(replies.every(({ text }) => text === 'an answer'))
    assert.equal(most, 2)
    assert.equal(asked.filter((key) => key === 'well').length, 12)
    const before = asked.filter((key) => key === 'dead').length
    assert.ok(before >= 5 && before <= 12)
    const health = (await readChannelHealth(context)).filter(
      ({ isEnabled, model: of }) => isEnabled && of === model.name,
    )
    assert.deepEqual(
      health.map(({ vendor: is, underWay, succeeded }) => [is, underWay, succeeded]),
      [
        ['open', 0, 0],
        ['closed', 0, 12],
      ],
    )
    assert.deepEqual(await verifyLedger(context), [])
  } finally {
    await site.close()
  }
})
