import type { Outbound } from '../../kernel/ports/outbound.ts'
import type {
  Platform,
  PlatformAccount,
  PlatformSecrets,
  PublishContent,
  PublishStep,
} from '../../kernel/ports/platform.ts'
import { PlatformError } from '../../kernel/ports/platform.ts'
import type { Json } from '../../kernel/ports/provider.ts'
import type { JsonObject, PlatformCall } from '../shared/call.ts'
import { asObject, asText, callPlatform, cut, multipart, UPLOADING, wordsOf } from '../shared/call.ts'
import { drawCover, toJpeg } from '../shared/pictures.ts'
import { renderArticle } from './article.ts'
import { errorFor, StaleToken, WechatRefusal } from './errors.ts'
import type { Tokens } from './token.ts'
import { createTokens } from './token.ts'

const LONGEST_TITLE = 32
const LONGEST_CONTENT = 20_000
const MOST_PICTURES = 20
const PICTURE_SIDE = 1_440
/** Less than 1 MB each. */
const PICTURE_BYTES = 1_000_000
const COVER_SIDE = 1_800
const COVER_BYTES = 5_000_000
const SOON_MS = 5_000
const SOON_POLLS = 12
const LATER_MS = 60_000
/** With the first minute, about an hour. */
const MOST_POLLS = 72

/** Where a publication stands: the pictures are up, the draft is made, the publication was asked for. */
type Stage =
  | { stage: 'draft'; cover: string; pictures: [name: string, address: string][] }
  | { stage: 'submit'; draft: string }
  | { stage: 'poll'; draft: string; publishId: string; polls: number }

type Way = { outbound: Outbound; url: string; tokens: Tokens }

/**
 * 微信公众号 (shared/protocols.md, 4.1): pictures and cover, then a draft, then its publication, then asking until it
 * is out. An account without the right to publish ends with the draft, which is all that it can have.
 */
export function createWechat(outbound: Outbound, url = 'https://api.weixin.qq.com'): Platform {
  const way = { outbound, url, tokens: createTokens(outbound, url) }
  return {
    name: 'wechat',
    handoff: {
      name: '微信公众号',
      authorUrl: 'https://mp.weixin.qq.com/',
      hosts: ['mp.weixin.qq.com', 'weixin.qq.com'],
      longestTitle: LONGEST_TITLE,
      longestBody: LONGEST_CONTENT,
      mostPictures: MOST_PICTURES,
    },
    api: {
      shapes: ['article', 'pictures'],
      credentials: ['app_id', 'app_secret', 'name?'],
      bind: async (given, signal) => {
        const { app_id = '', name = app_id } = given
        await way.tokens.get(given, signal)
        return { remoteAccount: app_id, name, secrets: given }
      },
      advance: (account, content, operation, signal) => {
        if (operation === null) return prepare(way, account, content, signal)
        const stage = asStage(operation)
        if (stage.stage === 'draft') return draft(way, account, content, stage, signal)
        if (stage.stage === 'submit') return submit(way, account, stage, signal)
        return poll(way, account, stage, signal)
      },
    },
  }
}

const asStage = (operation: Json): Stage => operation as unknown as Stage

const working = (phase: 'acting' | 'asking', stage: Stage, afterMs = 0): PublishStep => ({
  ...{ state: 'working', phase, afterMs },
  operation: stage as unknown as Json,
})

async function prepare(
  way: Way,
  account: PlatformAccount,
  content: PublishContent,
  signal: AbortSignal,
): Promise<PublishStep> {
  const pictures: [string, string][] = []
  for (const picture of content.pictures.slice(0, MOST_PICTURES)) {
    const jpeg = await toJpeg(await picture.read(), PICTURE_SIDE, PICTURE_BYTES)
    const json = await call(
      way,
      account,
      '/cgi-bin/media/uploadimg',
      {},
      { ...asMedia(jpeg), ...UPLOADING, signal },
    )
    pictures.push([picture.name, required(json, 'url')])
  }
  // Found here, before anything is made.
  articleOf(content, pictures)
  const cover = content.cover
    ? await toJpeg(await content.cover.read(), COVER_SIDE, COVER_BYTES)
    : await drawCover(cut(content.title, LONGEST_TITLE))
  const query = { type: 'image' }
  const json = await call(way, account, '/cgi-bin/material/add_material', query, {
    ...asMedia(cover),
    ...UPLOADING,
    signal,
  })
  return working('acting', { stage: 'draft', cover: required(json, 'media_id'), pictures })
}

const asMedia = (bytes: Uint8Array): { headers: Record<string, string>; body: Uint8Array } =>
  multipart([{ name: 'media', filename: 'picture.jpg', mediaType: 'image/jpeg', bytes }])

function articleOf(content: PublishContent, pictures: readonly (readonly [string, string])[]): string {
  const html = renderArticle(content.body, new Map(pictures))
  if (html.length >= LONGEST_CONTENT)
    throw new PlatformError('refused', `${html.length} characters`, { reason: 'content_unfit' })
  return html
}

