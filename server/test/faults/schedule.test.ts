import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { allReady, startMachine } from './machine.ts'
import { findPostmaster, killNow } from './processes.ts'
import { createRandom } from './random.ts'
import { connect } from './watch.ts'

const ENOUGH_MS = 150_000
const SITE = 'ai-creator'
const DELAY_MS = 12_000

type Answer = { code: number; message: string; data: Record<string, unknown> }

test('kill -9 of everything: a clip in progress is finished once, a scheduled publication happens once', {
  skip: process.platform !== 'linux' && 'needs /proc',
  timeout: ENOUGH_MS,
}, async () => {
  const machine = await startMachine({ site: SITE, workers: 2, random: createRandom(11), environment: {} })
  after(() => machine.clear({ keep: false }))
  let token = ''
  const call = async (method: string, path: string, body?: object): Promise<Record<string, unknown>> => {
    const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) }
    const init = { method, headers, ...(body && { body: JSON.stringify(body) }) }
    const answer = (await (await fetch(`${machine.url}/api/v1${path}`, init)).json()) as Answer
    assert.equal(answer.code, 200, `${path}: ${answer.message}`)
    return answer.data
  }
  const who = { username: 'crashed', email: 'crashed@example.com', password: 'password-123' }
  await call('POST', '/auth/register', who)
  token = String((await call('POST', '/auth/login', who)).access_token)
  const adjusted = await machine.atelier(
    ...[
      'admin',
      'users',
      'adjust',
      who.email,
      '200',
      '--reason',
      'crash test',
      '--key',
      'one',
      '--site',
      SITE,
    ],
  )
  assert.equal(adjusted.code, 0, adjusted.output)

  const title = { title: '如何提高工作效率', model_id: 1 }
  const text = await call('POST', '/writing/wechat_article/generate', title)
  const when = new Date(Date.now() + DELAY_MS).toISOString()
  const publication = { creation_id: text.creation_id, platforms: ['xiaohongshu'], schedule_time: when }
  assert.equal((await call('POST', '/publish', publication)).status, 'scheduled')
  const clip = await call('POST', '/video/generate', { script: '黄昏的海边灯塔', duration: 20, model_id: 3 })

  const status = (): Promise<Record<string, unknown>> => call('GET', `/video/${clip.task_id}/status`)
  const look = async (sql: string): Promise<Record<string, unknown>[]> => {
    const client = await connect(machine, SITE)
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows
    } finally {
      await client.end()
    }
  }
  const until = async (what: string, everyMs: number, isSo: () => Promise<boolean>): Promise<void> => {
    const giveUpAt = performance.now() + 60_000
    while (!(await isSo())) {
      assert.ok(performance.now() < giveUpAt, what)
      await sleep(everyMs)
    }
  }
  await until('a worker has the clip', 20, async () => {
    const [row] = await look(`select state from task where kind = 'video'`)
    return row?.state === 'running'
  })

  const postmaster = findPostmaster(machine.dataDir)
  assert.ok(postmaster)
  for (const unit of [...machine.units]) assert.ok(machine.kill(unit), unit.name)
  assert.ok(killNow(postmaster))
  await allReady(machine)

  await until('the clip is there', 1_000, async () => (await status()).status === 'completed')
  await until('the publication happened', 200, async () => {
    const [row] = await look('select state from publication_target')
    return row?.state === 'handed_off'
  })
  // Long enough for anybody who would do either again.
  await sleep(3_000)
  const ended = await status()
  assert.deepEqual([ended.status, ended.credits_used, ended.error], ['completed', 50, null])
  const [clips] = await look(
    `select t.state, count(distinct a.id)::int as attempts,
       count(distinct a.id) filter (where a.state = 'succeeded')::int as succeeded, count(distinct f.id)::int as files
     from task t join attempt a on a.task_id = t.id join work w on w.task_id = t.id
       left join file f on f.work_id = w.id and f.role = 'output' where t.kind = 'video' group by t.state`,
  )
  assert.deepEqual(clips, { state: 'succeeded', attempts: 2, succeeded: 1, files: 1 })
  const targets = await look(`select t.state, t.due_at > now() as waits,
     p.scheduled_at <= now() as "isDue" from publication_target t join publication p on p.id = t.publication_id`)
  assert.deepEqual(targets, [{ state: 'handed_off', waits: true, isDue: true }])
  const { credit_balance: left } = await call('GET', '/credit/balance')
  assert.equal(left, 200 - 10 - 50)
  const { code, output } = await machine.atelier('ledger', 'verify', '--site', SITE)
  assert.equal(code, 0, output)
})
