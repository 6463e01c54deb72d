import assert from 'node:assert/strict'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createFirstFrame } from './first-frame.ts'

let dir: string
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'atelier-frame-'))
})
after(() => rm(dir, { recursive: true, force: true }))

/** Puts a program in the place of ffmpeg. */
async function standIn(script: string): Promise<void> {
  await writeFile(join(dir, 'ffmpeg'), `#!/bin/sh\n${script}\n`)
  await chmod(join(dir, 'ffmpeg'), 0o755)
}

const clip = { path: '/data/forms/x.part', container: 'mp4', side: 640 } as const

test('without an ffmpeg there is no frame', async () => {
  assert.equal(await createFirstFrame(join(dir, 'nowhere'))(clip), null)
})

test('ffmpeg is told the container, opens nothing but files, and gets nothing of our environment', async () => {
  await standIn(`echo "$@" > ${dir}/arguments; /usr/bin/env > ${dir}/environment; printf frame`)
  process.env.SECRET_OF_OURS = 'secret'
  const frame = await createFirstFrame(dir)(clip)
  delete process.env.SECRET_OF_OURS
  assert.equal(String(frame), 'frame')
  const told = await readFile(join(dir, 'arguments'), 'utf8')
  assert.match(told, /-protocol_whitelist file,pipe .*-f mov -i file:\/data\/forms\/x\.part /)
  assert.match(told, /-nostdin .*-max_alloc \d+ .*-frames:v 1 /)
  assert.doesNotMatch(told, /http|tcp|concat/)
  assert.doesNotMatch(await readFile(join(dir, 'environment'), 'utf8'), /SECRET_OF_OURS/)
})

test('one that fails, says nothing, says too much or does not end gives no frame, and is not waited for', async () => {
  const firstFrame = createFirstFrame(dir, { withinMs: 500 })
  const startedAt = performance.now()
  for (const script of ['printf half; exit 1', 'exit 0', 'exec /usr/bin/yes', 'exec /bin/sleep 30']) {
    await standIn(script)
    assert.equal(await firstFrame(clip), null, script)
  }
  assert.ok(performance.now() - startedAt < 5_000)
})
