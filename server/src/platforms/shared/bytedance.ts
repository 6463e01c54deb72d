import type { Outbound } from '../../kernel/ports/outbound.ts'
import type {
  BoundAccount,
  HandoffGuide,
  Platform,
  PlatformAccount,
  PlatformSecrets,
  PublishContent,
  PublishStep,
} from '../../kernel/ports/platform.ts'
import { PlatformError } from '../../kernel/ports/platform.ts'
import type { Json } from '../../kernel/ports/provider.ts'
import type { JsonObject, PlatformCall } from './call.ts'
import { asObject, asText, callPlatform, captionOf, multipart, UPLOADING, wordsOf } from './call.ts'
import { StaleToken, withToken, wrong } from './stale-token.ts'

/** What differs between the platforms of one open platform (shared/protocols.md, 4.3 and 4.5). */
export type BytedanceSite = {
  name: string
  handoff: HandoffGuide
  apiUrl: string
  oauthUrl: string
  uploadPath: string
  createPath: string
  /** Where the access token goes. */
  tokenIn: 'header' | 'query'
  mostBytes: number
  longestCaption: number
}

const STALE = new Set(['28001003', '28001008', '2190002', '2190008', '10008'])
const REFUSALS: Readonly<Record<string, PlatformError['reason']>> = {
  '2100005': 'content_unfit',
  '28001018': 'no_permission',
  '28001014': 'no_permission',
  '2190004': 'no_permission',
  '28001005': 'quota_spent',
}
const BUSY = '2100004'

/** A platform that takes clips by upload and create, and reviews them before anybody sees them. */
export function createBytedance(outbound: Outbound, site: BytedanceSite): Platform {
  return {
    name: site.name,
    handoff: site.handoff,
    api: {
      shapes: ['video'],
      credentials: ['client_key', 'client_secret', 'code?', 'open_id?', 'refresh_token?'],
      bind: (given, signal) => bind(outbound, site, given, signal),
      advance: (account, content, operation, signal) =>
        operation === null
          ? upload(outbound, site, account, content, signal)
          : create(outbound, site, account, content, asText(asObject(operation).video_id), signal),
    },
  }
}

async function bind(
  outbound: Outbound,
  site: BytedanceSite,
  given: PlatformSecrets,
  signal: AbortSignal,
): Promise<BoundAccount> {
  const { client_key = '', client_secret = '', code, refresh_token, open_id } = given
  const granted = code
    ? await grant(
        outbound,
        site,
        'access_token',
        { client_key, client_secret, code, grant_type: 'authorization_code' },
        signal,
      )
    : await grant(
        outbound,
        site,
        'refresh_token',
        { client_key, refresh_token: refresh_token ?? '', grant_type: 'refresh_token' },
        signal,
      )
  const openId = asText(granted.open_id) || open_id || ''
  if (openId === '') throw wrong('no open_id was given or answered')
  const secrets = tokensIn(granted, {
    client_key,
    client_secret,
    open_id: openId,
    refresh_token: refresh_token ?? '',
  })
  return { remoteAccount: openId, name: await nameOf(outbound, site, secrets, signal), secrets }
}

/** Trades a code or a refresh token for an access token. */
async function grant(
  outbound: Outbound,
  site: BytedanceSite,
  path: 'access_token' | 'refresh_token',
  form: Record<string, string>,
  signal: AbortSignal,
): Promise<JsonObject> {
  const json = await callPlatform(outbound, `${site.oauthUrl}/oauth/${path}/`, {
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(form).toString(),
    signal,
  })
  const data = asObject(json.data)
  const { code, words } = errorOf(json, Object.values(form))
  if (code === BUSY) throw new PlatformError('unavailable', words)
  if (code !== '0' || asText(data.access_token) === '') throw wrong(`${code} ${words}`)
  return data
}

const tokensIn = (granted: JsonObject, before: PlatformSecrets): PlatformSecrets => ({
  ...before,
  access_token: asText(granted.access_token),
  refresh_token: asText(granted.refresh_token) || (before.refresh_token ?? ''),
})

