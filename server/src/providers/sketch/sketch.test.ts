import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import sharp from 'sharp'
import { type CallOptions, type ImageJob, type Output, ProviderError } from '../../kernel/ports/provider.ts'
import { drawSvg } from './draw.ts'
import { readPrompt } from './read-prompt.ts'
import { subjectKinds } from './scene/subjects/index.ts'
import { createSketch } from './sketch.ts'
import {
  type DetailName,
  type PlaceName,
  type StyleName,
  type SubjectName,
  styleWords,
  subjectWords,
} from './vocabulary.ts'

type Picture = Extract<Output, { bytes: Uint8Array }>

const provider = createSketch()

const job = (changes: Partial<ImageJob> = {}): ImageJob => ({
  kind: 'image',
  model: 'sketch-1',
  prompt: '一只可爱的小猫',
  width: 128,
  height: 96,
  count: 1,
  seed: 7,
  guidance: 7,
  watermark: false,
  ...changes,
})

const options = (changes: Partial<CallOptions> = {}): CallOptions => ({
  connection: null,
  signal: new AbortController().signal,
  progress: () => {},
  reference: 'attempt-1',
  ...changes,
})

const make = async (changes: Partial<ImageJob> = {}): Promise<Picture[]> => {
  const step = await provider.start(job(changes), options())
  assert.ok(step.state === 'done')
  return step.outputs.map((output) => {
    assert.ok('bytes' in output)
    return output
  })
}

const one = async (changes: Partial<ImageJob> = {}): Promise<Picture> => {
  const [picture] = await make(changes)
  assert.ok(picture)
  return picture
}

const pixels = (bytes: Uint8Array): Promise<Buffer> => sharp(bytes).removeAlpha().raw().toBuffer()

const difference = (a: Buffer, b: Buffer): number => {
  assert.equal(a.length, b.length)
  let sum = 0
  for (let i = 0; i < a.length; i += 1) sum += Math.abs((a[i] ?? 0) - (b[i] ?? 0))
  return sum / a.length
}

const rejected = (error: unknown): boolean => error instanceof ProviderError && error.kind === 'rejected'

let source: { bytes: Uint8Array; mediaType: string }

before(async () => {
  source = {
    bytes: (await one({ prompt: '海边的灯塔', width: 240, height: 200 })).bytes,
    mediaType: 'image/png',
  }
})

test('the same job gives the same bytes, in every style', async () => {
  for (const style of ['', ...Object.values(styleWords).map((words) => words.split(' ')[0])]) {
    const changes = { prompt: `${style} 花园里的小猫` }
    assert.deepEqual((await one(changes)).bytes, (await one(changes)).bytes, style)
  }
})

test('another seed, another prompt and another negative prompt give another picture', async () => {
  const first = (await one()).bytes
  assert.notDeepEqual((await one({ seed: 8 })).bytes, first)
  assert.notDeepEqual((await one({ prompt: '一只可爱的小狗' })).bytes, first)
  assert.notDeepEqual((await one({ negativePrompt: '猫' })).bytes, first)
})

test('guidance decides how far the palette follows the colours asked for', async () => {
  const prompt = 'a purple mountain'
  const [loose, strict] = [1, 16].map((guidance) =>
    drawSvg({ prompt, negativePrompt: '', width: 64, height: 64, seed: 1, guidance }),
  )
  assert.notEqual(loose?.palette.far, strict?.palette.far)
})

test('pictures are PNG of exactly the size asked for', async () => {
  for (const [width, height] of [
    [64, 64],
    [512, 64],
    [97, 211],
    [64, 700],
  ] as const) {
    const picture = await one({ width, height })
    const { format, width: w, height: h } = await sharp(picture.bytes).metadata()
    assert.deepEqual(
      [picture.mediaType, picture.width, picture.height, format, w, h],
      ['image/png', width, height, 'png', width, height],
    )
  }
})

