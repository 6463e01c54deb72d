import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'

/** Runs one of the readers as a command would, with this on its standard input; null for one that refused. */
async function read(
  reader: "readSecretLine('Key')" | 'readChannelSecret()',
  input: string,
): Promise<{ secret: string | null; words: string }> {
  const module = new URL('./input.ts', import.meta.url).href
  const name = reader.slice(0, reader.indexOf('('))
  const code = `import { ${name} } from ${JSON.stringify(module)}; process.stdout.write(JSON.stringify(await ${reader}))`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: 'pipe' })
  let out = ''
  let words = ''
  child.stdout.on('data', (chunk) => (out += chunk))
  child.stderr.on('data', (chunk) => (words += chunk))
  child.stdin.end(input)
  const status = await new Promise((resolve) => child.on('close', resolve))
  return { secret: status === 0 ? JSON.parse(out) : null, words }
}

test('a key is the first line, without the spaces around it', async () => {
  for (const reader of ["readSecretLine('Key')", 'readChannelSecret()'] as const) {
    assert.equal((await read(reader, '  a long key \nanother line\n')).secret, 'a long key')
    assert.equal((await read(reader, 'a long key')).secret, 'a long key')
    assert.match((await read(reader, 'short\n')).words, /at least 8 characters/)
  }
})

test("a channel's document is one secret however many lines it has", async () => {
  const document = { sellerId: '2088', privateKey: '-----BEGIN PRIVATE KEY-----\nabc\n' }
  for (const text of [
    JSON.stringify(document),
    JSON.stringify(document, null, 2),
    `\n${JSON.stringify(document)}\n\n`,
  ])
    assert.equal((await read('readChannelSecret()', text)).secret, JSON.stringify(document))
})

test('a document with a mistake is refused in words that do not quote it', async () => {
  const { secret, words } = await read('readChannelSecret()', '{"apiV3Key":"0123456789",\n')
  assert.equal(secret, null)
  assert.match(words, /begins like a JSON document and is none/)
  assert.ok(!words.includes('0123456789'))
})
