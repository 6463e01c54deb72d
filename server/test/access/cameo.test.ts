import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cameo } from '../../src/dialects/cameo/dialect.ts'
import { accessCameo } from './cameo.ts'
import { nameOf } from './ground.ts'
import { testAccess } from './suite.ts'

testAccess(accessCameo)

test('what is open to everybody is so on purpose, and nothing is an administrator’s', () => {
  const open = (allow: string) =>
    cameo.routes
      .filter((one) => one.allow === allow)
      .map(nameOf)
      .sort()
  assert.deepEqual(open('admin'), [])
  assert.deepEqual(open('public'), ['GET /generate/image-models', 'POST /auth/login', 'POST /auth/register'])
  assert.deepEqual(open('guest'), ['GET /square/works', 'POST /square/works/:id/view'])
})
