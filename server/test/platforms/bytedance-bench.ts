import type { Outbound } from '../../src/kernel/ports/outbound.ts'
import type { Platform } from '../../src/kernel/ports/platform.ts'
import type { PlatformBench } from './platform-suite.ts'
import { clipOf } from './platform-suite.ts'
import type { StandInRequest } from './stand-in.ts'
import { startStandIn } from './stand-in.ts'

type Paths = { upload: string; create: string; tokenIn: 'header' | 'query' }

const KEY = { client_key: 'ck-0123456789', client_secret: 'client-secret-0123456789' }
const OPEN_ID = 'open-id-abcdef'
const fine = { error_code: 0, description: '' }
const fail = (code: number, description: string): object => ({
  data: { error_code: code, description },
  extra: { error_code: code, sub_error_code: 0, description, logid: 'log-1' },
})

/**
 * Speaks shared/protocols.md, 4.3 and 4.5: a code or a refresh token for an access token that counts up, clips by
 * upload and create.
 */
export async function bytedanceBench(
  create: (outbound: Outbound, url: string) => Platform,
  paths: Paths,
): Promise<PlatformBench> {
  let token = 1
  const granted = (): object => ({
    data: {
      ...fine,
      access_token: `access-token-${token}`,
      refresh_token: 'refresh-token-0123456789',
      open_id: OPEN_ID,
      expires_in: 1_296_000,
    },
    message: 'success',
  })
  const isAllowed = ({ query, headers }: StandInRequest): boolean => {
    const given = paths.tokenIn === 'header' ? headers['access-token'] : query.get('access_token')
    return query.get('open_id') === OPEN_ID && given === `access-token-${token}`
  }
  const standIn = await startStandIn((request, { made }) => {
    const { path, fields } = request
    if (path === '/oauth/access_token/') {
      const isRight = fields.client_secret === KEY.client_secret && fields.code === 'code-1'
      return isRight ? granted() : fail(10_014, `client secret ${String(fields.client_secret)}`)
    }
    if (path === '/oauth/refresh_token/') {
      if (fields.client_key !== KEY.client_key || fields.refresh_token !== 'refresh-token-0123456789')
        return fail(10_010, 'refresh token expired')
      token += 1
      return granted()
    }
    if (path === '/oauth/userinfo/') return { data: { ...fine, nickname: '小王的频道', open_id: OPEN_ID } }
    if (!isAllowed(request)) return fail(28_001_003, 'access_token invalid')
    if (path === paths.upload) {
      const video = request.parts.get('video')
      return video?.filename && video.bytes.length > 0
        ? { data: { ...fine, video: { video_id: 'v-1' } }, extra: fine }
        : fail(2_100_005, 'no video')
    }
    if (path === paths.create && fields.video_id === 'v-1') {
      made.push(String(fields.text))
      return { data: { ...fine, item_id: '7300000000000000001' }, extra: fine }
    }
    return fail(2_100_005, 'bad parameters')
  })
  return {
    standIn,
    create,
    given: { ...KEY, code: 'code-1' },
    wrong: { ...KEY, client_secret: 'another-secret-0123456789', code: 'code-1' },
    content: {
      shape: 'video',
      title: '海边的日落',
      body: '海边的日落',
      tags: ['日落'],
      pictures: [],
      clip: clipOf(new Uint8Array(2_000).fill(13)),
      cover: null,
    },
    ends: 'in_review',
    acting: [paths.create],
    preparing: paths.upload,
    stale: fail(28_001_003, 'access_token invalid'),
    refusals: [
      [paths.upload, fail(2_100_005, 'bad parameters'), 'refused', 'content_unfit'],
      [paths.upload, fail(2_100_004, 'busy'), 'unavailable', null],
      [paths.upload, fail(28_001_018, 'capability not granted'), 'refused', 'no_permission'],
      [paths.create, fail(28_001_018, 'capability not granted'), 'refused', 'no_permission'],
      [paths.create, fail(2_100_004, 'busy'), 'unavailable', null],
      [paths.create, { data: {} }, 'ambiguous', null],
    ],
  }
}
