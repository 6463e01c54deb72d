import type { Dialect } from '../../http/dialect.ts'
import { authRoutes } from './auth.ts'
import { creationRoutes } from './creations.ts'
import { creditRoutes } from './credit.ts'
import { faults } from './faults.ts'
import { imageRoutes } from './image.ts'
import { modelRoutes } from './models.ts'
import { operationRoutes } from './operation.ts'
import { pptRoutes } from './ppt.ts'
import { preset } from './preset.ts'
import { publishRoutes } from './publish.ts'
import { reference } from './reference.ts'
import { refusals } from './refusals.ts'
import { pages } from './register-page.ts'
import { videoRoutes } from './video.ts'
import { writingRoutes } from './writing.ts'

/** The API of specs/ai-creator.md: writing tools, pictures, clips, decks, memberships, promotions, publishing. */
export const aiCreator: Dialect = {
  name: 'ai-creator',
  base: '/api/v1',
  defaultPort: 8000,
  preset,
  refusals,
  faults,
  routes: [
    ...authRoutes,
    ...creditRoutes,
    ...writingRoutes,
    ...imageRoutes,
    ...videoRoutes,
    ...pptRoutes,
    ...creationRoutes,
    ...publishRoutes,
    ...operationRoutes,
    ...modelRoutes,
  ],
  reference,
  pages,
}
