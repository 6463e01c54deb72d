import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytedanceBench } from '../../../test/platforms/bytedance-bench.ts'
import { clipOf, quickOutbound, refusalOf, testPlatform } from '../../../test/platforms/platform-suite.ts'
import type { Outbound } from '../../kernel/ports/outbound.ts'
import type { Platform } from '../../kernel/ports/platform.ts'
import { createToutiao } from './toutiao.ts'

const paths = {
  upload: '/toutiao/video/upload/',
  create: '/toutiao/video/create/',
  tokenIn: 'query' as const,
}
const create = (outbound: Outbound, url: string): Platform =>
  createToutiao(outbound, { api: url, oauth: url })

testPlatform('toutiao', () => bytedanceBench(create, paths))

test('clips only, and none above 128 MB', async () => {
  const bench = await bytedanceBench(create, paths)
  const { api } = create(quickOutbound(), bench.standIn.url)
  assert.deepEqual(api?.shapes, ['video'])
  const signal = new AbortController().signal
  const bound = await api.bind(bench.given, signal)
  const clip = { ...clipOf(new Uint8Array(1)), bytes: 128 * 1_048_576 + 1 }
  const account = { ...bound, renew: async () => assert.fail('no need') }
  const { reason } = await refusalOf(api.advance(account, { ...bench.content, clip }, null, signal))
  assert.equal(reason, 'content_unfit')
  assert.equal(bench.standIn.to(paths.upload).length, 0)
  await bench.standIn.close()
})
