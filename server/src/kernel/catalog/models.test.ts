import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { TestSite } from '../../../test/build-site.ts'
import { buildSite } from '../../../test/build-site.ts'
import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import { credits, units } from '../money.ts'
import type { ConnectionSecrets } from './connections.ts'
import { openConnection } from './connections.ts'
import type { ModelDefinition } from './models.ts'
import { createModel, listModels, readModel, updateModel } from './models.ts'

let site: TestSite
let context: Context
before(async () => {
  site = await buildSite()
  context = site.context
})
after(() => site.close())

const parameter = { name: 'prompt', type: 'string', required: true, description: 'Input', example: 'Hello' }
const declaration = { headers: [], inputs: [{ ...parameter, options: ['a', 'b'] }], outputs: [] }

const URL = 'https://models.example.com/v1/clips'
const connection = {
  url: URL,
  secret: 'the key of the model',
  headers: { 'x-tenant': 'tenant secret' },
  options: { outputs: [] },
}

function define(
  changes: Partial<ModelDefinition> = {},
  changed: Partial<ConnectionSecrets & { url: string }> = {},
): ModelDefinition {
  return {
    title: 'Clip maker',
    description: 'Makes clips',
    kind: 'custom',
    state: 'open',
    serving: { provider: 'http', vendorModel: '', connection: { ...connection, ...changed } },
    price: credits(12_345n),
    declaration,
    ...changes,
  }
}

const connectionOf = (id: bigint) => {
  const channel = context.catalog.models().find((one) => one.id === id)?.channels[0]
  assert.ok(channel)
  return { channel, connection: openConnection(context, channel) }
}

test('a model with an address is served by it, with its own key and headers, at its own price', async () => {
  const model = await createModel(context, define())
  assert.deepEqual(
    [model.kind, model.serving?.url, model.price, model.declaration],
    ['custom', URL, 12_345n, declaration],
  )
  const { channel, connection } = connectionOf(model.id)
  assert.equal(channel.provider, 'http')
  assert.deepEqual(connection, {
    url: 'https://models.example.com/v1/clips',
    secret: 'the key of the model',
    headers: { 'x-tenant': 'tenant secret' },
    options: { outputs: [] },
  })
  assert.equal(context.catalog.quote('custom', model.id, 1).cost, 12_345n)
})

test('key and headers are encrypted where they lie and shown nowhere', async () => {
  const model = await createModel(
    context,
    define({}, { secret: 'k-unmistakable', headers: { 'x-a': 'h-unmistakable' } }),
  )
  const dump = statement(
    'dump connections',
    `select to_jsonb(k)::text || encode(k.sealed, 'escape') as text from connection k`,
  )
  const shown = [
    ...(await context.db.rows<{ text: string }>(dump, [])).map((row) => row.text),
    JSON.stringify(await readModel(context, model.id, ['open']), (_key, value) =>
      typeof value === 'bigint' ? String(value) : value,
    ),
  ]
  for (const text of shown) assert.doesNotMatch(text, /unmistakable/)
})

test('what a change leaves out stays, the key too', async () => {
  const { id } = await createModel(context, define())
  const changed = await updateModel(context, id, {
    title: 'Renamed',
    serving: { connection: { headers: {} } },
  })
  assert.deepEqual(
    [changed.title, changed.description, changed.serving?.url],
    ['Renamed', 'Makes clips', URL],
  )
  const { connection } = connectionOf(id)
  assert.deepEqual([connection?.secret, connection?.headers], ['the key of the model', {}])
})

test('a model without an address is served as the pictures of the site are, and may get one later', async () => {
  const { id } = await createModel(context, define({ kind: 'image', serving: null }))
  assert.equal(connectionOf(id).channel.provider, 'sketch')
  const moved = await updateModel(context, id, {
    kind: 'custom',
    serving: { provider: 'http', connection: { url: 'https://other.example.com', secret: 'new' } },
  })
  assert.equal(moved.kind, 'custom')
  assert.deepEqual(connectionOf(id).connection?.secret, 'new')
  const back = await updateModel(context, id, { kind: 'image', serving: null })
  assert.deepEqual(
    [back.kind, back.serving, connectionOf(id).channel.provider],
    ['image', { isOwn: false, provider: 'sketch', vendorModel: 'sketch', url: null, options: {} }, 'sketch'],
  )
})

test('a price is a new version only when it changes', async () => {
  const { id } = await createModel(context, define())
  await updateModel(context, id, { price: credits(12_345n) })
  assert.equal(context.catalog.quote('custom', id, 1).version, 1)
  await updateModel(context, id, { price: units(2) })
  assert.equal(context.catalog.quote('custom', id, 1).version, 2)
})

test('drafts and closed models are found by those who ask for them only', async () => {
  const { id } = await createModel(context, define({ title: 'Secret draft', state: 'draft' }))
  await assert.rejects(readModel(context, id, ['open']), { code: 'model_not_found' })
  assert.throws(() => context.catalog.quote('custom', id, 1), { code: 'model_not_found' })
  assert.equal(context.catalog.quote('custom', id, 1, ['open', 'draft']).model.id, id)
  const page = { page: 1, limit: 10, search: 'secret', kinds: null }
  assert.equal((await listModels(context, { ...page, states: ['open'] })).total, 0)
  assert.equal((await listModels(context, { ...page, states: null })).total, 1)
})

test('addresses with passwords, odd headers and prices out of bounds are refused', async () => {
  const refused: [ModelDefinition, string][] = [
    [define({}, { url: 'https://user:password@models.example.com' }), 'url'],
    [define({}, { url: 'ftp://models.example.com' }), 'url'],
    [define({}, { url: 'models.example.com' }), 'url'],
    [define({}, { headers: { Host: 'other.example.com' } }), 'headers.Host'],
    [define({}, { headers: { 'x-a': 'one\r\nx-b: two' } }), 'headers.x-a'],
    [define({}, { secret: 'two\nlines' }), 'secret'],
    [define({ price: credits(-1n) }), 'price'],
  ]
  for (const [definition, field] of refused) {
    await assert.rejects(createModel(context, definition), (error: { details?: { field: string } }) => {
      assert.equal(error.details?.field, field)
      return true
    })
  }
})
