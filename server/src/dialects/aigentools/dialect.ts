import type { Dialect } from '../../http/dialect.ts'
import { adminPaymentRoutes } from './admin-payment.ts'
import { adminUserRoutes } from './admin-users.ts'
import { assistantRoutes } from './assistant.ts'
import { authRoutes } from './auth.ts'
import { faults } from './faults.ts'
import { modelRoutes } from './models.ts'
import { paymentRoutes } from './payment.ts'
import { preset } from './preset.ts'
import { reference } from './reference.ts'
import { refusals } from './refusals.ts'
import { taskRoutes } from './tasks.ts'
import { transactionRoutes } from './transactions.ts'
import { uploadRoutes } from './upload.ts'

/** The aigentools-backend API of specs/aigentools.md: audited tasks on models that an operator defines. */
export const aigentools: Dialect = {
  name: 'aigentools',
  base: '/api/v1',
  defaultPort: 8080,
  preset,
  refusals,
  faults,
  routes: [
    ...authRoutes,
    ...modelRoutes,
    ...taskRoutes,
    ...paymentRoutes,
    ...uploadRoutes,
    ...assistantRoutes,
    ...adminUserRoutes,
    ...transactionRoutes,
    ...adminPaymentRoutes,
  ],
  reference,
}
