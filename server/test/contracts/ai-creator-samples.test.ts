import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { aiCreator } from '../../src/dialects/ai-creator/dialect.ts'
import { units } from '../../src/kernel/money.ts'
import { adjustBalance } from '../../src/kernel/wallet/adjust.ts'
import { createSketch } from '../../src/providers/sketch/sketch.ts'
import type { TestSite } from '../build-site.ts'
import { buildSite } from '../build-site.ts'

// 示例代码: the document's own two programs, unchanged, against a site with the user they log in as. They call
// http://localhost:8000 and nothing else, so without that port, or without Python's requests, they are skipped.

const run = promisify(execFile)
const sample = (name: string): string =>
  fileURLToPath(new URL(`../../../contracts/ai-creator/samples/${name}`, import.meta.url))
const PRICE = 10

let site: TestSite
/** Why the samples cannot be run here; empty when they can. */
let obstacle = ''
before(async () => {
  site = await buildSite({ dialect: aiCreator, providers: [createSketch()] })
  site.startWorker()
  const reply = await site.app.inject({
    method: 'POST',
    url: '/api/v1/auth/register',
    payload: { username: 'testuser', email: 'test@example.com', password: 'password123' },
  })
  assert.equal(reply.statusCode, 200, reply.payload)
  await adjustBalance(site.context, {
    accountId: BigInt(reply.json<{ data: { id: number } }>().data.id),
    amount: units(2 * PRICE),
    reason: 'enough for both samples',
    key: 'samples',
    operatorId: null,
    origin: { ip: null, device: null },
  })
  await site.app.listen({ port: aiCreator.defaultPort, host: '127.0.0.1' }).catch((error: Error) => {
    if (!('code' in error) || error.code !== 'EADDRINUSE') throw error
    obstacle = `port ${aiCreator.defaultPort}, which the samples call, is in use`
  })
})
after(() => site.close())

test('the Python sample runs unchanged and prints an article', async (t) => {
  const hasRequests = await run('python3', ['-c', 'import requests']).then(
    () => true,
    () => false,
  )
  const missing = hasRequests ? '' : 'needs python3 and its requests: apt-get install python3-requests'
  const reason = obstacle || missing
  if (reason) return t.skip(reason)
  const { stdout } = await run('python3', [sample('sample.py')], {
    env: { PATH: process.env.PATH, PYTHONIOENCODING: 'utf-8', NO_PROXY: 'localhost', no_proxy: 'localhost' },
  })
  assert.match(stdout, /^\{'code': 200, 'message': '生成成功'/)
  assert.match(stdout, /'content': '[^']{200}/)
  assert.match(stdout, new RegExp(`'credits_used': ${PRICE}\\b`))
})

test('the JavaScript sample runs unchanged and prints an article', async (t) => {
  if (obstacle) return t.skip(obstacle)
  const { stdout } = await run(process.execPath, [sample('sample.js')], { env: { PATH: process.env.PATH } })
  assert.match(stdout, /code: 200,\s+message: '生成成功'/)
  assert.match(stdout, new RegExp(`credits_used: ${PRICE}\\b`))
})
