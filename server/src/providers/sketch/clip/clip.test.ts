import assert from 'node:assert/strict'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { BufferSource, EncodedPacketSink, Input, MP4 } from 'mediabunny'
import sharp, { type Sharp } from 'sharp'
import { type CallOptions, ProviderError, type VideoJob } from '../../../kernel/ports/provider.ts'
import { createRandom } from '../random.ts'
import { splitPlanes } from '../scene/plane.ts'
import { createSketch } from '../sketch.ts'
import { chooseMove } from './choose-move.ts'
import { createFilm } from './frame.ts'
import { planClip } from './layers.ts'
import { toRgb } from './planes.ts'
import { createSlots } from './slots.ts'

type Clip = { bytes: Uint8Array; mediaType: string; width: number; height: number; poster: Uint8Array }

const provider = createSketch()

const job = (changes: Partial<VideoJob> = {}): VideoJob => ({
  kind: 'video',
  model: 'sketch-clip-1',
  prompt: '夜晚的湖，星空，热气球',
  width: 160,
  height: 128,
  seconds: 1,
  fps: 8,
  seed: 7,
  ...changes,
})

const options = (changes: Partial<CallOptions> = {}): CallOptions => ({
  connection: null,
  signal: new AbortController().signal,
  progress: () => {},
  reference: 'attempt-1',
  ...changes,
})

const make = async (changes: Partial<VideoJob> = {}, call: Partial<CallOptions> = {}): Promise<Clip> => {
  const step = await provider.start(job(changes), options(call))
  assert.ok(step.state === 'done')
  const [output] = step.outputs
  assert.ok(output !== undefined && 'bytes' in output && 'poster' in output)
  return output as Clip
}

const rejected = (error: unknown): boolean => error instanceof ProviderError && error.kind === 'rejected'

const boxes = (bytes: Uint8Array): string[] => {
  const data = Buffer.from(bytes)
  const names: string[] = []
  for (let at = 0; at < data.length; at += data.readUInt32BE(at))
    names.push(data.toString('latin1', at + 4, at + 8))
  return names
}

/** Whether the packet is where the index says: pieces of H.264, each after its length, to the last byte. */
const wellFormed = (packet: Uint8Array): boolean => {
  const data = Buffer.from(packet)
  let at = 0
  while (at + 4 < data.length) at += 4 + data.readUInt32BE(at)
  return at === data.length && at > 0
}

const facts = async (bytes: Uint8Array) => {
  const input = new Input({ formats: [MP4], source: new BufferSource(Uint8Array.from(bytes).buffer) })
  const track = await input.getPrimaryVideoTrack()
  assert.ok(track)
  let frames = 0
  for await (const packet of new EncodedPacketSink(track).packets()) {
    assert.ok(wellFormed(packet.data))
    frames += 1
  }
  return {
    tracks: (await input.getTracks()).length,
    codec: track.codec,
    width: track.displayWidth,
    height: track.displayHeight,
    seconds: await input.computeDuration(),
    color: await track.getColorSpace(),
    frames,
  }
}

/** Frames as they are before they are encoded, RGB. */
const framesOf = async (changes: Partial<VideoJob>, indexes: number[]): Promise<Uint8Array[]> => {
  const wanted = job(changes)
  const { shot, layers } = planClip(wanted, wanted)
  const film = createFilm(shot)
  for await (const layer of layers) film.add(layer)
  const data = new Uint8Array(shot.width * shot.height * 1.5)
  return indexes.map((index) => {
    film.draw(data, index)
    return toRgb(data, shot.width, shot.height)
  })
}

const difference = (a: Uint8Array = new Uint8Array(), b: Uint8Array = new Uint8Array()): number => {
  assert.equal(a.length, b.length)
  let sum = 0
  for (let i = 0; i < a.length; i += 1) sum += Math.abs((a[i] ?? 0) - (b[i] ?? 0))
  return sum / a.length
}

let source: { bytes: Uint8Array; mediaType: string }

before(async () => {
  const bytes = await sharp({ create: { width: 300, height: 220, channels: 3, background: '#c03020' } })
    .composite([
      {
        input: Buffer.from('<svg width="90" height="90"><rect width="90" height="90" fill="#20c0a0"/></svg>'),
        left: 105,
        top: 65,
      },
    ])
    .png()
    .toBuffer()
  source = { bytes, mediaType: 'image/png' }
})