/** A name to show is nice to have; without it the account is told by the end of its number. */
async function nameOf(
  outbound: Outbound,
  site: BytedanceSite,
  { access_token = '', open_id = '' }: PlatformSecrets,
  signal: AbortSignal,
): Promise<string> {
  const short = `…${open_id.slice(-6)}`
  try {
    const json = await callPlatform(outbound, `${site.oauthUrl}/oauth/userinfo/`, {
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ access_token, open_id }).toString(),
      signal,
    })
    return asText(asObject(json.data).nickname) || short
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error
    return short
  }
}

async function upload(
  outbound: Outbound,
  site: BytedanceSite,
  account: PlatformAccount,
  content: PublishContent,
  signal: AbortSignal,
): Promise<PublishStep> {
  const { clip } = content
  if (!clip || clip.bytes > site.mostBytes)
    throw new PlatformError('refused', `no clip of at most ${site.mostBytes} bytes`, {
      reason: 'content_unfit',
    })
  const file = { name: 'video', filename: 'video.mp4', mediaType: clip.mediaType, bytes: await clip.read() }
  const data = await withToken(account, renewBy(outbound, site, signal), (secrets) =>
    call(outbound, site, site.uploadPath, secrets, { ...multipart([file]), ...UPLOADING, signal }),
  )
  const videoId = asText(asObject(data.video).video_id) || asText(data.video_id)
  if (videoId === '') throw new PlatformError('ambiguous', 'an upload without a video_id')
  return { state: 'working', phase: 'acting', operation: { video_id: videoId }, afterMs: 0 }
}

async function create(
  outbound: Outbound,
  site: BytedanceSite,
  account: PlatformAccount,
  content: PublishContent,
  videoId: string,
  signal: AbortSignal,
): Promise<PublishStep> {
  const text = captionOf(content.title, content.tags, site.longestCaption)
  const body = JSON.stringify({ video_id: videoId, text })
  const data = await withToken(account, renewBy(outbound, site, signal), (secrets) =>
    call(outbound, site, site.createPath, secrets, {
      headers: { 'content-type': 'application/json' },
      body,
      signal,
    }),
  )
  const itemId = asText(data.item_id)
  if (itemId === '') throw new PlatformError('ambiguous', 'a post without an item_id')
  return { state: 'in_review', remoteId: itemId, url: null }
}

async function call(
  outbound: Outbound,
  site: BytedanceSite,
  path: string,
  secrets: PlatformSecrets,
  request: PlatformCall,
): Promise<JsonObject> {
  const { access_token = '', open_id = '' } = secrets
  const query = new URLSearchParams({ open_id, ...(site.tokenIn === 'query' && { access_token }) })
  const json = await callPlatform(outbound, `${site.apiUrl}${path}?${query}`, {
    ...request,
    headers: { ...request.headers, ...(site.tokenIn === 'header' && { 'access-token': access_token }) },
  })
  const { code, words } = errorOf(json, Object.values(secrets))
  if (code === '0') return asObject(json.data)
  if (code === '') throw new PlatformError('ambiguous', 'an answer without an error code')
  if (STALE.has(code)) throw new StaleToken(`${code} ${words}`)
  if (code === BUSY) throw new PlatformError('unavailable', `${code} ${words}`)
  throw new PlatformError('refused', `${code} ${words}`, { reason: REFUSALS[code] ?? 'unavailable' })
}

/** New tokens for those that have run out. */
const renewBy =
  (outbound: Outbound, site: BytedanceSite, signal: AbortSignal) =>
  async (current: PlatformSecrets): Promise<PlatformSecrets> => {
    const { client_key = '', refresh_token = '' } = current
    const form = { client_key, refresh_token, grant_type: 'refresh_token' }
    return tokensIn(await grant(outbound, site, 'refresh_token', form, signal), current)
  }

/** `data.error_code`, and more precisely `extra.error_code`; success has a zero. */
function errorOf(json: JsonObject, secrets: readonly string[]): { code: string; words: string } {
  const [data, extra] = [asObject(json.data), asObject(json.extra)]
  const codes: Json[] = [extra.error_code ?? null, data.error_code ?? null, extra.sub_error_code ?? null]
  const texts = codes.map((one) => asText(one)).filter((one) => one !== '')
  const code = texts.find((one) => one !== '0') ?? texts[0] ?? ''
  return { code, words: wordsOf(data.description ?? extra.description ?? json.message, secrets) }
}
