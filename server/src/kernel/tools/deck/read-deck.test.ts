import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DeckContent } from '../../ports/deck-renderer.ts'
import { DECK_BOUNDS } from '../../ports/deck-renderer.ts'
import { deckWords, InvalidDeck, readDeck } from './read-deck.ts'

const notes = '讲解。'
const DECK: DeckContent = {
  title: '年度总结',
  subtitle: '二〇二六',
  language: 'zh-CN',
  slides: [
    { kind: 'title', title: '年度总结', notes },
    { kind: 'agenda', title: '目录', notes, items: ['回顾', '展望'] },
    { kind: 'section', title: '回顾', notes, text: '这一年' },
    {
      kind: 'bullets',
      title: '成绩',
      notes,
      bullets: [{ text: '增长', points: ['翻倍'] }, { text: '稳定' }],
    },
    {
      kind: 'table',
      title: '对比',
      notes,
      columns: ['项', '值'],
      rows: [
        ['甲', ''],
        ['乙', '2'],
      ],
    },
    {
      kind: 'chart',
      title: '走势',
      notes,
      chart: 'line',
      categories: ['一月', '二月'],
      series: [{ name: '收入', values: [1, -2.5] }],
      unit: '万元',
    },
    { kind: 'closing', title: '谢谢', notes, text: '提问' },
  ],
}

type Draft = { slides: Record<string, unknown>[] } & Record<string, unknown>
const change = (edit: (draft: Draft) => void): string => {
  const draft = structuredClone(DECK) as unknown as Draft
  edit(draft)
  return JSON.stringify(draft)
}
const slide = (index: number, members: object): string =>
  change((draft) => Object.assign(draft.slides[index] ?? {}, members))

test('reads every kind of slide back as it is, whatever a model puts around the object', () => {
  const text = JSON.stringify(DECK)
  for (const answer of [text, `\`\`\`json\n${text}\n\`\`\``, `Here it is:\n${text}\nGood luck!`])
    assert.deepEqual(readDeck(answer), DECK)
})

test('overlooks members that nobody knows, and takes numbers in a table', () => {
  assert.deepEqual(readDeck(slide(0, { layout: 'dark', subtitle: null })), DECK)
  assert.deepEqual(
    readDeck(
      slide(4, {
        rows: [
          ['甲', ''],
          ['乙', 2],
        ],
      }),
    ),
    DECK,
  )
})

test('cleans what no slide can hold, and keeps the lines of notes', () => {
  const deck = readDeck(slide(0, { title: ' 年度\u0000\n\u0007总结\uD800 ', notes: '一。\n二。' }))
  assert.deepEqual(deck.slides[0], { kind: 'title', title: '年度 总结\uFFFD', notes: '一。\n二。' })
})

for (const [what, answer] of [
  ['nothing', ''],
  ['words', '抱歉，我不能'],
  ['half an object', JSON.stringify(DECK).slice(0, 200)],
  ['a list', '[]'],
  ['no language', change((draft) => delete draft.language)],
  ['a language that is none', change((draft) => Object.assign(draft, { language: '中文' }))],
  ['no title', change((draft) => Object.assign(draft, { title: ' ' }))],
  ['no slides', change((draft) => Object.assign(draft, { slides: [] }))],
  ['slides that are none', change((draft) => Object.assign(draft, { slides: 'many' }))],
  [
    'too many slides',
    change((draft) => draft.slides.splice(1, 0, ...Array(DECK_BOUNDS.slides).fill(draft.slides[2]))),
  ],
  ['no title slide', change((draft) => draft.slides.shift())],
  ['two title slides', change((draft) => draft.slides.splice(1, 0, draft.slides[0] ?? {}))],
  ['no closing slide', change((draft) => draft.slides.pop())],
  ['an unknown kind', slide(2, { kind: 'video' })],
  ['a kind of the language', slide(2, { kind: 'constructor' })],
  ['no notes', slide(2, { notes: undefined })],
  ['a title that is too long', slide(2, { title: 'x'.repeat(DECK_BOUNDS.titleCharacters + 1) })],
  ['no bullets', slide(3, { bullets: [] })],
  ['a bullet that is a text', slide(3, { bullets: ['增长'] })],
  ['points that are no texts', slide(3, { bullets: [{ text: '增长', points: [1] }] })],
  ['a row that is too short', slide(4, { rows: [['甲']] })],
  ['a row that is too long', slide(4, { rows: [['甲', '1', '2']] })],
  ['an unknown chart', slide(5, { chart: 'radar' })],
  ['too few values', slide(5, { series: [{ name: '收入', values: [1] }] })],
  ['values that are texts', slide(5, { series: [{ name: '收入', values: ['1', '2'] }] })],
  [
    'a pie of two series',
    slide(5, { chart: 'pie', series: Array(2).fill({ name: '收入', values: [1, 2] }) }),
  ],
  ['a pie with a negative piece', slide(5, { chart: 'pie' })],
] as const) {
  test(`refuses ${what}, and says so`, () => {
    assert.throws(
      () => readDeck(answer),
      (error) => error instanceof InvalidDeck && error.message.length > 10,
    )
  })
}

test('the words of a deck are what stands on its slides', () => {
  const words = deckWords(DECK)
  for (const part of [
    '# 年度总结',
    '## 目录',
    '- 回顾',
    '  - 翻倍',
    '| 乙 | 2 |',
    '一月 1, 二月 -2.5',
    '提问',
  ])
    assert.ok(words.includes(part), part)
  assert.ok(!words.includes(notes))
})