test('a clip is an MP4 of H.264 with the length, frames and size asked for, ready to stream', async () => {
  for (const [width, height, seconds, fps] of [
    [135, 243, 2, 9],
    [160, 128, 1, 30],
    [128, 128, 60, 8],
  ] as const) {
    const clip = await make({ width, height, seconds, fps })
    const [w, h] = [width - (width % 2), height - (height % 2)]
    assert.deepEqual([clip.mediaType, clip.width, clip.height], ['video/mp4', w, h])
    assert.deepEqual(boxes(clip.bytes), ['ftyp', 'moov', 'mdat'])
    const { seconds: length, color, ...rest } = await facts(clip.bytes)
    assert.deepEqual(rest, { tracks: 1, codec: 'avc', width: w, height: h, frames: seconds * fps })
    assert.ok(Math.abs(length - seconds) < 1 / fps, `${length} s`)
    assert.deepEqual([color.matrix, color.fullRange], ['bt709', false])
    const poster = await sharp(clip.poster).metadata()
    assert.deepEqual([poster.format, poster.width, poster.height], ['png', w, h])
  }
})

test('the same job gives the same bytes, also a second later; another seed or prompt does not', async () => {
  const first = await make()
  await sleep(1100)
  assert.deepEqual((await make()).bytes, first.bytes)
  const [frame] = await framesOf({}, [4])
  for (const changes of [{ seed: 8 }, { prompt: '下雪的森林' }])
    assert.ok(difference(frame, (await framesOf(changes, [4]))[0]) > 1)
})

test('the first frame is the poster, and everything moves but nothing jumps', async () => {
  const [first, second, last] = await framesOf({ seconds: 2, fps: 16 }, [0, 1, 31])
  assert.ok(difference(first, last) > 1.5, `${difference(first, last)}`)
  assert.ok(difference(first, second) < 1.5, `${difference(first, second)}`)
  const poster = await sharp((await make({ seconds: 2, fps: 16 })).poster)
    .raw()
    .toBuffer()
  assert.equal(difference(first, poster), 0)
})

test('layers put together look like the finished picture they were cut from, in every kind of style', async () => {
  for (const style of ['', '水彩 ', '油画 ', '赛博朋克 ', '像素 ', '线稿 ']) {
    const wanted = job({ prompt: `${style}窗边的小猫`, width: 200, height: 160 })
    const { shot, layers } = planClip(wanted, wanted)
    const film = createFilm(shot)
    let picture: Uint8Array | undefined
    for await (const layer of layers) {
      film.add(layer)
      picture = layer.picture ?? picture
    }
    assert.ok(picture)
    const data = new Uint8Array(200 * 160 * 1.5)
    film.draw(data, 0)
    const [w, h] = [Math.round(200 / 0.96), Math.round(160 / 0.96)]
    const { width, height } = shot.layer
    const left = Math.round((width - w) * shot.focus.x)
    const top = Math.round((height - h) * shot.focus.y)
    // Both very small, so that what the camera and the wind moved by a few pixels does not count.
    const small = (pipeline: Sharp): Promise<Buffer> =>
      pipeline.resize(12, 10, { fit: 'fill' }).removeAlpha().raw().toBuffer()
    const whole = sharp(picture, { raw: { width, height, channels: 3 } }).extract({
      left,
      top,
      width: w,
      height: h,
    })
    const frame = sharp(toRgb(data, 200, 160), { raw: { width: 200, height: 160, channels: 3 } })
    const apart = difference(await small(frame), await small(whole))
    assert.ok(apart < 13, `${style}: ${apart}`)
  }
})

test('a source is what the clip shows', async () => {
  const [plain, lit] = await framesOf({ source, prompt: 'zoom in' }, [0, 4])
  assert.ok(plain && lit)
  const at = (frame: Uint8Array, x: number, y: number): number[] => [
    ...frame.slice((y * 160 + x) * 3, (y * 160 + x) * 3 + 3),
  ]
  for (const frame of [plain, lit]) {
    const [r = 0, g = 0] = at(frame, 80, 64)
    assert.ok(g > r + 60, 'the green square is in the middle')
    const [r2 = 0, g2 = 0] = at(frame, 8, 120)
    assert.ok(r2 > g2 + 60, 'red lies around it')
  }
  const clip = await make({ source })
  assert.equal((await facts(clip.bytes)).frames, 8)
})

