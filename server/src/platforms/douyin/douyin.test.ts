import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytedanceBench } from '../../../test/platforms/bytedance-bench.ts'
import { quickOutbound, refusalOf, testPlatform } from '../../../test/platforms/platform-suite.ts'
import { createDouyin } from './douyin.ts'

const paths = {
  upload: '/api/douyin/v1/video/upload_video/',
  create: '/api/douyin/v1/video/create_video/',
  tokenIn: 'header' as const,
}

testPlatform('douyin', () => bytedanceBench(createDouyin, paths))

test('the token goes in a header, the account in the address, the topics behind the title', async () => {
  const bench = await bytedanceBench(createDouyin, paths)
  const { api } = createDouyin(quickOutbound(), bench.standIn.url)
  assert.ok(api)
  const signal = new AbortController().signal
  const bound = await api.bind(bench.given, signal)
  assert.deepEqual([bound.name, bound.remoteAccount], ['小王的频道', 'open-id-abcdef'])
  // Neither the code, which is good for one use, nor anything else that is not needed again.
  assert.deepEqual(Object.keys(bound.secrets).sort(), [
    'access_token',
    'client_key',
    'client_secret',
    'open_id',
    'refresh_token',
  ])
  const account = { ...bound, renew: async () => assert.fail('no need') }
  const step = await api.advance(account, bench.content, null, signal)
  assert.ok(step.state === 'working')
  await api.advance(account, bench.content, step.operation, signal)
  const [sent] = bench.standIn.to(paths.create)
  assert.equal(sent?.headers['access-token'], 'access-token-1')
  assert.equal(sent?.query.get('access_token'), null)
  assert.deepEqual(bench.standIn.made, ['海边的日落 #日落'])
  assert.equal(bench.standIn.to(paths.upload)[0]?.parts.get('video')?.bytes.length, 2_000)
  await bench.standIn.close()
})

test('a refresh token binds as well as a code; neither is no credential', async () => {
  const bench = await bytedanceBench(createDouyin, paths)
  const { api } = createDouyin(quickOutbound(), bench.standIn.url)
  assert.ok(api)
  const signal = new AbortController().signal
  const { code: _code, ...rest } = bench.given
  const bound = await api.bind({ ...rest, refresh_token: 'refresh-token-0123456789' }, signal)
  assert.equal(bound.remoteAccount, 'open-id-abcdef')
  assert.equal((await refusalOf(api.bind(rest, signal))).reason, 'credentials_wrong')
  await bench.standIn.close()
})
