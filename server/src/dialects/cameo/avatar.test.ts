import assert from 'node:assert/strict'
import { test } from 'node:test'
import sharp from 'sharp'
import { buildSite } from '../../../test/build-site.ts'
import { createUser } from '../../../test/factories.ts'
import { units } from '../../kernel/money.ts'
import { cameo } from './dialect.ts'

test('cameo: a sent avatar is the account’s from then on, and the one before goes', async () => {
  const site = await buildSite({ dialect: cameo })
  try {
    const { token } = await createUser(site.context, units(0))
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'multipart/form-data; boundary=b' }
    const png = await sharp({ create: { width: 900, height: 600, channels: 3, background: 'red' } })
      .png()
      .toBuffer()
    const head = '--b\r\nContent-Disposition: form-data; name="avatar"; filename="x"\r\n\r\n'
    const payload = Buffer.concat([Buffer.from(head), png, Buffer.from('\r\n--b--\r\n')])
    const send = async (): Promise<string> => {
      const sent = await site.app.inject({ method: 'POST', url: '/api/v1/upload/avatar', headers, payload })
      assert.equal(sent.statusCode, 200, sent.payload)
      assert.deepEqual(Object.keys(sent.json().data), ['avatar_url'])
      return sent.json().data.avatar_url
    }
    const first = await send()
    const second = await send()
    assert.notEqual(second, first)
    const profile = await site.app.inject({
      url: '/api/v1/users/profile',
      headers: { authorization: headers.authorization },
    })
    assert.equal(profile.json().data.avatar_url, second)
    const shown = await site.app.inject({ url: new URL(second).pathname })
    assert.equal((await sharp(shown.rawPayload).metadata()).width, 512)
    const { rows } = await site.context.db.pool.query('select store_key from loose_file')
    assert.deepEqual(rows, [{ store_key: new URL(first).pathname.slice(7) }])
    assert.equal((await site.context.db.pool.query('select from sent_file')).rowCount, 0)
  } finally {
    await site.close()
  }
})
