import type { Dialect } from '../../http/dialect.ts'
import { faults } from './faults.ts'
import { preset } from './preset.ts'
import { publishRoutes } from './publish.ts'
import { reference } from './reference.ts'
import { refusals } from './refusals.ts'

/** The API of specs/ai-creator.md: writing tools, pictures, clips, decks, memberships, promotions, publishing. */
export const aiCreator: Dialect = {
  name: 'ai-creator',
  base: '/api/v1',
  defaultPort: 8000,
  preset,
  refusals,
  faults,
  routes: [...publishRoutes],
  reference,
}