test('what is larger or faster than can be filmed comes as near to it as can be, in the same shape', async () => {
  const clip = await make({ width: 2_048, height: 160, seconds: 1, fps: 1 })
  assert.deepEqual([clip.width, clip.height, (await facts(clip.bytes)).frames], [1_920, 150, 8])
  const fast = await make({ width: 128, height: 128, seconds: 1, fps: 60 })
  assert.deepEqual([fast.width, (await facts(fast.bytes)).frames], [128, 30])
})

test('what cannot be filmed is rejected', async () => {
  const wrong: Partial<VideoJob>[] = [
    { width: 127 },
    { width: 200.5 },
    { height: Number.NaN },
    { seconds: 0 },
    { seconds: 61 },
    { seconds: 1.5 },
    { fps: Number.NaN },
    { seed: Number.NaN },
    { source: { bytes: new Uint8Array([1, 2, 3]), mediaType: 'image/png' } },
    { source: { bytes: source.bytes.slice(0, source.bytes.length / 2), mediaType: 'image/png' } },
  ]
  for (const changes of wrong)
    await assert.rejects(make(changes), rejected, JSON.stringify(changes).slice(0, 60))
})

test('an abort stops the work at once: before, while drawing, while encoding and in the queue', async () => {
  await assert.rejects(make({}, { signal: AbortSignal.abort() }), { name: 'AbortError' })
  for (const share of [1, 20]) {
    const controller = new AbortController()
    let abortedAt = 0
    let late = 0
    const progress = (percent: number): void => {
      if (abortedAt > 0) late += 1
      if (percent < share || abortedAt > 0) return
      abortedAt = performance.now()
      controller.abort()
    }
    const long = { width: 320, height: 240, seconds: 10, fps: 30 }
    await assert.rejects(make(long, { signal: controller.signal, progress }), { name: 'AbortError' })
    assert.ok(performance.now() - abortedAt < 400, `${performance.now() - abortedAt} ms`)
    assert.equal(late, 0)
  }
})

test('places are handed on in turn, and nobody who left the queue gets one', async () => {
  const slots = createSlots(1)
  const never = new AbortController().signal
  const first = await slots.enter(never)
  const tired = new AbortController()
  const second = assert.rejects(slots.enter(tired.signal), { name: 'AbortError' })
  let entered = false
  const third = slots.enter(never).then((leave) => {
    entered = true
    return leave
  })
  tired.abort()
  await second
  await sleep(5)
  assert.equal(entered, false)
  first()
  first()
  const leave = await third
  const fourth = slots.enter(never)
  leave()
  ;(await fourth)()
})

test('progress rises and stays below 100, and the event loop stays free meanwhile', async () => {
  const seen: number[] = []
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  await make({ width: 320, height: 180, seconds: 2, fps: 24 }, { progress: (percent) => seen.push(percent) })
  delay.disable()
  // The worker alone is busy for a second; what is left here are short steps (100 ms allows for a busy machine).
  assert.ok(delay.percentile(99) / 1e6 < 100, `${delay.percentile(99) / 1e6} ms`)
  assert.ok(seen.length > 20)
  assert.deepEqual(
    seen,
    [...seen].sort((a, b) => a - b),
  )
  assert.ok(seen.every((percent) => percent >= 0 && percent <= 99))
})

test('a scene is cut at its marks and nowhere else', () => {
  const cut = splitPlanes('a<!--drift 0.1-->b<!--still 1--><!--still 1-->c<!--still 1-->d<!--x-->', 'still')
  assert.deepEqual(cut, [
    { motion: 'still', depth: 0, svg: 'a' },
    { motion: 'drift', depth: 0.1, svg: 'b' },
    { motion: 'still', depth: 1, svg: 'cd<!--x-->' },
  ])
})

test('the prompt may ask for a camera move', () => {
  const random = createRandom(1)
  const zoom = (prompt: string): number => {
    const { from, to } = chooseMove(prompt, random)
    return to.zoom - from.zoom
  }
  assert.ok(zoom('镜头推近小猫') > 0.5)
  assert.ok(zoom('the camera pulls back') < -0.5)
  assert.ok(chooseMove('镜头向左', random).from.x < 0)
})