async function draft(
  way: Way,
  account: PlatformAccount,
  content: PublishContent,
  stage: Stage & { stage: 'draft' },
  signal: AbortSignal,
): Promise<PublishStep> {
  const article = {
    article_type: 'news',
    title: cut(content.title || '无标题', LONGEST_TITLE),
    content: articleOf(content, stage.pictures),
    thumb_media_id: stage.cover,
    need_open_comment: 0,
    only_fans_can_comment: 0,
  }
  const json = await post(way, account, '/cgi-bin/draft/add', { articles: [article] }, signal)
  return working('acting', { stage: 'submit', draft: required(json, 'media_id') })
}

async function submit(
  way: Way,
  account: PlatformAccount,
  { draft: mediaId }: Stage & { stage: 'submit' },
  signal: AbortSignal,
): Promise<PublishStep> {
  try {
    const json = await post(way, account, '/cgi-bin/freepublish/submit', { media_id: mediaId }, signal)
    const publishId = required(json, 'publish_id')
    return working('asking', { stage: 'poll', draft: mediaId, publishId, polls: 0 }, SOON_MS)
  } catch (error) {
    // The draft is there: whoever may not publish by interface, or must finish by hand, does so in the console.
    const isByHand = error instanceof WechatRefusal && BY_HAND.has(error.reason)
    if (!isByHand) throw error
    return { state: 'drafted', remoteId: mediaId, url: null, reason: error.reason }
  }
}

const BY_HAND: ReadonlySet<string> = new Set(['no_permission', 'by_hand_only'])

async function poll(
  way: Way,
  account: PlatformAccount,
  stage: Stage & { stage: 'poll' },
  signal: AbortSignal,
): Promise<PublishStep> {
  const json = await post(way, account, '/cgi-bin/freepublish/get', { publish_id: stage.publishId }, signal)
  switch (asText(json.publish_status)) {
    case '0': {
      const items = asObject(json.article_detail).item
      const url = asText(asObject(Array.isArray(items) ? items[0] : undefined).article_url)
      // They are told with http, and open with https.
      const address = url.replace(/^http:/, 'https:')
      return {
        state: 'published',
        remoteId: asText(json.article_id) || stage.publishId,
        url: address || null,
      }
    }
    case '1': {
      const polls = stage.polls + 1
      if (polls >= MOST_POLLS) return { state: 'in_review', remoteId: stage.publishId, url: null }
      return working('asking', { ...stage, polls }, polls < SOON_POLLS ? SOON_MS : LATER_MS)
    }
    case '3':
      throw new PlatformError('refused', 'publish_status 3', { reason: 'unavailable' })
    case '2':
    case '4':
    case '5':
    case '6':
      throw new PlatformError('refused', `publish_status ${asText(json.publish_status)}`, {
        reason: 'content_refused',
      })
    default:
      throw new PlatformError('unavailable', 'an answer without a publish_status')
  }
}

/** `JSON.stringify` writes UTF-8, which WeChat shows as it is; escapes it would show as escapes. */
const post = (
  way: Way,
  account: PlatformAccount,
  path: string,
  body: object,
  signal: AbortSignal,
): Promise<JsonObject> =>
  call(
    way,
    account,
    path,
    {},
    {
      headers: { 'content-type': 'application/json; charset=utf-8' },
      body: JSON.stringify(body),
      signal,
    },
  )

/** One call, and once more with a new token when the first was refused for its token. */
async function call(
  way: Way,
  { secrets }: PlatformAccount,
  path: string,
  query: Record<string, string>,
  request: PlatformCall,
): Promise<JsonObject> {
  const first = await way.tokens.get(secrets, request.signal)
  try {
    return await callWith(way, secrets, first, path, query, request)
  } catch (error) {
    if (!(error instanceof StaleToken)) throw error
  }
  const second = await way.tokens.get(secrets, request.signal, first)
  return callWith(way, secrets, second, path, query, request).catch((error: unknown): never => {
    throw error instanceof StaleToken
      ? new PlatformError('refused', error.message, { reason: 'credentials_wrong' })
      : error
  })
}

async function callWith(
  { outbound, url }: Way,
  { app_secret = '' }: PlatformSecrets,
  token: string,
  path: string,
  query: Record<string, string>,
  request: PlatformCall,
): Promise<JsonObject> {
  const all = new URLSearchParams({ access_token: token, ...query })
  const json = await callPlatform(outbound, `${url}${path}?${all}`, request)
  const errcode = Number(json.errcode ?? 0)
  if (!Number.isInteger(errcode)) throw new PlatformError('ambiguous', 'an answer with a strange errcode')
  if (errcode !== 0) throw errorFor(errcode, wordsOf(json.errmsg, [token, app_secret]))
  return json
}

function required(json: JsonObject, name: string): string {
  const text = asText(json[name])
  if (text === '') throw new PlatformError('ambiguous', `an answer without ${name}`)
  return text
}
