import assert from 'node:assert/strict'
import { test } from 'node:test'
import { verifyLedger } from '../../src/kernel/wallet/verify.ts'
import { hostilePlaza, made } from './plaza.ts'
import { testHostileClients } from './suite.ts'

const ground = testHostileClients(hostilePlaza)

test('after all of it the site does its job and the books are true', async () => {
  await made(ground, ground.rich, 'POST', '/generate/text-to-image', { prompt: '还好' })
  assert.deepEqual(await verifyLedger(ground.site.context), [])
})
