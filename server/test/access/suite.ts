import { testBrowsers } from './browsers.ts'
import { testFiles } from './files.ts'
import type { AccessDialect, Ground } from './ground.ts'
import { openGround } from './ground.ts'
import { testLimits } from './limits.ts'
import { testSessions } from './sessions.ts'
import { testTokens } from './tokens.ts'

/**
 * Who may do and see what: tokens, sessions, other origins, files and limits. A dialect adds what of others' its
 * own routes could show, and what its logs keep silent.
 */
export function testAccess(about: AccessDialect): Ground {
  const ground = openGround(about)
  testTokens(ground)
  testSessions(ground)
  testBrowsers(ground)
  testFiles(ground)
  testLimits(ground)
  return ground
}
