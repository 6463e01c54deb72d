import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import sharp from 'sharp'
import { pictureOf, quickOutbound, refusalOf, testPlatform } from '../../../test/platforms/platform-suite.ts'
import type { PlatformStandIn } from '../../../test/platforms/stand-in.ts'
import {
  APP,
  DRAFT,
  GET,
  MATERIAL,
  SUBMIT,
  startWechat,
  TOKEN,
  UPLOAD,
} from '../../../test/platforms/wechat-stand-in.ts'
import type {
  PlatformAccount,
  PlatformApi,
  PublishContent,
  PublishStep,
} from '../../kernel/ports/platform.ts'
import type { Json } from '../../kernel/ports/provider.ts'
import { createWechat } from './wechat.ts'

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
