import { readConfig } from '../config.ts'
import { DIALECTS } from '../dialects/index.ts'
import { createEdges } from '../edges.ts'
import { createOutbound } from '../files/fetch-remote.ts'
import { openInstallation } from '../installation.ts'
import type { Context } from '../kernel/context.ts'
import { createSite } from '../site.ts'

/** What the user typed makes no sense; the message says what would. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/**
 * Runs `body` with the context of one site, beside a running Atelier or alone.
 *
 * @param name the site, or undefined where only one is configured.
 */
export async function withSite<T>(
  name: string | undefined,
  body: (context: Context) => Promise<T>,
): Promise<T> {
  // The command line speaks for itself; only what goes wrong is logged.
  const config = readConfig({ LOG_LEVEL: 'error', ...process.env })
  const sites = config.sites.map((site) => site.name)
  const site = name ?? (sites.length === 1 ? sites[0] : undefined)
  const dialect = site === undefined ? undefined : DIALECTS.get(site)
  const configured = config.sites.find((one) => one.name === site)
  if (!dialect || !configured) throw new UsageError(`Name a site with --site: ${sites.join(', ')}.`)
  const installation = await openInstallation(config, { joins: true })
  const outbound = createOutbound({ allow: config.outboundAllow })
  try {
    const { context, close } = await createSite({
      dialect,
      connection: installation.connection(`atelier_${dialect.name.replaceAll('-', '_')}`),
      connections: 2,
      dataDir: config.dataDir,
      publicUrl: configured.publicUrl,
      secretKey: installation.secretKey,
      mail: config,
      ...createEdges(outbound),
      storage: config.storage,
      outbound,
      log: installation.log,
    })
    try {
      return await body(context)
    } finally {
      await close()
    }
  } finally {
    await installation.close()
  }
}
