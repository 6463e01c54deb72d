import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deriveKeys } from '../keys.ts'
import { credentialFingerprint } from './credential-fingerprint.ts'

const SECRET = 'a test secret of more than thirty-two bytes'
const here = { keys: deriveKeys(SECRET, 'cameo') }
const connection = { url: 'https://vendor.example.com/v1', secret: 'sk-abc', headers: {}, options: {} }
const nameOf = (changes: Partial<typeof connection> = {}, site = here): string =>
  credentialFingerprint(site, 'openai', { ...connection, ...changes })

test('one credential has one name on every site of an installation, and on no other installation', () => {
  assert.match(nameOf(), /^[\w-]{22}$/)
  assert.equal(nameOf({}, { keys: deriveKeys(SECRET, 'plaza') }), nameOf())
  assert.notEqual(nameOf({}, { keys: deriveKeys(`${SECRET}!`, 'cameo') }), nameOf())
})

test('provider, place and key make a credential; the path and the options do not', () => {
  assert.equal(nameOf({ url: 'https://vendor.example.com/v2', options: { quirk: 'x' } }), nameOf())
  const others = [
    nameOf({ secret: 'sk-abd' }),
    nameOf({ url: 'https://other.example.com/v1' }),
    credentialFingerprint(here, 'google', connection),
    credentialFingerprint(here, 'openai', null),
  ]
  assert.equal(new Set([nameOf(), ...others]).size, 5)
})

test('where there is no key, the headers are it', () => {
  assert.equal(nameOf({ headers: { 'X-Title': 'ours' } }), nameOf())
  const of = (headers: Record<string, string>): string => nameOf({ secret: '', headers })
  assert.notEqual(of({ 'X-Key': 'one' }), of({ 'X-Key': 'two' }))
  assert.equal(of({ a: '1', b: '2' }), of({ b: '2', a: '1' }))
})
