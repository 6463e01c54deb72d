import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plaza } from '../../src/dialects/plaza/dialect.ts'
import { nameOf } from './ground.ts'
import { accessPlaza } from './plaza.ts'
import { testAccess } from './suite.ts'

testAccess(accessPlaza)

test('what is open to nobody, to administrators and to everybody is so on purpose', () => {
  const open = (allow: string) =>
    plaza.routes
      .filter((one) => one.allow === allow)
      .map(nameOf)
      .sort()
  assert.deepEqual(open('admin'), ['POST /config/providers/custom', 'PUT /config/providers'])
  assert.deepEqual(open('public'), ['POST /auth/login', 'POST /auth/register'])
  assert.deepEqual(open('guest'), ['GET /square/feeds', 'POST /square/:id/view'])
})
