import type { Dialect } from '../../http/dialect.ts'
import { assistantRoutes } from './assistant.ts'
import { authRoutes } from './auth.ts'
import { charactersRoutes } from './characters.ts'
import { faults } from './faults.ts'
import { generateRoutes } from './generate.ts'
import { imageModelRoutes } from './image-models.ts'
import { powerRoutes } from './power.ts'
import { preset } from './preset.ts'
import { reference } from './reference/index.ts'
import { refusals } from './refusals.ts'
import { squareRoutes } from './square.ts'
import { uploadRoutes } from './upload.ts'
import { usersRoutes } from './users.ts'
import { worksRoutes } from './works.ts'

/** The API of specs/cameo.md: pictures, clips, characters, works. */
export const cameo: Dialect = {
  name: 'cameo',
  base: '/api/v1',
  defaultPort: 3001,
  preset,
  refusals,
  faults,
  routes: [
    ...authRoutes,
    ...usersRoutes,
    ...worksRoutes,
    ...charactersRoutes,
    ...imageModelRoutes,
    ...generateRoutes,
    ...uploadRoutes,
    ...squareRoutes,
    ...assistantRoutes,
    ...powerRoutes,
  ],
  reference,
}
