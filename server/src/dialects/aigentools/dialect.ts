import type { Dialect } from '../../http/dialect.ts'
import { faults } from './faults.ts'
import { preset } from './preset.ts'
import { reference } from './reference.ts'
import { refusals } from './refusals.ts'
import { transactionRoutes } from './transactions.ts'

/** The aigentools-backend API of specs/aigentools.md: audited tasks on models that an operator defines. */
export const aigentools: Dialect = {
  name: 'aigentools',
  base: '/api/v1',
  defaultPort: 8080,
  preset,
  refusals,
  faults,
  routes: [...transactionRoutes],
  reference,
}
