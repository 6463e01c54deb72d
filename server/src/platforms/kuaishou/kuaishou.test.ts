import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PlatformBench } from '../../../test/platforms/platform-suite.ts'
import { clipOf, quickOutbound, testPlatform } from '../../../test/platforms/platform-suite.ts'
import { startStandIn } from '../../../test/platforms/stand-in.ts'
import { createKuaishou } from './kuaishou.ts'

const APP = { app_id: 'ks0123456789', app_secret: 'kuaishou-secret-0123456789' }
const START = '/openapi/photo/start_upload'
const UPLOAD = '/api/upload'
const PUBLISH = '/openapi/photo/publish'

/** Speaks shared/protocols.md, 4.4: a refresh token that is good for one use, uploads at an endpoint of their own. */
async function kuaishouBench(): Promise<PlatformBench> {
  let token = 1
  const pieces: Buffer[] = []
  const granted = (): object => ({
    result: 1,
    access_token: `access-token-${token}`,
    refresh_token: `refresh-token-${token}`,
    open_id: 'open-id-abcdef',
    expires_in: 172_800,
  })
  const standIn = await startStandIn(({ path, query, body, parts }, { made, url }) => {
    if (path === '/oauth2/access_token') {
      const isRight = query.get('app_secret') === APP.app_secret && query.get('code') === 'code-1'
      return isRight ? granted() : { result: 100_200_100, error_msg: `bad ${query.get('app_secret')}` }
    }
    if (path === '/oauth2/refresh_token') {
      if (query.get('refresh_token') !== `refresh-token-${token}`)
        return { result: 100_200_101, error_msg: 'used' }
      token += 1
      return granted()
    }
    if (path.startsWith(UPLOAD)) {
      if (query.get('upload_token') !== 'upload-1') return { result: 0 }
      if (path === `${UPLOAD}/complete`)
        return { result: query.get('fragment_count') === String(pieces.length) ? 1 : 0 }
      if (path === UPLOAD) pieces.length = 0
      if (path === `${UPLOAD}/fragment` && query.get('fragment_id') === '0') pieces.length = 0
      pieces.push(body)
      return { result: 1 }
    }
    if (query.get('app_id') !== APP.app_id || query.get('access_token') !== `access-token-${token}`)
      return { result: 100_200_102, error_msg: 'access_token invalid' }
    if (path === '/openapi/user_info') return { result: 1, user_info: { name: '小王' } }
    if (path === START) return { result: 1, upload_token: 'upload-1', endpoint: new URL(url).host }
    if (path === PUBLISH && query.get('upload_token') === 'upload-1') {
      const cover = parts.get('cover')
      if (cover?.bytes.subarray(0, 2).toString('hex') !== 'ffd8')
        return { result: 10_000_200, error_msg: 'no cover' }
      made.push(`${parts.get('caption')?.bytes} (${Buffer.concat(pieces).length} bytes)`)
      return { result: 1, video_info: { photo_id: '3xabc', pending: true, play_url: '' } }
    }
    return { result: 10_000_200, error_msg: 'bad parameters' }
  })
  return {
    standIn,
    create: createKuaishou,
    given: { ...APP, code: 'code-1' },
    wrong: { ...APP, app_secret: 'another-secret-0123456789', code: 'code-1' },
    content: {
      shape: 'video',
      title: '海边的日落 #日落',
      body: '',
      tags: ['日落', '海'],
      pictures: [],
      clip: clipOf(new Uint8Array(2_000).fill(13)),
      cover: null,
    },
    ends: 'in_review',
    acting: [PUBLISH],
    preparing: START,
    stale: { result: 100_200_102, error_msg: 'access_token invalid' },
    refusals: [
      [START, { result: 10_000_200, error_msg: 'bad parameters' }, 'refused', 'content_unfit'],
      [UPLOAD, { result: 0 }, 'unavailable', null],
      [PUBLISH, { result: 10_000_200, error_msg: 'bad parameters' }, 'refused', 'content_unfit'],
      [PUBLISH, { result: 1 }, 'ambiguous', null],
      [PUBLISH, {}, 'ambiguous', null],
    ],
  }
}

testPlatform('kuaishou', kuaishouBench)

test('a large clip goes up in pieces of ten megabytes; topics stand once', async () => {
  const bench = await kuaishouBench()
  const { api } = createKuaishou(quickOutbound(), bench.standIn.url)
  assert.ok(api)
  const signal = new AbortController().signal
  const account = { ...(await api.bind(bench.given, signal)), renew: async () => assert.fail('no need') }
  const content = { ...bench.content, clip: clipOf(new Uint8Array(22 * 1_048_576)) }
  const step = await api.advance(account, content, null, signal)
  assert.ok(step.state === 'working')
  await api.advance(account, content, step.operation, signal)
  assert.deepEqual(
    bench.standIn.to(`${UPLOAD}/fragment`).map(({ query, body }) => [query.get('fragment_id'), body.length]),
    [
      ['0', 10_485_760],
      ['1', 10_485_760],
      ['2', 2_097_152],
    ],
  )
  assert.deepEqual(bench.standIn.made, [`海边的日落 #日落 #海 (${22 * 1_048_576} bytes)`])
  await bench.standIn.close()
})
