// npm run bench:first-token: how long a token takes from a vendor's socket to a client's, through the assistant and, in
// the same run and turn by turn, through a bare node:http proxy; the durable hold apart; and whole replies at once.
// Vendor and client share this process and its clock; the site and the proxy have one each.
import { mkdtemp, rm } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { openCluster } from '../server/src/db/embedded/cluster.ts'
import { startOpenAiStandIn } from '../server/test/providers/openai-stand-in.ts'
import { chunk, DONE } from '../server/test/providers/openai-wire.ts'
import { startChild } from './child.ts'
import type { FirstTokenProxy } from './first-token-proxy.ts'
import type { FirstTokenSite } from './first-token-site.ts'

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '400' },
    streams: { type: 'string', default: '50' },
    tokens: { type: 'string', default: '400' },
    json: { type: 'boolean', default: false },
  },
})
const ROUNDS = Number(flags.rounds)
const WARM_UP = Math.ceil(ROUNDS / 10)
const STREAMS = Number(flags.streams)
const TOKENS = Number(flags.tokens)
/** A vendor thinks before it speaks, and the site has put its own affairs in order by then. */
const THINKING_MS = 15
const BETWEEN_TOKENS_MS = 4

type Way = { name: string; ask: (turn: number, onData: (text: string) => void) => Promise<void> }

function post(
  port: number,
  path: string,
  token: string,
  body: string,
  onData: (text: string) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const asking = request(
      {
        ...{ host: '127.0.0.1', port, path, method: 'POST' },
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      },
      (response) => {
        if (response.statusCode !== 200) reject(new Error(`answered ${response.statusCode}`))
        response.setEncoding('utf8')
        response.on('data', onData)
        response.on('end', resolve)
        response.on('error', reject)
      },
    )
    asking.on('error', reject)
    asking.end(body)
  })
}

type Times = { hold: number[]; first: number[]; later: number[] }

/** One reply of five tokens; each is timed from the vendor's write to the client's first sight of it. */
async function time(
  way: Way,
  turn: number,
  standIn: Awaited<ReturnType<typeof startOpenAiStandIn>>,
  times: Times,
) {
  const words = ['甲', '乙', '丙', '丁', '戊']
  const written = new Map<string, number>()
  const seen = new Map<string, number>()
  let arrivedAt = 0
  standIn.next.push(async (response) => {
    arrivedAt = performance.now()
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.flushHeaders()
    await sleep(THINKING_MS)
    for (const word of words) {
      written.set(word, performance.now())
      response.write(chunk(word))
      await sleep(BETWEEN_TOKENS_MS)
    }
    response.end(chunk(null, 'stop') + DONE)
  })
  const askedAt = performance.now()
  await way.ask(turn, (text) => {
    const now = performance.now()
    for (const word of words) if (text.includes(word) && !seen.has(word)) seen.set(word, now)
  })
  times.hold.push(arrivedAt - askedAt)
  for (const [at, word] of words.entries()) {
    const [from, to] = [written.get(word), seen.get(word)]
    if (from === undefined || to === undefined) throw new Error(`${way.name} lost a token`)
    const list = at === 0 ? times.first : times.later
    list.push(to - from)
  }
}

/** Many replies at once, as fast as they are taken. @returns tokens a second */
async function flood(way: Way, standIn: Awaited<ReturnType<typeof startOpenAiStandIn>>): Promise<number> {
  const pour = async (response: ServerResponse): Promise<void> => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (let at = 0; at < TOKENS; at += 1) {
      if (!response.write(chunk(`词${at} `))) await new Promise((resolve) => response.once('drain', resolve))
      // Lets the streams take turns, as tokens of different replies do.
      if (at % 10 === 9) await sleep(0)
    }
    response.end(chunk(null, 'stop') + DONE)
  }
  for (let at = 0; at < STREAMS; at += 1) standIn.next.push(pour)
  const startedAt = performance.now()
  await Promise.all(
    Array.from({ length: STREAMS }, async (_, at) => {
      let text = ''
      await way.ask(at, (piece) => {
        text += piece
      })
      if (!text.includes(`词${TOKENS - 1} `)) throw new Error(`${way.name} lost the end of a reply`)
    }),
  )
  return (STREAMS * TOKENS) / ((performance.now() - startedAt) / 1000)
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

