import type { AddressInfo } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { aigentools } from '../../src/dialects/aigentools/dialect.ts'
import { units } from '../../src/kernel/money.ts'
import type { TestSite } from '../build-site.ts'
import { buildSite } from '../build-site.ts'
import { createUser } from '../factories.ts'
import type { Seeded } from './seed.ts'
import { seedTransactions } from './seed.ts'

export const EXPORT = '/api/v1/admin/transactions/export'

/** A listening site with seeded books and an administrator who may export them. */
export async function openSeededSite(
  count: number,
): Promise<{ site: TestSite; seeded: Seeded; url: string; port: number; token: string }> {
  const site = await buildSite({ dialect: aigentools })
  const seeded = await seedTransactions(site.context.db.pool, count)
  const { token } = await createUser(site.context, units(0), { role: 'admin' })
  await site.app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = site.app.server.address() as AddressInfo
  return { site, seeded, url: `http://127.0.0.1:${port}${EXPORT}`, port, token }
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Megabytes of this process: all of it, and what is in use after a garbage collection. */
export function memory(): { rss: number; used: number } {
  collectGarbage()
  const { rss, heapUsed, external } = process.memoryUsage()
  return { rss: rss / 1_048_576, used: (heapUsed + external) / 1_048_576 }
}
