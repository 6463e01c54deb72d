import type { Outbound } from '../../kernel/ports/outbound.ts'
import type {
  BoundAccount,
  Platform,
  PlatformAccount,
  PlatformSecrets,
  PublishContent,
  PublishStep,
} from '../../kernel/ports/platform.ts'
import { PlatformError } from '../../kernel/ports/platform.ts'
import type { JsonObject, PlatformCall } from '../shared/call.ts'
import { asObject, asText, callPlatform, captionOf, multipart, UPLOADING, wordsOf } from '../shared/call.ts'
import { drawCover, toJpeg } from '../shared/pictures.ts'
import { StaleToken, withToken, wrong } from '../shared/stale-token.ts'

const MEGABYTE = 1_048_576
const MOST_BYTES = 256 * MEGABYTE
/** Larger clips go up in pieces of at most this. */
const FRAGMENT = 10 * MEGABYTE
const COVER_SIDE = 1_280
const COVER_BYTES = 5 * MEGABYTE
const LONGEST_CAPTION = 500

const STALE = new Set(['100200102', '100200105'])
const REFUSALS: Readonly<Record<string, PlatformError['reason']>> = {
  '10000200': 'content_unfit',
  '100200103': 'no_permission',
  '100200106': 'no_permission',
}

/** 快手 (shared/protocols.md, 4.4): clips by `user_video_publish`; it knows no posts of texts and pictures. */
export function createKuaishou(outbound: Outbound, url = 'https://open.kuaishou.com'): Platform {
  const way = { outbound, url }
  return {
    name: 'kuaishou',
    handoff: {
      name: '快手',
      authorUrl: 'https://cp.kuaishou.com/',
      hosts: ['kuaishou.com', 'chenzhongtech.com', 'gifshow.com'],
      longestTitle: null,
      longestBody: 500,
      mostPictures: 31,
    },
    api: {
      shapes: ['video'],
      credentials: ['app_id', 'app_secret', 'code?', 'open_id?', 'refresh_token?'],
      bind: (given, signal) => bind(way, given, signal),
      advance: (account, content, operation, signal) =>
        operation === null
          ? upload(way, account, content, signal)
          : publish(way, account, content, asText(asObject(operation).upload_token), signal),
    },
  }
}

type Way = { outbound: Outbound; url: string }

async function bind(way: Way, given: PlatformSecrets, signal: AbortSignal): Promise<BoundAccount> {
  const { app_id = '', app_secret = '', code, refresh_token = '', open_id } = given
  const granted = code
    ? await grant(way, 'access_token', { app_id, app_secret, code, grant_type: 'authorization_code' }, signal)
    : await grant(
        way,
        'refresh_token',
        { app_id, app_secret, refresh_token, grant_type: 'refresh_token' },
        signal,
      )
  const openId = asText(granted.open_id) || open_id || ''
  if (openId === '') throw wrong('no open_id was given or answered')
  const secrets = tokensIn(granted, { app_id, app_secret, open_id: openId, refresh_token })
  return { remoteAccount: openId, name: await nameOf(way, secrets, signal), secrets }
}

async function grant(
  { outbound, url }: Way,
  path: 'access_token' | 'refresh_token',
  query: Record<string, string>,
  signal: AbortSignal,
): Promise<JsonObject> {
  const json = await callPlatform(outbound, `${url}/oauth2/${path}?${new URLSearchParams(query)}`, {
    method: 'GET',
    signal,
  })
  if (asText(json.result) !== '1' || asText(json.access_token) === '')
    throw wrong(`${asText(json.result)} ${wordsOf(json.error_msg, Object.values(query))}`)
  return json
}

const tokensIn = (granted: JsonObject, before: PlatformSecrets): PlatformSecrets => ({
  ...before,
  access_token: asText(granted.access_token),
  refresh_token: asText(granted.refresh_token) || (before.refresh_token ?? ''),
})

/** A name to show is nice to have; without it the account is told by the end of its number. */
async function nameOf(
  { outbound, url }: Way,
  { app_id = '', access_token = '', open_id = '' }: PlatformSecrets,
  signal: AbortSignal,
): Promise<string> {
  const short = `…${open_id.slice(-6)}`
  try {
    const query = new URLSearchParams({ app_id, access_token })
    const json = await callPlatform(outbound, `${url}/openapi/user_info?${query}`, { method: 'GET', signal })
    return asText(asObject(json.user_info).name) || short
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error
    return short
  }
}

