import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { TestSite } from '../../../test/build-site.ts'
import { buildSite } from '../../../test/build-site.ts'
import type { Database } from '../../db/database.ts'
import { units } from '../money.ts'
import { setPrice } from './administer.ts'
import { openCatalog } from './catalog.ts'

let site: TestSite
before(async () => {
  site = await buildSite()
})
after(() => site.close())

test('a reload that read before a change and ends after it does not take the change back', async () => {
  const { context } = site
  let hold: Promise<void> | null = null
  const held: Promise<unknown>[] = []
  const rows: Database['rows'] = async (what, values) => {
    const waits = hold
    const read = context.db.rows<never>(what, values)
    if (waits) held.push(read)
    const found = await read
    await waits
    return found
  }
  const events = { ...context.events, subscribe: () => () => {} }
  const catalog = await openCatalog({ ...context.db, rows }, events, context.preset, assert.ifError)
  try {
    let letGo = (): void => {}
    hold = new Promise((resolve) => (letGo = resolve))
    const older = catalog.reload()
    hold = null
    // It has read, and cannot have seen the change that comes now.
    assert.equal(held.length, 3)
    await Promise.all(held)
    await setPrice(context, 'image', units(37))
    await catalog.reload()
    assert.equal(catalog.quote('image', null, 1).cost, units(37))
    letGo()
    await older
    assert.equal(catalog.quote('image', null, 1).cost, units(37))
  } finally {
    catalog.close()
  }
})
