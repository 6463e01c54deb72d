// npm run try -- [--site <name>] "一只可爱的小猫": what a newcomer does on a running site, from the account to the
// result and what it cost.
import { parseArgs } from 'node:util'
import { tryAiCreator } from './try/ai-creator.ts'
import { tryAigentools } from './try/aigentools.ts'
import { tryCameo } from './try/cameo.ts'
import { tryPlaza } from './try/plaza.ts'
import { tryWaliassets } from './try/waliassets.ts'

const SITES: Readonly<Record<string, (prompt: string) => Promise<void>>> = {
  waliassets: tryWaliassets,
  aigentools: tryAigentools,
  'ai-creator': tryAiCreator,
  plaza: tryPlaza,
  cameo: tryCameo,
}

try {
  const { values, positionals } = parseArgs({
    options: { site: { type: 'string', default: 'waliassets' } },
    allowPositionals: true,
  })
  const trySite = Object.hasOwn(SITES, values.site) ? SITES[values.site] : undefined
  if (!trySite) throw new Error(`--site is one of: ${Object.keys(SITES).join(', ')}.`)
  await trySite(
    positionals.join(' ').trim() || (values.site === 'ai-creator' ? '如何提高工作效率' : '一只可爱的小猫'),
  )
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