async function upload(
  way: Way,
  account: PlatformAccount,
  content: PublishContent,
  signal: AbortSignal,
): Promise<PublishStep> {
  const { clip } = content
  if (!clip || clip.bytes > MOST_BYTES)
    throw new PlatformError('refused', `no clip of at most ${MOST_BYTES} bytes`, { reason: 'content_unfit' })
  const started = await withToken(account, renewBy(way, signal), (secrets) =>
    call(way, '/openapi/photo/start_upload', secrets, {}, { signal }),
  )
  const token = asText(started.upload_token)
  const endpoint = asText(started.endpoint)
  if (token === '' || endpoint === '') throw new PlatformError('ambiguous', 'an upload without a place to go')
  await send(way, endpoint, token, await clip.read(), signal)
  return { state: 'working', phase: 'acting', operation: { upload_token: token }, afterMs: 0 }
}

/** Sends the clip where the platform says, whole or in pieces. */
async function send(
  way: Way,
  endpoint: string,
  token: string,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const base = /^https?:\/\//.test(endpoint) ? endpoint : `http://${endpoint}`
  // What the platform names is no address that an operator vouches for.
  const isOwnAddress = URL.parse(base)?.hostname === URL.parse(way.url)?.hostname
  const post = async (path: string, query: Record<string, string>, body: Uint8Array): Promise<void> => {
    const json = await callPlatform(
      way.outbound,
      `${base}/api/upload${path}?${new URLSearchParams({ upload_token: token, ...query })}`,
      { headers: { 'content-type': 'video/mp4' }, body, signal, isOwnAddress, ...UPLOADING },
    )
    if (asText(json.result) !== '1')
      throw new PlatformError('unavailable', `the upload answered ${asText(json.result)}`)
  }
  if (bytes.byteLength < FRAGMENT) return post('', {}, bytes)
  const count = Math.ceil(bytes.byteLength / FRAGMENT)
  for (let index = 0; index < count; index += 1) {
    const piece = bytes.subarray(index * FRAGMENT, (index + 1) * FRAGMENT)
    await post('/fragment', { fragment_id: String(index) }, piece)
  }
  await post('/complete', { fragment_count: String(count) }, new Uint8Array())
}

async function publish(
  way: Way,
  account: PlatformAccount,
  content: PublishContent,
  uploadToken: string,
  signal: AbortSignal,
): Promise<PublishStep> {
  const cover = content.cover
    ? await toJpeg(await content.cover.read(), COVER_SIDE, COVER_BYTES)
    : await drawCover(content.title)
  const form = multipart([
    { name: 'caption', value: captionOf(content.title, content.tags, LONGEST_CAPTION) },
    { name: 'cover', filename: 'cover.jpg', mediaType: 'image/jpeg', bytes: cover },
  ])
  const json = await withToken(account, renewBy(way, signal), (secrets) =>
    call(way, '/openapi/photo/publish', secrets, { upload_token: uploadToken }, { ...form, signal }),
  )
  const video = asObject(json.video_info)
  const photoId = asText(video.photo_id)
  if (photoId === '') throw new PlatformError('ambiguous', 'a post without a photo_id')
  const url = asText(video.play_url)
  return {
    state: video.pending === false ? 'published' : 'in_review',
    remoteId: photoId,
    url: url.startsWith('https://') ? url : null,
  }
}

async function call(
  { outbound, url }: Way,
  path: string,
  { app_id = '', access_token = '', ...secrets }: PlatformSecrets,
  query: Record<string, string>,
  request: PlatformCall,
): Promise<JsonObject> {
  const all = new URLSearchParams({ access_token, app_id, ...query })
  const json = await callPlatform(outbound, `${url}${path}?${all}`, request)
  const code = asText(json.result)
  if (code === '1') return json
  if (code === '') throw new PlatformError('ambiguous', 'an answer without a result')
  const told = `${code} ${wordsOf(json.error_msg, [access_token, ...Object.values(secrets)])}`
  if (STALE.has(code)) throw new StaleToken(told)
  throw new PlatformError('refused', told, { reason: REFUSALS[code] ?? 'unavailable' })
}

/** New tokens for those that have run out. */
const renewBy =
  (way: Way, signal: AbortSignal) =>
  async (current: PlatformSecrets): Promise<PlatformSecrets> => {
    const { app_id = '', app_secret = '', refresh_token = '' } = current
    const query = { app_id, app_secret, refresh_token, grant_type: 'refresh_token' }
    return tokensIn(await grant(way, 'refresh_token', query, signal), current)
  }
