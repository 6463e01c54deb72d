import assert from 'node:assert/strict'
import { test } from 'node:test'
import { strFromU8, unzipSync } from 'fflate'
import type { DeckContent, Slide } from '../../kernel/ports/deck-renderer.ts'
import { DECK_BOUNDS } from '../../kernel/ports/deck-renderer.ts'
import { fitPoints, heightOf } from './fit.ts'
import { createPptxRenderer } from './pptx-renderer.ts'

// The structure of the file; how it looks is for `npm run decks` and a person.

const slide = <Rest extends object>(title: string, rest: Rest) => ({
  title,
  notes: `讲者备注：${title}`,
  ...rest,
})

const content: DeckContent = {
  title: '产品发布会',
  language: 'zh-CN',
  slides: [
    slide('产品发布会', { kind: 'title', subtitle: '新一代 & <智能>' }),
    slide('目录', { kind: 'agenda', items: ['产品介绍', '市场分析'] }),
    slide('产品介绍', { kind: 'section', text: '它是什么' }),
    slide('要点', { kind: 'bullets', bullets: [{ text: '快', points: ['一秒'] }, { text: '好' }] }),
    slide('对比', { kind: 'table', columns: ['指标', '数值'], rows: [['响应', '0.6 s']] }),
    slide('规模', {
      kind: 'chart',
      chart: 'bar',
      categories: ['2025', '2026'],
      series: [{ name: '市场', values: [301, 395] }],
      unit: '亿',
    }),
    slide('谢谢', { kind: 'closing', text: '欢迎提问' }),
  ] as Slide[],
}

async function unpack(deck: DeckContent): Promise<Record<string, string>> {
  const files = unzipSync(await createPptxRenderer().render(deck))
  return Object.fromEntries(
    Object.entries(files)
      .filter(([name]) => /\.(xml|rels)$/.test(name))
      .map(([name, bytes]) => [name, strFromU8(bytes)]),
  )
}

/** The words of a part, in order. */
const wordsOf = (xml = ''): string =>
  [...xml.matchAll(/<a:t>([^<]*)<\/a:t>/g)].map((match) => match[1]).join('|')

test('a deck has a slide and notes for everything in its content, and every word of it', async () => {
  const files = await unpack(content)
  for (const [index, { title, notes }] of content.slides.entries()) {
    const words = wordsOf(files[`ppt/slides/slide${index + 1}.xml`])
    assert.match(words, new RegExp(title), `slide ${index + 1}`)
    assert.match(wordsOf(files[`ppt/notesSlides/notesSlide${index + 1}.xml`]), new RegExp(notes))
  }
  assert.equal(files['ppt/slides/slide8.xml'], undefined)
  for (const [page, word] of [
    [1, '新一代 &amp; &lt;智能&gt;'],
    [2, '市场分析'],
    [3, '它是什么'],
    [4, '一秒'],
    [5, '0.6 s'],
    [7, '欢迎提问'],
  ] as const)
    assert.ok(wordsOf(files[`ppt/slides/slide${page}.xml`]).includes(word), word)
})

test('tables and charts are real ones, with their numbers', async () => {
  const files = await unpack(content)
  assert.match(files['ppt/slides/slide5.xml'] ?? '', /<a:tbl>/)
  const chart = Object.entries(files).find(([name]) => /charts\/chart\d+\.xml$/.test(name))?.[1] ?? ''
  assert.match(chart, /<c:barChart>/)
  for (const value of [301, 395]) assert.match(chart, new RegExp(`<c:v>${value}</c:v>`))
  assert.match(chart, /亿/)
})

test('Chinese is set in a font that its readers have', async () => {
  const files = await unpack(content)
  assert.match(files['ppt/slides/slide1.xml'] ?? '', /typeface="Microsoft YaHei"/)
  assert.match(files['ppt/theme/theme1.xml'] ?? '', /Microsoft YaHei/)
})

test('the fullest deck there can be is rendered, and nothing lies outside its slide', async () => {
  const long = '面向未来的人才培养体系与绩效管理机制'.repeat(30).slice(0, DECK_BOUNDS.textCharacters)
  const title = long.slice(0, DECK_BOUNDS.titleCharacters)
  const many = <Item>(count: number, make: (index: number) => Item): Item[] =>
    Array.from({ length: count }, (_, index) => make(index))
  const full = {
    title,
    language: 'zh-CN',
    slides: [
      slide(title, { kind: 'title', subtitle: long }),
      slide(title, { kind: 'agenda', items: many(DECK_BOUNDS.items, () => long) }),
      slide(title, { kind: 'section', text: long }),
      ...many(DECK_BOUNDS.items, (index) =>
        slide(title, {
          kind: 'bullets',
          bullets: many(index + 1, () => ({ text: long, points: many(DECK_BOUNDS.points, () => long) })),
        }),
      ),
      slide(title, {
        kind: 'table',
        columns: many(DECK_BOUNDS.columns, () => long),
        rows: many(DECK_BOUNDS.rows, () => many(DECK_BOUNDS.columns, () => long)),
      }),
      slide(title, { kind: 'closing', text: long }),
    ],
  } as DeckContent
  const files = await unpack(full)
  const emu = 914_400
  for (const [name, xml] of Object.entries(files).filter(([one]) => /slides\/slide\d+\.xml$/.test(one))) {
    for (const [, x, y, width, height] of xml.matchAll(
      /<a:off x="(-?\d+)" y="(-?\d+)"\/>\s*<a:ext cx="(\d+)" cy="(\d+)"\/>/g,
    )) {
      // Circles reach over the edge on purpose; texts and cards begin on the slide.
      assert.ok(Number(x) < 13.4 * emu && Number(y) < 7.5 * emu, `${name}: ${x} ${y}`)
      assert.ok(Number(width) >= 0 && Number(height) >= 0)
    }
    assert.doesNotMatch(xml, /NaN|undefined|Infinity/, name)
  }
})

test('text is made as large as its box allows, and no larger', () => {
  const box = { w: 5, h: 1 }
  const points = fitPoints(['一二三四五六七八九十'.repeat(4)], box, 40, 8)
  assert.ok(points > 8 && points < 40)
  assert.ok(heightOf(['一二三四五六七八九十'.repeat(4)], box.w, points) <= box.h)
  assert.equal(fitPoints(['短'], box, 40, 8), 40)
  assert.equal(fitPoints(['长'.repeat(5_000)], box, 40, 8), 8)
  assert.ok(
    heightOf(['a'.repeat(200)], 2, 12) > heightOf(['a'], 2, 12),
    'a word longer than the line is broken',
  )
})
