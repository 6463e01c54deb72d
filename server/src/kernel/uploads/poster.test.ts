import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import sharp from 'sharp'
import { aClip, box } from '../../../test/fakes/clips.ts'
import { measureClip } from './measure-clip.ts'
import { makePoster } from './poster.ts'

let dir: string
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'atelier-poster-'))
})
after(() => rm(dir, { recursive: true, force: true }))

let serial = 0
async function onDisk(bytes: Uint8Array): Promise<string> {
  serial += 1
  const path = join(dir, `${serial}.part`)
  await writeFile(path, bytes)
  return path
}

const nothing = { firstFrame: async () => null }

test('a clip is measured from the disk', async () => {
  const clip = await aClip({ width: 320, height: 176, frames: 25 })
  assert.deepEqual(await measureClip(await onDisk(clip)), { width: 320, height: 176, durationMs: 2_500 })
})

test('what cannot be read is no clip, whatever it says of itself', async () => {
  const clip = await aClip()
  const moov = clip.indexOf('moov') - 4
  const table = (name: string, ...numbers: number[]): Buffer => {
    const content = Buffer.alloc(numbers.length * 4)
    for (const [index, number] of numbers.entries()) content.writeUInt32BE(number, index * 4)
    return box(name, content)
  }
  const without = Buffer.from(clip)
  without.write('free', moov + 4, 'latin1')
  const liars: [string, Buffer][] = [
    ['nothing', Buffer.alloc(0)],
    ['no index', without],
    ['a head alone', clip.subarray(0, 32)],
    ['an index cut off', clip.subarray(0, moov + 60)],
    [
      'a box larger than any disk',
      Buffer.concat([clip.subarray(0, 32), box('moov', Buffer.alloc(64), 0xffff_fff0)]),
    ],
    [
      'a table of samples alone',
      Buffer.concat([clip.subarray(0, 32), box('moov', table('stsz', 0, 0, 1_000_000_000))]),
    ],
  ]
  for (const [what, bytes] of liars) assert.equal(await measureClip(await onDisk(bytes)), null, what)
})

test('without a decoder the poster is a card in the shape of the clip', async () => {
  for (const [width, height] of [
    [1_280, 720],
    [720, 1_280],
    [8_192, 2],
  ] as const) {
    const poster = await makePoster(nothing, '', 'mp4', { width, height, durationMs: 65_000 })
    if (process.env.POSTERS) await writeFile(join(process.env.POSTERS, `${width}x${height}.webp`), poster)
    const found = await sharp(poster).metadata()
    assert.equal(found.format, 'webp')
    assert.equal(Math.max(found.width, found.height), 640)
    assert.ok(Math.min(found.width, found.height) >= 240)
    const { channels } = await sharp(poster).stats()
    assert.ok(
      channels.some(({ stdev }) => stdev > 5),
      'something is drawn on it',
    )
  }
})

test('with one it is the frame, and a frame that is none is not believed', async () => {
  const frame = await sharp({ create: { width: 64, height: 48, channels: 3, background: '#ff0000' } })
    .png()
    .toBuffer()
  const clip = { width: 64, height: 48, durationMs: 1_000 }
  const poster = await makePoster({ firstFrame: async () => frame }, 'x', 'mp4', clip)
  assert.deepEqual((await sharp(poster).stats()).dominant, { r: 248, g: 8, b: 8 })
  const drawn = await makePoster({ firstFrame: async () => Buffer.from('nothing') }, 'x', 'mp4', clip)
  assert.equal((await sharp(drawn).metadata()).width, 640)
})
