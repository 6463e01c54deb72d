import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { aiCreator } from '../src/dialects/ai-creator/dialect.ts'
import type { TestSite } from './build-site.ts'
import { buildSite } from './build-site.ts'

// The page that a referral's link leads to.

let site: TestSite
before(async () => {
  site = await buildSite({ dialect: aiCreator })
})
after(() => site.close())

const get = (url: string) => site.app.inject({ method: 'GET', url })

test('is a page that loads nothing from elsewhere and runs nothing but the site’s own script', async () => {
  const page = await get('/register?ref=abcd2345')
  assert.equal(page.statusCode, 200)
  assert.match(String(page.headers['content-type']), /^text\/html; charset=utf-8/)
  const policy = String(page.headers['content-security-policy'])
  for (const rule of ["default-src 'none'", "script-src 'self'", "connect-src 'self'", "form-action 'none'"])
    assert.ok(policy.includes(rule), rule)
  assert.doesNotMatch(policy, /unsafe|\*|https?:/)
  assert.doesNotMatch(page.payload, /https?:|\/\/[a-z]|<style|\son\w+=|style=/)
  assert.match(page.payload, /lang="zh-CN"[\s\S]*width=device-width/)
  assert.match(page.payload, /value="ABCD2345"/)
})

test('its script and style are where it says, with or without a slash behind its address', async () => {
  for (const [url, base] of [
    ['/register', 'http://site/register'],
    ['/register/?ref=X', 'http://site/register/'],
  ] as const) {
    const { payload } = await get(url)
    for (const [, file] of payload.matchAll(/(?:href|src)="([^"]+)"/g)) {
      const asset = await get(new URL(String(file), base).pathname)
      assert.equal(asset.statusCode, 200, file)
      assert.match(String(asset.headers['content-type']), /javascript|css/)
    }
  }
})

for (const ref of [
  '"><script>alert(1)</script>',
  "' onfocus=alert(1) x='",
  '{{7*7}}',
  '\u0000',
  'x'.repeat(5_000),
]) {
  test(`shows nothing of a code that is none: ${JSON.stringify(ref.slice(0, 30))}`, async () => {
    const { payload, statusCode } = await get(`/register?ref=${encodeURIComponent(ref)}`)
    assert.equal(statusCode, 200)
    assert.match(payload, /id="referral_code" name="referral_code" value="[A-Z0-9]{0,16}" autocomplete/)
    assert.doesNotMatch(payload, /alert\(|ALERT\(/)
  })
}

test('its script asks the API that there is, in the API’s words', async () => {
  const { payload } = await get('/register/page.js')
  const [, path = ''] = /new URL\('(api[^']+)', site\)/.exec(payload) ?? []
  const body = { username: 'from_page', email: 'page@example.com', password: 'secret-1' }
  const reply = await site.app.inject({ method: 'POST', url: `/${path}`, payload: body })
  assert.equal(reply.json().code, 200)
  for (const name of ['username', 'email', 'password', 'referral_code'])
    assert.match(payload, new RegExp(`form\\.${name}\\.value`))
})

test('a site whose document has no such page has none', async () => {
  const other = await buildSite()
  try {
    assert.equal((await other.app.inject({ method: 'GET', url: '/register' })).statusCode, 404)
  } finally {
    await other.close()
  }
})