async function main(): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'atelier-bench-'))
  const cluster = await openCluster({ dataDir, role: 'own', log: () => {} })
  const standIn = await startOpenAiStandIn()
  const site = startChild<FirstTokenSite>('first-token-site.ts')
  const proxy = startChild<FirstTokenProxy>('first-token-proxy.ts')
  try {
    const vendor = { url: standIn.url, key: standIn.key }
    const connection = cluster.connection('bench_first_token')
    const { port, tokens } = await site.call('open', { connection, dataDir, vendor, users: STREAMS })
    const proxyPort = await proxy.call('open', vendor)
    const message = JSON.stringify({ message: '请写一段话' })
    const job = JSON.stringify({
      model: 'x',
      stream: true,
      messages: [{ role: 'user', content: '请写一段话' }],
    })
    const ways: Way[] = [
      {
        name: 'assistant',
        ask: (turn, onData) =>
          post(port, '/api/v1/assistant/chat', tokens[turn % tokens.length] ?? '', message, onData),
      },
      { name: 'bare proxy', ask: (_turn, onData) => post(proxyPort, '/', '', job, onData) },
    ]
    const times = new Map(ways.map(({ name }) => [name, { hold: [], first: [], later: [] } as Times]))
    const rates = new Map(ways.map(({ name }) => [name, [] as number[]]))
    const none: Times = { hold: [], first: [], later: [] }
    for (let turn = 0; turn < ROUNDS + WARM_UP; turn += 1)
      for (const way of ways)
        await time(way, turn, standIn, turn < WARM_UP ? none : (times.get(way.name) ?? none))
    for (const way of ways) await flood(way, standIn)
    for (let round = 0; round < 5; round += 1)
      for (const way of ways) rates.get(way.name)?.push(await flood(way, standIn))
    const findings = await site.call('verify')
    const result = ways.map(({ name }) => {
      const { hold, first, later } = times.get(name) ?? none
      const of = (list: readonly number[]) => ({
        p50: quantile(list, 0.5),
        p95: quantile(list, 0.95),
        p99: quantile(list, 0.99),
      })
      return {
        name,
        hold: of(hold),
        first: of(first),
        later: of(later),
        tokensPerSecond: quantile(rates.get(name) ?? [], 0.5),
      }
    })
    if (flags.json) process.stdout.write(`${JSON.stringify({ rounds: ROUNDS, result, findings }, null, 2)}\n`)
    else print(result, findings)
    const [assistant, bare] = result
    if (findings.length > 0) process.exitCode = 1
    if (assistant && bare && assistant.first.p50 - bare.first.p50 > 2) process.exitCode = 1
  } finally {
    await Promise.all([site.stop(), proxy.stop()])
    await standIn.close()
    await cluster.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
}

type Spread = { p50: number; p95: number; p99: number }

function print(
  result: readonly { name: string; hold: Spread; first: Spread; later: Spread; tokensPerSecond: number }[],
  findings: readonly unknown[],
): void {
  const ms = ({ p50, p95, p99 }: Spread): string =>
    [p50, p95, p99].map((one) => one.toFixed(2).padStart(7)).join(' ')
  const lines = [
    `${ROUNDS} replies each, turn by turn; milliseconds at p50, p95, p99`,
    `${''.padEnd(12)}  first token, byte to byte   later tokens              request to vendor (the hold)`,
    ...result.map(
      ({ name, first, later, hold }) => `${name.padEnd(12)} ${ms(first)}   ${ms(later)}   ${ms(hold)}`,
    ),
    `whole replies, ${STREAMS} at once, ${TOKENS} tokens each: ${result
      .map(({ name, tokensPerSecond }) => `${name} ${Math.round(tokensPerSecond)} tokens/s`)
      .join(', ')}`,
    findings.length === 0 ? 'the books are true' : `the books are not true: ${JSON.stringify(findings)}`,
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
}

await main()
