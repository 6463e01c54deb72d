// Exports a million transactions over HTTP from a listening site and prints what that took: npm run test:export
import { globalSetup, globalTeardown } from '../global-setup.ts'
import { download } from './download.ts'
import { memory, openSeededSite } from './site.ts'

const COUNT = Number(process.env.ROWS ?? 1_000_000)
const STEP = 50_000

await globalSetup()
try {
  print(`Seeding ${COUNT} transactions …`)
  const { site, seeded, url, token } = await openSeededSite(COUNT)
  try {
    // What the first request of a process costs is compiling; it is printed apart.
    const cold = await download(`${url}?type=admin_adjustment`, token)
    print(
      `A filtered export before it: ${cold.rows} rows, first byte after ${cold.firstByteMs.toFixed(1)} ms`,
    )
    const before = memory()
    print(`Server and client in one process; RSS before: ${before.rss.toFixed(0)} MB`)
    let peak = before.rss
    let next = STEP
    const seen = await download(url, token, (rows) => {
      if (rows < next) return
      next += STEP
      const { rss, used } = memory()
      peak = Math.max(peak, rss)
      print(`${String(rows).padStart(9)} rows   RSS ${rss.toFixed(0)} MB   in use ${used.toFixed(1)} MB`)
    })
    const seconds = seen.totalMs / 1_000
    print(`first byte after  ${seen.firstByteMs.toFixed(1)} ms`)
    print(
      `${seen.rows} rows, ${(seen.bytes / 1_048_576).toFixed(0)} MB in ${seconds.toFixed(1)} s: ${Math.round(seen.rows / seconds)} rows/s`,
    )
    print(`RSS before ${before.rss.toFixed(0)} MB, peak ${peak.toFixed(0)} MB`)
    const isWhole =
      seen.rows === seeded.transactions && seen.sum === seeded.sum * 10_000n && seen.isNewestFirst
    print(isWhole ? 'Every row is there, in order, and the amounts add up.' : 'The export is NOT the books.')
    if (!isWhole) process.exitCode = 1
  } finally {
    await site.close()
  }
} finally {
  await globalTeardown()
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
