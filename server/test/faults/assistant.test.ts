import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { openCluster } from '../../src/db/embedded/cluster.ts'
import { plaza } from '../../src/dialects/plaza/dialect.ts'
import type { Context } from '../../src/kernel/context.ts'
import { units } from '../../src/kernel/money.ts'
import { readBalance } from '../../src/kernel/wallet/balance.ts'
import { createSite } from '../../src/site.ts'
import { until } from '../contracts/stage.ts'
import { createUser } from '../factories.ts'
import { startOpenAiStandIn } from '../providers/openai-stand-in.ts'
import { chunk } from '../providers/openai-wire.ts'
import { allReady, startMachine } from './machine.ts'
import { createRandom } from './random.ts'

const SECRET_KEY = 'a secret of the crash test, longer than 32 bytes'

/** What another process on the same data would see. */
async function beside<Result>(dataDir: string, look: (context: Context) => Promise<Result>): Promise<Result> {
  const cluster = await openCluster({ dataDir, role: 'join', log: () => {} })
  const site = await createSite({
    ...{ dialect: plaza, connection: cluster.connection('atelier_plaza'), connections: 2, dataDir },
    ...{ publicUrl: 'http://localhost', secretKey: SECRET_KEY, mail: { smtpUrl: null, mailFrom: '' } },
    ...{ providers: [], gateways: [], platforms: [], log: pino({ level: 'silent' }) },
    outbound: async () => Promise.reject(new Error('nobody is asked here')),
  })
  try {
    return await look(site.context)
  } finally {
    await site.close()
    await cluster.stop()
  }
}

type Answer = { code: number; data: Record<string, unknown> }

// The rig finds its victims in /proc.
test('kill -9 of the api process in the middle of a stream: the words are kept, one outcome, one charge, no second call', {
  skip: process.platform !== 'linux' && 'needs /proc',
  timeout: 120_000,
}, async () => {
  const vendor = await startOpenAiStandIn()
  const machine = await startMachine({
    site: 'plaza',
    workers: 1,
    random: createRandom(11),
    environment: {
      OPENAI_API_KEY: vendor.key,
      OPENAI_BASE_URL: vendor.url,
      OUTBOUND_ALLOW: '127.0.0.0/8',
      SECRET_KEY,
    },
  })
  try {
    const user = await beside(machine.dataDir, (context) => createUser(context, units(100)))
    const call = async (method: string, path: string): Promise<Answer> => {
      const answer = await fetch(`${machine.url}/api/v1${path}`, {
        method,
        headers: { authorization: `Bearer ${user.token}` },
      })
      return (await answer.json()) as Answer
    }
    vendor.next.push(async (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(chunk('死前'))
      response.write(chunk('说的话'))
    })
    const answer = await fetch(`${machine.url}/api/v1/assistant/chat`, {
      method: 'POST',
      headers: { authorization: `Bearer ${user.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ message: '讲个故事' }),
    })
    const reader = answer.body?.getReader()
    let seen = ''
    while (!seen.includes('说的话')) seen += Buffer.from((await reader?.read())?.value ?? []).toString()
    // Words go on record twice a second.
    await sleep(1_200)
    const api = machine.units.find(({ role }) => role === 'api')
    assert.ok(api && machine.kill(api))
    await sleep(100)
    await allReady(machine)

    const list = await until(
      async () => {
        await sleep(250)
        return (await call('GET', '/assistant/conversations')).data
      },
      (data) => {
        const [row] = data.list as { messageCount: number }[]
        return row?.messageCount === 2
      },
    ).catch(async () => {
      // The lease takes ten seconds to lapse.
      await sleep(5_000)
      return (await call('GET', '/assistant/conversations')).data
    })
    const [row] = list.list as { id: string; lastMessage: string; messageCount: number }[]
    assert.deepEqual([row?.lastMessage, row?.messageCount], ['死前说的话', 2])
    const { messages } = (await call('GET', `/assistant/conversations/${row?.id}`)).data
    assert.equal((messages as { status: string }[]).at(-1)?.status, 'interrupted')
    assert.equal(vendor.seen.length, 1, 'the vendor was asked once')
    const { available, held } = await beside(machine.dataDir, (context) => readBalance(context, user))
    assert.deepEqual([available, held], [units(99), 0n])
    const verified = await machine.atelier('ledger', 'verify', '--site', 'plaza')
    assert.equal(verified.code, 0, verified.output)
  } finally {
    await machine.stop()
    await machine.clear({ keep: false })
    await vendor.close()
  }
})
