import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import sharp from 'sharp'
import { pictureOf, quickOutbound, refusalOf, testPlatform } from '../../../test/platforms/platform-suite.ts'
import type { PlatformStandIn, StandInRequest } from '../../../test/platforms/stand-in.ts'
import { startStandIn } from '../../../test/platforms/stand-in.ts'
import type {
  PlatformAccount,
  PlatformApi,
  PublishContent,
  PublishStep,
} from '../../kernel/ports/platform.ts'
import type { Json } from '../../kernel/ports/provider.ts'
import { createWechat } from './wechat.ts'

const APP = { app_id: 'wx0123456789abcdef', app_secret: 'wechat-secret-0123456789' }
const UPLOAD = '/cgi-bin/media/uploadimg'
const MATERIAL = '/cgi-bin/material/add_material'
const DRAFT = '/cgi-bin/draft/add'
const SUBMIT = '/cgi-bin/freepublish/submit'
const GET = '/cgi-bin/freepublish/get'
const TOKEN = '/cgi-bin/stable_token'

/** Speaks shared/protocols.md, 4.1: one stable token until it is forced, JPEG or PNG below 1 MB, drafts by number. */
function startWechat(): Promise<PlatformStandIn> {
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

async function article(changes: Partial<PublishContent> = {}): Promise<PublishContent> {
  const picture = await pictureOf('abc123.png')
  return {
    shape: 'article',
    title: '效率',
    body: '# 开头\n\n正文 **重点**\n\n![图](http://localhost/files/abc123.png)',
    tags: ['效率'],
    pictures: [picture],
    clip: null,
    cover: picture,
    ...changes,
  }
}

testPlatform('wechat', async () => ({
  standIn: await startWechat(),
  create: createWechat,
  given: APP,
  wrong: { ...APP, app_secret: 'another-secret-9876543210' },
  content: await article(),
  ends: 'published',
  acting: [DRAFT, SUBMIT],
  preparing: UPLOAD,
  stale: { errcode: 40_001, errmsg: 'invalid credential' },
  refusals: [
    [UPLOAD, { errcode: 40_005, errmsg: 'type' }, 'refused', 'content_unfit'],
    [UPLOAD, { errcode: 45_009, errmsg: 'reach max api daily quota limit' }, 'refused', 'quota_spent'],
    [UPLOAD, { errcode: 45_011, errmsg: 'api minute-quota reach limit' }, 'throttled', null],
    [UPLOAD, { errcode: -1, errmsg: 'system error' }, 'unavailable', null],
    [UPLOAD, { errcode: 40_125, errmsg: 'invalid appsecret' }, 'refused', 'credentials_wrong'],
    [DRAFT, { errcode: 45_166, errmsg: 'invalid content' }, 'refused', 'content_refused'],
    [DRAFT, { errcode: 45_002, errmsg: 'content size out of limit' }, 'refused', 'content_unfit'],
    [DRAFT, { errcode: 48_001, errmsg: 'api unauthorized' }, 'refused', 'no_permission'],
    [DRAFT, { errcode: -1, errmsg: 'system error' }, 'unavailable', null],
    [SUBMIT, { errcode: 53_503, errmsg: 'draft not pass' }, 'refused', 'content_refused'],
    [GET, { publish_status: 2 }, 'refused', 'content_refused'],
    [GET, { publish_status: 4 }, 'refused', 'content_refused'],
  ],
}))

describe('wechat by itself', () => {
  let standIn: PlatformStandIn
  let api: PlatformApi
  const signal = new AbortController().signal
  const account: PlatformAccount = {
    remoteAccount: APP.app_id,
    secrets: APP,
    renew: async () => assert.fail('its tokens are cached, not stored'),
  }
  before(async () => {
    standIn = await startWechat()
  })
  after(() => standIn.close())
  beforeEach(() => {
    standIn.reset()
    const { api: made } = createWechat(quickOutbound(), standIn.url)
    assert.ok(made)
    api = made
  })

  async function run(content: PublishContent): Promise<PublishStep> {
    let next: PublishStep = { state: 'working', phase: 'preparing', operation: null, afterMs: 0 }
    for (let count = 0; next.state === 'working' && count < 9; count += 1)
      next = await api.advance(account, content, next.operation, signal)
    return next
  }

  const draftSent = (): Record<string, string> => {
    const [article] = (standIn.to(DRAFT)[0]?.fields.articles ?? []) as Record<string, string>[]
    assert.ok(article)
    return article
  }

  test('an account without the right to publish ends with its draft', async () => {
    for (const [errcode, reason] of [
      [48_001, 'no_permission'],
      [53_504, 'by_hand_only'],
      [53_505, 'by_hand_only'],
    ] as const) {
      standIn.misbehave(SUBMIT, { errcode, errmsg: 'no' })
      const end = await run(await article())
      assert.deepEqual({ ...end, remoteId: '' }, { state: 'drafted', remoteId: '', url: null, reason })
    }
  })

  test('40164 tells which address to allow, when binding and when publishing', async () => {
    const answer = {
      errcode: 40_164,
      errmsg: 'invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist rid: 1',
    }
    standIn.misbehave(TOKEN, answer, answer)
    const content = await article()
    for (const work of [() => api.bind(APP, signal), () => run(content)]) {
      const { kind, reason, address } = await refusalOf(work())
      assert.deepEqual([kind, reason, address], ['refused', 'address_not_allowed', '203.0.113.7'])
    }
  })

  test('one token for many calls; asked anew before one is forced', async () => {
    await Promise.all([run(await article()), run(await article())])
    assert.equal(standIn.to(TOKEN).length, 1)
    standIn.misbehave(UPLOAD, { errcode: 42_001, errmsg: 'access_token expired' })
    await run(await article())
    assert.deepEqual(
      standIn.to(TOKEN).map(({ fields }) => fields.force_refresh),
      [false, false, true],
    )
  })

  test('the article: styles inside, pictures where the text shows them, nothing that runs, no escapes on the wire', async () => {
    const pictures = [await pictureOf('abc123.png'), await pictureOf('second.png', 80, 60)]
    const body = [
      '# 标题',
      '一段 **重点** <script>alert(1)</script>',
      '![a](https://site/files/abc123.png) ![b](https://elsewhere.example/x.png)',
      '[链接](javascript:alert(1))',
    ].join('\n\n')
    await run(await article({ pictures, body, title: '长'.repeat(40) }))
    const { content = '', title = '' } = draftSent()
    assert.match(content, /<h1 style="[^"]+">标题<\/h1>/)
    assert.match(content, /<strong>重点<\/strong> &lt;script&gt;/)
    assert.ok(
      !content.includes('elsewhere') && !content.includes('javascript:') && !content.includes('<script'),
    )
    assert.equal(content.match(/<img /g)?.length, 2)
    assert.ok(content.indexOf('<img ') < content.indexOf('链接'), 'the first is where the text has it')
    assert.equal([...title].length, 32)
    assert.ok(standIn.to(DRAFT)[0]?.body.includes('标题'))
  })

  test('a large picture goes up as a JPEG below one megabyte', async () => {
    const noise = await sharp({
      create: {
        width: 3_000,
        height: 2_000,
        channels: 3,
        background: '#888',
        noise: { type: 'gaussian', mean: 128, sigma: 60 },
      },
    })
      .png()
      .toBuffer()
    const media = {
      name: 'big.png',
      mediaType: 'image/png',
      bytes: noise.byteLength,
      read: async () => noise,
    }
    await run(await article({ pictures: [media], cover: media }))
    const sent = standIn.to(UPLOAD)[0]?.parts.get('media')?.bytes
    assert.ok(sent && noise.byteLength > 5_000_000 && sent.length < 1_000_000)
    assert.equal((await sharp(sent).metadata()).format, 'jpeg')
  })

  test('a text without pictures gets a cover of its own; one that is too long is refused before anything is made', async () => {
    await run(await article({ pictures: [], cover: null, body: '只有文字' }))
    const cover = standIn.to(MATERIAL)[0]?.parts.get('media')?.bytes
    assert.ok(cover)
    const { width, height, format } = await sharp(cover).metadata()
    assert.deepEqual([width, height, format], [900, 383, 'jpeg'])
    standIn.reset()
    const { reason } = await refusalOf(run(await article({ pictures: [], body: '字'.repeat(20_000) })))
    assert.equal(reason, 'content_unfit')
    assert.deepEqual([standIn.made, standIn.to(MATERIAL)], [[], []])
  })

  test('asks on while it is being published, ever more slowly, and an hour at most', async () => {
    const waiting = { publish_status: 1 }
    standIn.misbehave(GET, ...Array.from({ length: 80 }, () => waiting))
    let operation: Json = { stage: 'poll', draft: 'draft-1', publishId: '1', polls: 0 }
    let waitedMs = 5_000
    for (let count = 0; ; count += 1) {
      const next: PublishStep = await api.advance(account, await article(), operation, signal)
      if (next.state !== 'working') {
        assert.equal(next.state, 'in_review')
        break
      }
      assert.equal(next.phase, 'asking')
      assert.equal(next.afterMs, count < 11 ? 5_000 : 60_000)
      waitedMs += next.afterMs
      operation = next.operation
    }
    assert.ok(waitedMs > 3_300_000 && waitedMs < 3_900_000, `${waitedMs}`)
    assert.equal(standIn.made.length, 0)
  })
})
