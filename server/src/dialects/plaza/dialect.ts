import type { Dialect } from '../../http/dialect.ts'
import { assistantRoutes } from './assistant.ts'
import { authRoutes } from './auth.ts'
import { configRoutes } from './config.ts'
import { faults } from './faults.ts'
import { generateRoutes } from './generate.ts'
import { live } from './live.ts'
import { powerRoutes } from './power.ts'
import { preset } from './preset.ts'
import { reference } from './reference/index.ts'
import { refusals } from './refusals.ts'
import { squareRoutes } from './square.ts'
import { uploadRoutes } from './upload.ts'
import { worksRoutes } from './works.ts'

/** The API of specs/plaza.md: pictures, clips, the square, a streaming assistant, live progress. */
export const plaza: Dialect = {
  name: 'plaza',
  base: '/api/v1',
  defaultPort: 3000,
  preset,
  refusals,
  faults,
  routes: [
    ...authRoutes,
    ...generateRoutes,
    ...worksRoutes,
    ...squareRoutes,
    ...assistantRoutes,
    ...uploadRoutes,
    ...powerRoutes,
    ...configRoutes,
  ],
  reference,
  live,
}
