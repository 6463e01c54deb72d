import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import sharp from 'sharp'
import { ProviderError, type TextPart } from '../../../kernel/ports/provider.ts'
import { createSketch } from '../sketch.ts'
import { measure } from './measure.ts'
import { nameColor } from './name-color.ts'

const svg = (body: string, width = 600, height = 600): Promise<Buffer> =>
  sharp(
    Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${body}</svg>`),
  )
    .png()
    .toBuffer()

const gradient = (x2: number, y2: number, from: string, to: string): string =>
  `<defs><linearGradient id="g" x1="0" y1="0" x2="${x2}" y2="${y2}"><stop stop-color="${from}"/>
   <stop offset="1" stop-color="${to}"/></linearGradient></defs><rect width="100%" height="100%" fill="url(#g)"/>`

const write = createSketch().write
assert.ok(write)

const jobOf = (bytes: Uint8Array, purpose?: string) => ({
  kind: 'vision' as const,
  model: 'sketch',
  ...(purpose && { purpose }),
  system: '',
  messages: [{ role: 'user' as const, text: '', pictures: [{ bytes, mediaType: 'image/png' }] }],
  maxTokens: 100,
  temperature: 0.5,
})

const textOf = async (bytes: Uint8Array, purpose?: string): Promise<string> => {
  const parts: TextPart[] = []
  const options = { connection: null, signal: new AbortController().signal }
  for await (const part of write(jobOf(bytes, purpose), options)) parts.push(part)
  assert.deepEqual(
    parts.filter(({ type }) => type === 'end'),
    [{ type: 'end', reason: 'stop', usage: null }],
  )
  assert.equal(parts.at(-1)?.type, 'end')
  return parts.map((part) => (part.type === 'text' ? part.text : '')).join('')
}

const PRODUCT = svg(
  '<rect width="600" height="600" fill="#fafafa"/><rect x="400" y="200" width="120" height="200" fill="#b3202a"/>',
)

describe('what is measured is what is there', () => {
  test('a red thing in the right of a white studio', async () => {
    const measured = await measure(await PRODUCT)
    assert.deepEqual(
      measured.colors.map(({ name }) => name.zh),
      ['白', '鲜红'],
    )
    assert.ok(Math.abs((measured.colors[1]?.share ?? 0) - 120 / 600 / 3) < 0.01)
    assert.ok(measured.weight.x > 0.65 && Math.abs(measured.weight.y - 0.5) < 0.05)
    assert.equal(measured.plainBackground?.name.en, 'white')
    assert.ok(measured.empty.left > 0.9)
  })

  test('light from each side, and from none', async () => {
    const lightOf = async (body: string) => (await measure(await svg(body))).light
    assert.ok((await lightOf(gradient(1, 0, '#fff', '#222'))).toRight < -0.4)
    assert.ok((await lightOf(gradient(1, 0, '#222', '#fff'))).toRight > 0.4)
    assert.ok((await lightOf(gradient(0, 1, '#fff', '#222'))).toBottom < -0.4)
    const even = await lightOf('<rect width="600" height="600" fill="#777"/>')
    assert.deepEqual(
      Object.values(even).map((one) => Math.abs(one) < 0.001),
      [true, true, true],
    )
  })

  test('warm and cool, bright and dark, grey and vivid', async () => {
    const plain = async (color: string) =>
      measure(await svg(`<rect width="600" height="600" fill="${color}"/>`))
    assert.ok((await plain('#e0a050')).warmth.all > 0.05)
    assert.ok((await plain('#3060c0')).warmth.all < -0.05)
    assert.ok(Math.abs((await plain('#3c9a4a')).warmth.all) < 0.03)
    assert.ok((await plain('#f5f5f5')).lightness.mean > 0.9)
    assert.ok((await plain('#101010')).shadows > 0.99)
    assert.ok((await plain('#808080')).chroma < 0.001)
    assert.ok((await plain('#ff0000')).chroma > 0.2)
  })

  test('a horizon is found where it is, and not where there is none', async () => {
    const sea = await svg(
      '<rect width="600" height="240" fill="#9cc4ee"/><rect y="240" width="600" height="360" fill="#16405e"/>',
    )
    assert.ok(Math.abs(((await measure(sea)).horizon ?? 0) - 0.4) < 0.02)
    assert.equal((await measure(await PRODUCT)).horizon, null)
    assert.equal((await measure(await svg(gradient(0, 1, '#fff', '#000')))).horizon, null)
  })

  test('the way lines lead', async () => {
    const stripes = (turn: number) =>
      svg(
        `<g transform="rotate(${turn} 300 300)">${Array.from({ length: 40 }, (_, i) => `<rect x="-300" y="${i * 40 - 400}" width="1200" height="20"/>`).join('')}</g>`,
      )
    const found = []
    for (const turn of [0, 90, 45, -45]) found.push((await measure(await stripes(turn))).lines)
    assert.deepEqual(found, ['horizontal', 'vertical', 'falling', 'rising'])
  })

  test('symmetry', async () => {
    const circle = (x: number) =>
      svg(`<rect width="600" height="600"/><circle cx="${x}" cy="300" r="120" fill="#fff"/>`)
    assert.ok((await measure(await circle(300))).symmetry > 0.95)
    assert.ok((await measure(await circle(160))).symmetry < 0.2)
  })
})

test('colours have the names that people give them', () => {
  const names = [
    [0.15, 0.005, 0, 'black'],
    [0.97, 0.003, 0, 'white'],
    [0.6, 0.2, 29, 'vivid red'],
    [0.45, 0.12, 264, 'dark blue'],
    [0.5, 0.2, 264, 'vivid blue'],
    [0.9, 0.06, 85, 'cream'],
    [0.4, 0.08, 55, 'brown'],
    [0.7, 0.15, 142, 'green'],
    [0.86, 0.15, 100, 'pale yellow'],
  ] as const
  for (const [l, c, h, en] of names) assert.equal(nameColor({ l, c, h }).en, en)
})

describe('what sketch writes', () => {
  for (const purpose of ['picture-to-glamour-prompts', 'picture-to-sales-clip-prompts']) {
    test(`${purpose}: honest, four whole variants, and from the measurement`, async () => {
      const text = await textOf(await PRODUCT, purpose)
      assert.match(text, /^【来源】本结果由内置渲染器 sketch 测量得出，不是 AI 模型/)
      assert.match(text, /认不出画面里的人物、物品和文字/)
      assert.match(text, /色彩：白 #[0-9a-f]{6}（\d+%）、鲜红 #[0-9a-f]{6}（\d+%）/)
      assert.equal(text.match(/^变体 [1-4] · /gm)?.length, 4)
      for (const part of ['正向提示词', '反向提示词', '说明'])
        assert.equal(text.match(new RegExp(`^${part}：.{10,}$`, 'gm'))?.length, 4, part)
      for (const line of text.match(/^正向提示词.*$/gm) ?? []) assert.match(line, /white and vivid red/)
      assert.doesNotMatch(text, /undefined|NaN|null|\$\{|,\s*,/)
    })
  }

  test('the glamour form speaks of adults only, and keeps what it must keep out', async () => {
    const text = await textOf(await PRODUCT, 'picture-to-glamour-prompts')
    for (const line of text.match(/^正向提示词.*$/gm) ?? [])
      assert.match(line, /adult model aged 25 or older/)
    for (const line of text.match(/^反向提示词.*$/gm) ?? [])
      assert.match(line, /nudity, nsfw, explicit, underage, childlike, real person likeness/)
    assert.match(text, /25 岁以上/)
  })

  test('each clip is one shot of 5 to 10 seconds with one move, and adds no mirrors', async () => {
    const text = await textOf(await PRODUCT, 'picture-to-sales-clip-prompts')
    for (const line of text.match(/^正向提示词.*$/gm) ?? []) {
      assert.match(line, /One continuous [5-9]-second shot/)
      assert.equal(line.match(/the camera (pushes|slides|moves|rises|starts)/g)?.length, 1, line)
    }
    for (const line of text.match(/^反向提示词.*$/gm) ?? []) assert.match(line, /extra objects.*mirror/)
  })

  test('another picture, another text; the same picture, the same', async () => {
    const dark = await svg(gradient(1, 1, '#0b1030', '#503070'), 400, 700)
    const purpose = 'picture-to-glamour-prompts'
    assert.equal(await textOf(dark, purpose), await textOf(dark, purpose))
    assert.notEqual(await textOf(dark, purpose), await textOf(await PRODUCT, purpose))
  })

  test('for a purpose it does not know, the measurement alone', async () => {
    const text = await textOf(await PRODUCT, 'constructor')
    assert.match(text, /画面测量/)
    assert.doesNotMatch(text, /变体/)
  })

  test('odd pictures: one pixel, a thread, transparency, one channel', async () => {
    const create = { width: 1, height: 1, channels: 3 as const, background: '#fff' }
    const odd = [
      sharp({ create }),
      sharp({ create: { ...create, width: 900, height: 2 } }),
      sharp({ create: { ...create, width: 60, height: 60, channels: 4, background: '#ff000000' } }),
      sharp({ create: { ...create, width: 60, height: 60 } }).toColourspace('b-w'),
    ]
    for (const one of odd) {
      const text = await textOf(await one.png().toBuffer(), 'picture-to-sales-clip-prompts')
      assert.doesNotMatch(text, /undefined|NaN|Infinity/)
    }
  })

  test('no picture, or none that can be read, is refused; an aborted job is not begun', async () => {
    const isRejected = (error: unknown) => error instanceof ProviderError && error.kind === 'rejected'
    await assert.rejects(textOf(Buffer.from('no picture')), isRejected)
    const options = { connection: null, signal: new AbortController().signal }
    const empty = { ...jobOf(Buffer.alloc(0)), messages: [{ role: 'user' as const, text: 'hello' }] }
    await assert.rejects(async () => {
      for await (const _ of write(empty, options)) assert.fail('it wrote')
    }, isRejected)
    const aborted = { connection: null, signal: AbortSignal.abort() }
    await assert.rejects(
      async () => {
        for await (const _ of write(jobOf(await PRODUCT), aborted)) assert.fail('it wrote')
      },
      { name: 'AbortError' },
    )
  })
})
