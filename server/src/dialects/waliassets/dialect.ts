import type { Dialect } from '../../http/dialect.ts'
import { authRoutes } from './auth.ts'
import { faults } from './faults.ts'
import { generateRoutes } from './generate.ts'
import { paymentRoutes } from './payment.ts'
import { preset } from './preset.ts'
import { reference } from './reference.ts'
import { refusals } from './refusals.ts'
import { tokenRoutes } from './token.ts'

/**
 * The WaliAssets API of specs/waliassets.md: accounts by e-mail code, tokens, payments, pictures and clips.
 */
export const waliassets: Dialect = {
  name: 'waliassets',
  base: '/api',
  defaultPort: 3334,
  preset,
  refusals,
  faults,
  routes: [...authRoutes, ...tokenRoutes, ...paymentRoutes, ...generateRoutes],
  reference,
}
