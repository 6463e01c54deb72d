import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync, sign as signRsa } from 'node:crypto'
import { test } from 'node:test'
import type { Dialect } from '../../src/http/dialect.ts'
import { createTokens } from '../../src/http/tokens.ts'
import { deriveKeys } from '../../src/kernel/keys.ts'
import { units } from '../../src/kernel/money.ts'
import { buildSite } from '../build-site.ts'
import { createUser } from '../factories.ts'
import type { Ground } from './ground.ts'
import { limitsOf, nameOf } from './ground.ts'

const encode = (value: object | string): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** Any token at all: header and payload as given, signed by whatever is given. */
function forge(header: object | string, payload: object | string, sign: (input: string) => string): string {
  const input = `${encode(header)}.${encode(payload)}`
  return `${input}.${sign(input)}`
}

const hmac =
  (hash: string, key: Buffer | string) =>
  (input: string): string =>
    createHmac(hash, key).update(input).digest('base64url')

/** What the payload of a user's own token says. */
function payloadOf(token: string): { id: string; sid: string; iat: number; exp: number; iss: string } {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
}

/** No token, tokens that are none of ours, and tokens whose time is over open no route that is guarded. */
export function testTokens(ground: Ground): void {
  const { about, call, everywhere, ownCode } = ground
  const { missing, invalid, expired, unknown } = about.refused
  const [, success] = about.success

  test('a token forged here like the site would sign it is accepted: the refusals below are for their reasons', async () => {
    const { token } = await createUser(ground.site.context, units(1))
    const { key } = { key: ground.site.context.keys.token }
    assert.equal(
      await ownCode(forge({ alg: 'HS256', typ: 'JWT' }, payloadOf(token), hmac('sha256', key))),
      success,
    )
  })

  test('every guarded route without a token', async () => {
    await everywhere(missing, undefined, 'no token')
    for (const one of ground.guarded) {
      const url = `${ground.urlOf(one)}?token=x&access_token=x`
      const answer = await call(one.method, url, {
        headers: { cookie: 'token=x' },
        ...(one.body && { body: {} }),
      })
      assert.equal(answer.code, missing[1], nameOf(one))
    }
  })

  test('every guarded route with a token that is none of ours', async () => {
    const { token } = await createUser(ground.site.context, units(1_000))
    const payload = payloadOf(token)
    const header = { alg: 'HS256', typ: 'JWT' }
    const { token: key } = ground.site.context.keys
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const rs256 = (input: string): string =>
      signRsa('sha256', Buffer.from(input), privateKey).toString('base64url')
    const publicPem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
    const flip = (text: string, at: number): string =>
      text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1)
    const [head = '', body = '', signature = ''] = token.split('.')
    const tokens: Record<string, string> = {
      garbage: 'garbage',
      'two dots': '..',
      'a token without its signature': `${head}.${body}.`,
      'a changed signature': `${head}.${body}.${flip(signature, 5)}`,
      'a changed payload': `${head}.${flip(body, 12)}.${signature}`,
      'another key': forge(
        header,
        payload,
        hmac('sha256', 'another key of more than 32 bytes, as it must be'),
      ),
      'an empty key': forge(header, payload, hmac('sha256', '')),
      'a key of zeros': forge(header, payload, hmac('sha256', Buffer.alloc(32))),
      'the chain key of the site': forge(header, payload, hmac('sha256', ground.site.context.keys.chain)),
      'alg none': forge({ alg: 'none', typ: 'JWT' }, payload, () => ''),
      'alg None with a signature': forge({ alg: 'None' }, payload, hmac('sha256', key)),
      'alg nOnE': forge({ alg: 'nOnE' }, payload, () => ''),
      'no alg': forge({ typ: 'JWT' }, payload, hmac('sha256', key)),
      'HS512 with the right key': forge({ alg: 'HS512' }, payload, hmac('sha512', key)),
      'HS384 with the right key': forge({ alg: 'HS384' }, payload, hmac('sha384', key)),
      'RS256 said, HMAC done': forge({ alg: 'RS256' }, payload, hmac('sha256', key)),
      'RS256 with its own key in the header': forge(
        { alg: 'RS256', jwk: publicKey.export({ format: 'jwk' }) },
        payload,
        rs256,
      ),
      'HS256 with a public key as secret': forge(header, payload, hmac('sha256', publicPem)),
      'a kid that is a path': forge({ ...header, kid: '../../dev/null' }, payload, hmac('sha256', '')),
      'another issuer, same key': createTokens(key, 'another site', ground.site.context.clock.now).sign(
        { id: payload.sid, expiresAt: new Date(Date.now() + 60_000) },
        payload.id,
      ),
      'no issuer': forge(header, { ...payload, iss: undefined }, hmac('sha256', key)),
      'the key that another site derives': forge(
        header,
        payload,
        hmac('sha256', deriveKeys('a test secret of more than thirty-two bytes', 'another site').token),
      ),
      'no expiry': forge(header, { ...payload, exp: undefined }, hmac('sha256', key)),
      'an expiry in words': forge(header, { ...payload, exp: 'never' }, hmac('sha256', key)),
      'a session that is SQL': forge(header, { ...payload, sid: "' or true --" }, hmac('sha256', key)),
      'no session': forge(header, { ...payload, sid: undefined }, hmac('sha256', key)),
      'a list of sessions': forge(header, { ...payload, sid: [payload.sid] }, hmac('sha256', key)),
      'a payload of null': forge(header, 'null', hmac('sha256', key)),
      'a payload that is text': forge(header, '"text"', hmac('sha256', key)),
    }
    for (const [why, bad] of Object.entries(tokens)) await everywhere(invalid, bad, why)
    assert.equal(await ownCode(token), success, 'the real one still works')
  })

  test('every guarded route with an expired token', async () => {
    const { token } = await createUser(ground.site.context, units(1))
    const { sid, id } = payloadOf(token)
    const { sign } = createTokens(
      ground.site.context.keys.token,
      ground.site.context.site,
      ground.site.context.clock.now,
    )
    await everywhere(
      expired,
      sign({ id: sid, expiresAt: new Date(Date.now() - 1_000) }, id),
      'an expired token',
    )
  })

  test('every guarded route with a session that never was, or of a deleted account', async () => {
    const { token, account } = await createUser(ground.site.context, units(1))
    const { sign } = createTokens(
      ground.site.context.keys.token,
      ground.site.context.site,
      ground.site.context.clock.now,
    )
    const session = { id: ground.site.context.ids.uuid(), expiresAt: new Date(Date.now() + 60_000) }
    await everywhere(unknown, sign(session, account.uuid), 'an unknown session')
    assert.equal(await ownCode(token), success)
  })

  test('a token of one site opens nothing on another with the same secret', async () => {
    const dialect: Dialect = {
      ...about.dialect,
      name: 'sister',
      preset: { ...about.dialect.preset, limits: limitsOf(1_000) },
    }
    const sister = await buildSite({ providers: [], dialect })
    try {
      const { token } = await createUser(ground.site.context, units(1))
      assert.equal(await ownCode(token, sister.app), invalid[1])
    } finally {
      await sister.close()
    }
  })
}