test('count gives that many different pictures; the first is the one of its own seed', async () => {
  const pictures = await make({ count: 3 })
  assert.equal(pictures.length, 3)
  assert.equal(new Set(pictures.map(({ bytes }) => Buffer.from(bytes).toString('base64'))).size, 3)
  assert.deepEqual(pictures[0]?.bytes, (await one()).bytes)
})

test('the watermark changes the lower right corner and nothing else', async () => {
  const size = { width: 400, height: 300 }
  const [plain, marked] = await Promise.all([
    pixels((await one(size)).bytes),
    pixels((await one({ ...size, watermark: true })).bytes),
  ])
  let changed = 0
  for (let i = 0; i < plain.length; i += 3) {
    if (plain[i] === marked[i] && plain[i + 1] === marked[i + 1] && plain[i + 2] === marked[i + 2]) continue
    const [x, y] = [(i / 3) % 400, Math.floor(i / 3 / 400)]
    assert.ok(x > 240 && y > 255, `changed at ${x}, ${y}`)
    changed += 1
  }
  assert.ok(changed > 60)
})

test('progress rises in several steps and stays below 100', async () => {
  const seen: number[] = []
  await provider.start(job({ count: 2 }), options({ progress: (percent) => seen.push(percent) }))
  assert.ok(seen.length >= 6)
  assert.deepEqual(
    seen,
    [...seen].sort((a, b) => a - b),
  )
  assert.ok(seen.every((percent) => percent >= 0 && percent <= 99))
})

test('an aborted job stops, before and between stages', async () => {
  await assert.rejects(provider.start(job(), options({ signal: AbortSignal.abort() })), {
    name: 'AbortError',
  })
  const controller = new AbortController()
  let calls = 0
  const progress = (): void => {
    calls += 1
    if (calls === 2) controller.abort()
  }
  await assert.rejects(provider.start(job({ count: 9 }), options({ signal: controller.signal, progress })), {
    name: 'AbortError',
  })
  assert.equal(calls, 2)
})

test('what cannot be drawn is rejected', async () => {
  const wrong: Partial<ImageJob>[] = [
    { width: 63 },
    { height: 4097 },
    { width: 100.5 },
    { width: Number.NaN },
    { count: 0 },
    { count: 1.5 },
    { count: 1000 },
    { seed: Number.NaN },
    { kind: 'image_edit' },
    { kind: 'image_edit', source, strength: 1.1 },
    { kind: 'image_edit', source: { bytes: new Uint8Array([1, 2, 3]), mediaType: 'image/png' } },
    {
      kind: 'image_edit',
      source: { bytes: source.bytes.slice(0, source.bytes.length / 2), mediaType: 'image/png' },
    },
  ]
  for (const changes of wrong)
    await assert.rejects(make(changes), rejected, JSON.stringify(changes).slice(0, 80))
})

test('a restyled picture leaves its source further behind with every step of strength', async () => {
  const size = { width: 160, height: 120 }
  const original = await sharp(source.bytes)
    .resize(160, 120, { fit: 'cover', position: 'attention' })
    .removeAlpha()
    .raw()
    .toBuffer()
  for (const prompt of [
    '水彩',
    '油画 日落',
    '水墨',
    '赛博朋克',
    '剪纸',
    '线稿',
    '像素',
    'make it pretty',
    '夜 蓝色',
  ]) {
    const distances: number[] = []
    for (const strength of [0, 0.3, 0.6, 1]) {
      const picture = await one({ ...size, kind: 'image_edit', source, strength, prompt })
      distances.push(difference(await pixels(picture.bytes), original))
    }
    const [none = 99, some = 0, more = 0, full = 0] = distances
    assert.ok(none < 1 && none < some && some < more && more < full && full > 4, `${prompt}: ${distances}`)
  }
})

