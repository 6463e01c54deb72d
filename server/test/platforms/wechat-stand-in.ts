import type { PlatformStandIn, StandInRequest } from './stand-in.ts'
import { startStandIn } from './stand-in.ts'

/** The one account it knows. */
export const APP = { app_id: 'wx0123456789abcdef', app_secret: 'wechat-secret-0123456789' }
export const UPLOAD = '/cgi-bin/media/uploadimg'
export const MATERIAL = '/cgi-bin/material/add_material'
export const DRAFT = '/cgi-bin/draft/add'
export const SUBMIT = '/cgi-bin/freepublish/submit'
export const GET = '/cgi-bin/freepublish/get'
export const TOKEN = '/cgi-bin/stable_token'

/** Speaks shared/protocols.md, 4.1: one stable token until it is forced, JPEG or PNG below 1 MB, drafts by number. */
export function startWechat(): Promise<PlatformStandIn> {
  let token = 1
  const drafts = new Set<string>()
  const routes: Record<string, (request: StandInRequest, standIn: PlatformStandIn) => object> = {
    [UPLOAD]: ({ parts }) => {
      const media = parts.get('media')
      if (!media?.filename || media.bytes.subarray(0, 2).toString('hex') !== 'ffd8')
        return { errcode: 40_005, errmsg: 'invalid file type' }
      if (media.bytes.length >= 1_048_576) return { errcode: 40_009, errmsg: 'invalid image size' }
      return { url: `http://mmbiz.qpic.cn/${media.bytes.length}` }
    },
    [MATERIAL]: ({ parts, query }) =>
      query.get('type') === 'image' && parts.has('media')
        ? { media_id: 'cover-1', url: 'http://mmbiz.qpic.cn/cover' }
        : { errcode: 40_004, errmsg: 'invalid media type' },
    [DRAFT]: ({ fields }, { made }) => {
      const [article] = fields.articles as Record<string, unknown>[]
      if (article?.thumb_media_id !== 'cover-1') return { errcode: 40_007, errmsg: 'invalid media_id' }
      const id = `draft-${made.length + 1}`
      made.push(id)
      drafts.add(id)
      return { media_id: id }
    },
    [SUBMIT]: ({ fields }, { made }) => {
      if (!drafts.delete(String(fields.media_id))) return { errcode: 40_007, errmsg: 'invalid media_id' }
      made.push('publish-1')
      return { errcode: 0, errmsg: 'ok', publish_id: '100000001', msg_data_id: 1 }
    },
    [GET]: () => ({
      publish_id: '100000001',
      publish_status: 0,
      article_id: 'article-1',
      article_detail: { count: 1, item: [{ idx: 1, article_url: 'http://mp.weixin.qq.com/s/abc' }] },
    }),
  }
  return startStandIn((request, standIn) => {
    if (request.path === TOKEN) {
      const { appid, secret, force_refresh } = request.fields
      if (appid !== APP.app_id) return { errcode: 40_013, errmsg: 'invalid appid' }
      if (secret !== APP.app_secret) return { errcode: 40_125, errmsg: `invalid appsecret ${secret}` }
      if (force_refresh) token += 1
      return { access_token: `access-token-${token}`, expires_in: 7_200 }
    }
    if (request.query.get('access_token') !== `access-token-${token}`)
      return { errcode: 40_001, errmsg: 'invalid credential, access_token is invalid or not latest' }
    return routes[request.path]?.(request, standIn) ?? { errcode: 40_066, errmsg: 'invalid url' }
  })
}
