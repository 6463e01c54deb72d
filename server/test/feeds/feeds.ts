// Times pages of the square over HTTP, with 10,000 works and with a million, on one server in turns: npm run bench:feeds
import type { AddressInfo } from 'node:net'
import { plaza } from '../../src/dialects/plaza/dialect.ts'
import type { TestSite } from '../build-site.ts'
import { buildSite } from '../build-site.ts'
import { globalSetup, globalTeardown } from '../global-setup.ts'
import { seedSquare } from './seed.ts'

const FEW = 10_000
const MANY = Number(process.env.WORKS ?? 1_000_000)
const ROUNDS = Number(process.env.ROUNDS ?? 400)
const PAGES = [1, 400, 1_000]
const SORTS = ['hot', 'latest']
const NO_LIMIT = { points: 1_000_000_000, perSeconds: 60 }

type Seeded = { works: number; site: TestSite; base: string }

await globalSetup()
try {
  const sites: Seeded[] = []
  for (const works of [FEW, MANY]) {
    const startedAt = performance.now()
    const limits = { auth: NO_LIMIT, generate: NO_LIMIT, read: NO_LIMIT, write: NO_LIMIT }
    const site = await buildSite({ dialect: plaza, preset: { limits } })
    await seedSquare(site.context.db.pool, works)
    await site.app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = site.app.server.address() as AddressInfo
    sites.push({ works, site, base: `http://127.0.0.1:${port}/api/v1/square/feeds?pageSize=20` })
    print(`${works} works are there after ${((performance.now() - startedAt) / 1_000).toFixed(0)} s`)
  }
  print(`\nPages of 20 with their total, one at a time, ${ROUNDS} times each in turns; milliseconds`)
  print('sort    type   page        works     p50     p99  p99 of the fewer')
  for (const sort of SORTS) {
    for (const type of ['all', 'video']) {
      for (const page of PAGES) {
        const times = new Map<Seeded, number[]>(sites.map((site) => [site, []]))
        for (let round = 0; round < ROUNDS + 20; round += 1) {
          for (const site of sites) {
            const startedAt = performance.now()
            const reply = await fetch(`${site.base}&sort=${sort}&type=${type}&page=${page}`)
            const { data } = (await reply.json()) as { data: { total: number } }
            const expected = type === 'all' ? site.works : Math.floor(site.works / 4)
            if (data.total !== expected) throw new Error(`a total of ${data.total} instead of ${expected}`)
            // The first ones warm up.
            if (round >= 20) times.get(site)?.push(performance.now() - startedAt)
          }
        }
        const [few = 0, many = 0] = sites.map((site) => quantile(times.get(site) ?? [], 0.99))
        for (const site of sites) {
          const ms = times.get(site) ?? []
          const ratio = site.works === MANY ? `  x ${(many / few).toFixed(2)}` : ''
          print(
            `${sort.padEnd(7)} ${type.padEnd(6)} ${String(page).padStart(4)} ${String(site.works).padStart(12)} ` +
              `${quantile(ms, 0.5).toFixed(2).padStart(7)} ${quantile(ms, 0.99).toFixed(2).padStart(7)}${ratio}`,
          )
        }
      }
    }
  }
  for (const { site } of sites) await site.close()
} finally {
  await globalTeardown()
}

function quantile(values: number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