test('hostile prompts are only text', async () => {
  const prompts = [
    '</svg><script>alert(1)</script>',
    '<image href="file:///etc/passwd"/>&xxe;',
    '猫'.repeat(10_000),
    'x'.repeat(20_000),
    '👩‍👩‍👧‍👦🐈🔥',
    'null\u0000byte cat',
    '\u202eمرحبا بالعالم',
    '\ud800 lone surrogate',
    '',
    ' ',
    '$&`\'"{{}}%s',
  ]
  for (const prompt of prompts) {
    const { svg } = drawSvg({ prompt, negativePrompt: prompt, width: 64, height: 64, seed: 1, guidance: 7 })
    assert.doesNotMatch(svg, /script|href|file:|NaN|undefined|Infinity/, prompt.slice(0, 40))
    assert.equal((await one({ prompt, width: 64, height: 64 })).width, 64)
  }
})

test('every subject draws in every style of look without a broken number', () => {
  for (const [name, words] of Object.entries(subjectWords)) {
    for (const style of ['', '剪纸 ', '夜 ']) {
      const { svg, reading } = drawSvg({
        prompt: style + words.split(' ')[0],
        negativePrompt: '',
        width: 300,
        height: 200,
        seed: 3,
        guidance: 7,
      })
      assert.doesNotMatch(svg, /NaN|undefined|Infinity/, name)
      assert.ok(
        reading.subjects.some((subject) => subject.name === name),
        name,
      )
    }
  }
  assert.ok(Object.keys(subjectKinds).length >= 25)
})

type Expected = {
  subjects?: SubjectName[]
  place?: PlaceName
  detail?: DetailName
  style?: StyleName
  count?: number
  night?: boolean
}

const table: readonly [string, Expected][] = [
  ['一只可爱的小猫', { subjects: ['cat'], count: 1 }],
  ['一只可爱的猫咪在花园里玩耍', { subjects: ['cat'], place: 'garden' }],
  ['三只小兔子在雪地里', { subjects: ['rabbit'], count: 3, place: 'snowfield', detail: 'snow' }],
  ['two dogs on the beach at sunset', { subjects: ['dog'], count: 2, place: 'sea' }],
  ['a category of concatenation', { subjects: [] }],
  ['大熊猫吃竹子', { subjects: ['panda'], detail: 'bamboo' }],
  ['猫头鹰', { subjects: ['owl'] }],
  ['机器人和宇航员在宇宙', { subjects: ['robot', 'astronaut'], place: 'space' }],
  ['水墨画 山水', { subjects: [], place: 'mountain', style: 'ink' }],
  ['a watercolor painting of a lighthouse', { subjects: ['lighthouse'], style: 'watercolor' }],
  ['赛博朋克 雨夜 城市', { place: 'city', style: 'cyberpunk', detail: 'rain', night: true }],
  ['pixel art of a red car', { subjects: ['car'], style: 'pixel' }],
  ['热气球 over mountains', { subjects: ['balloon'], place: 'mountain' }],
  ['一杯咖啡', { subjects: ['cup'] }],
  ['butterflies', { subjects: ['butterfly'] }],
]

test('motifs are recognised in Chinese and English', () => {
  for (const [prompt, expected] of table) {
    const reading = readPrompt(prompt)
    if (expected.subjects)
      assert.deepEqual(
        reading.subjects.map(({ name }) => name),
        expected.subjects,
        prompt,
      )
    if (expected.count) assert.equal(reading.subjects[0]?.count, expected.count, prompt)
    if (expected.place) assert.ok(reading.places.includes(expected.place), prompt)
    if (expected.detail) assert.ok(reading.details.has(expected.detail), prompt)
    if (expected.style) assert.equal(reading.style, expected.style, prompt)
    if (expected.night) assert.equal(reading.time, 'night', prompt)
  }
})

test('a colour belongs to the thing it stands before, and the negative prompt takes motifs away', () => {
  assert.equal(readPrompt('红色的气球和猫').subjects[0]?.color, '#d6453f')
  assert.equal(readPrompt('红色的气球和猫').subjects[1]?.color, undefined)
  assert.deepEqual(
    readPrompt('猫和狗', '狗').subjects.map(({ name }) => name),
    ['cat'],
  )
  assert.equal(readPrompt('蓝色的海', '蓝色').colors.length, 0)
})
