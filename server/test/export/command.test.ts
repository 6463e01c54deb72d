// `atelier admin transactions export` as an accountant runs it: a process of its own, on a data folder of its own.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const command = fileURLToPath(new URL('../../src/atelier.ts', import.meta.url))
let dir = ''
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'atelier-export-'))
})
after(() => rm(dir, { recursive: true, force: true }))

function atelier(args: readonly string[], input = ''): Promise<{ code: number | null; text: string }> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, DATA_DIR: join(dir, 'data'), SITES: 'aigentools' }
    const child = spawn(process.execPath, [command, 'admin', ...args], { env })
    let text = ''
    child.stdout.on('data', (piece) => {
      text += piece
    })
    child.stderr.on('data', (piece) => {
      text += piece
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, text }))
    child.stdin.end(input)
  })
}

test('an export by command is a whole file that only its owner reads, and a refused one leaves none', async () => {
  const out = join(dir, 'out.csv')
  assert.equal((await atelier(['users', 'create', 'li', 'li@example.com'], 'a long password\n')).code, 0)
  assert.equal((await atelier(['users', 'adjust', 'li', '12.5', '--reason', '=充值'])).code, 0)
  assert.equal((await atelier(['users', 'adjust', 'li', '--reason', '更正', '--', '-2'])).code, 0)
  const done = await atelier(['transactions', 'export', out, '--account', 'li', '--least', '0'])
  assert.deepEqual(done, { code: 0, text: `1 transactions were written to ${out}.\n` })
  assert.equal((await stat(out)).mode & 0o777, 0o600)
  const lines = (await readFile(out, 'utf8')).split('\r\n')
  assert.equal(
    lines[0],
    '\ufeffentry,at,account,kind,amount,before,after,reason,operator,ip,device,task,model,order,hash',
  )
  assert.match(
    lines[1] ?? '',
    /^1,\d{4}-[^,]+Z,\d+,adjustment,12\.5000,0\.0000,12\.5000,'=充值,,,atelier admin,,,,[0-9a-f]{64}$/,
  )
  assert.equal(lines.length, 3)
  const refused = await atelier(['transactions', 'export', join(dir, 'no.csv'), '--from', 'yesterday'])
  assert.equal(refused.code, 1)
  assert.match(refused.text, /--from takes a day/)
  assert.deepEqual((await readdir(dir)).sort(), ['data', 'out.csv'])
})
