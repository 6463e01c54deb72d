import type { Dialect } from '../../http/dialect.ts'
import { authRoutes } from './auth.ts'
import { faults } from './faults.ts'
import { modelRoutes } from './models.ts'
import { preset } from './preset.ts'
import { reference } from './reference.ts'
import { refusals } from './refusals.ts'
import { pages } from './register-page.ts'

/** The API of specs/ai-creator.md: writing tools, pictures, clips, decks, memberships, promotions, publishing. */
export const aiCreator: Dialect = {
  name: 'ai-creator',
  base: '/api/v1',
  defaultPort: 8000,
  preset,
  refusals,
  faults,
  routes: [...authRoutes, ...modelRoutes],
  reference,
  pages,
}
