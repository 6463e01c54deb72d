// Times pages of the square over HTTP, with 10,000 works and with a million, on one server in turns, then how often one
// work may be looked at in a second: npm run bench:feeds
import { mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openCluster } from '../../src/db/embedded/cluster.ts'
import { migrate } from '../../src/db/migrate.ts'
import { plaza } from '../../src/dialects/plaza/dialect.ts'
import { SQL_SOURCES } from '../../src/installation.ts'
import { recordView } from '../../src/kernel/square/view.ts'
import type { TestSite } from '../build-site.ts'
import { buildSite } from '../build-site.ts'
import { TEMPLATE_DATABASE } from '../test-database.ts'
import { seedSquare, vacuumSquare } from './seed.ts'

const FEW = 10_000
const MANY = Number(process.env.WORKS ?? 1_000_000)
const ROUNDS = Number(process.env.ROUNDS ?? 400)
/** One p99 of some hundred is decided by four of them; the median of several is not. */
const SERIES = 5
const PAGES = [1, 400, 1_000]
const SORTS = ['hot', 'latest']
const NO_LIMIT = { points: 1_000_000_000, perSeconds: 60 }

type Seeded = { works: number; site: TestSite; base: string }

// The cluster of tests does not wait for its disk; who counts a view does.
const dataDir = await mkdtemp(join(tmpdir(), 'atelier-feeds-'))
const cluster = await openCluster({ dataDir, role: 'own', log: () => {}, durable: true })
try {
  await migrate(cluster.connection(TEMPLATE_DATABASE), SQL_SOURCES)
  process.env.ATELIER_TEST_CONNECTION = JSON.stringify(cluster.connection('postgres'))
  const sites: Seeded[] = []
  for (const works of [FEW, MANY]) {
    const startedAt = performance.now()
    const limits = { auth: NO_LIMIT, generate: NO_LIMIT, read: NO_LIMIT, write: NO_LIMIT }
    const site = await buildSite({ dialect: plaza, preset: { limits } })
    await seedSquare(site.context.db.pool, works, false)
    await site.app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = site.app.server.address() as AddressInfo
    sites.push({ works, site, base: `http://127.0.0.1:${port}/api/v1/square/feeds?pageSize=20` })
    print(`${works} works are there after ${((performance.now() - startedAt) / 1_000).toFixed(0)} s`)
  }
  print('\nJust seeded, nothing vacuumed yet: the median of 20')
  for (const sort of SORTS) {
    for (const { works, base } of sites) {
      const ms = await timeRounds(20, `${base}&sort=${sort}&type=all&page=400`)
      print(
        `${sort.padEnd(7)} page  400 ${String(works).padStart(12)} ${quantile(ms, 0.5).toFixed(2).padStart(7)}`,
      )
    }
  }
  for (const { site } of sites) await vacuumSquare(site.context.db.pool)
  print(
    `\nPages of 20 with their total, one at a time, ${SERIES} series of ${ROUNDS} in turns; milliseconds, medians`,
  )
  print('sort      page        works     p50     p99  p99 of the fewer (least to most)')
  for (const sort of SORTS) {
    for (const page of PAGES) {
      const series: number[][][] = []
      for (let one = 0; one < SERIES; one += 1)
        series.push(await timeInTurns(sites, `&sort=${sort}&type=all&page=${page}`))
      const ratios = series.map(([few = [], many = []]) => quantile(many, 0.99) / quantile(few, 0.99))
      const spread = [0.5, 0, 1].map((share) => quantile(ratios, share).toFixed(2))
      for (const [place, { works }] of sites.entries()) {
        const medianOf = (share: number): string =>
          quantile(
            series.map((times) => quantile(times[place] ?? [], share)),
            0.5,
          )
            .toFixed(2)
            .padStart(7)
        const ratio = works === MANY ? `  x ${spread[0]} (${spread[1]} to ${spread[2]})` : ''
        print(
          `${sort.padEnd(8)} ${String(page).padStart(5)} ${String(works).padStart(12)} ${medianOf(0.5)} ${medianOf(0.99)}${ratio}`,
        )
      }
    }
  }
  const last = sites.at(-1)
  if (last) await timeViews(last.site)
  for (const { site } of sites) await site.close()
} finally {
  await cluster.stop()
  await rm(dataDir, { recursive: true, force: true })
}

/** Times one page of each site, the sites in turns. @returns milliseconds, a list for each site. */
async function timeInTurns(sites: readonly Seeded[], query: string): Promise<number[][]> {
  const times: number[][] = sites.map(() => [])
  for (let round = 0; round < ROUNDS + 20; round += 1) {
    for (const [place, { base, works }] of sites.entries()) {
      const startedAt = performance.now()
      const reply = await fetch(base + query)
      const { data } = (await reply.json()) as { data: { total: number } }
      if (data.total !== works) throw new Error(`a total of ${data.total} instead of ${works}`)
      // The first ones warm up.
      if (round >= 20) times[place]?.push(performance.now() - startedAt)
    }
  }
  return times
}

async function timeRounds(rounds: number, url: string): Promise<number[]> {
  const times: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    const startedAt = performance.now()
    await (await fetch(url)).arrayBuffer()
    times.push(performance.now() - startedAt)
  }
  return times
}

/** Sixty-four viewers at a time, each another one, look at one work: gathered as the site does, and one by one. */
async function timeViews(site: TestSite): Promise<void> {
  const { context } = site
  const { rows } = await context.db.pool.query<{ id: bigint }>('select max(work_id) as id from standing')
  const id = rows[0]?.id ?? 0n
  const ways: [string, (viewer: number) => Promise<unknown>][] = [
    [
      'gathered',
      (viewer) =>
        recordView(context, { actor: { accountId: BigInt(viewer) }, origin: { ip: null, device: null } }, id),
    ],
    [
      'one by one',
      (viewer) =>
        context.db.pool.query({
          name: 'one view',
          text: `select * from count_views_v1(array[$1::bigint], array[$2::bytea], now(), '1 hour')`,
          values: [id, Buffer.alloc(16, `v${viewer}`)],
        }),
    ],
  ]
  print('\nViews of one work by 64 at a time for three seconds, to the disk; milliseconds')
  print('way            a second     p50     p99')
  let viewer = 0
  for (const round of [1, 2]) {
    for (const [name, look] of ways) {
      const times: number[] = []
      const until = performance.now() + 3_000
      const looking = Array.from({ length: 64 }, async () => {
        while (performance.now() < until) {
          const startedAt = performance.now()
          viewer += 1
          await look(viewer)
          times.push(performance.now() - startedAt)
        }
      })
      await Promise.all(looking)
      print(
        `${`${name} ${round}`.padEnd(14)} ${(times.length / 3).toFixed(0).padStart(8)} ` +
          `${quantile(times, 0.5).toFixed(2).padStart(7)} ${quantile(times, 0.99).toFixed(2).padStart(7)}`,
      )
    }
  }
}

function quantile(values: number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
