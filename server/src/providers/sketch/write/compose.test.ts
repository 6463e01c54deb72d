import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ProviderError, type TextJob, type TextPart } from '../../../kernel/ports/provider.ts'
import { createSketch } from '../sketch.ts'
import { cleanLine, readBrief, readLength } from './brief.ts'
import { composeText } from './compose.ts'
import { draft } from './genres/translation.ts'
import { readSeconds } from './genres/video-script.ts'
import { assemble, countCharacters, may, must } from './part.ts'

const write = createSketch().write
assert.ok(write)

const jobOf = (purpose: string | undefined, values: Record<string, string>): TextJob => ({
  kind: 'text',
  model: 'sketch',
  ...(purpose !== undefined && { purpose }),
  values,
  system: '',
  messages: [{ role: 'user', text: '' }],
  maxTokens: 100,
  temperature: 0.5,
})

const SAMPLE = {
  topic: '如何提高工作效率',
  keywords: '时间管理、效率工具',
  supplement: '字数2000字，包含实用技巧',
}

describe('what was asked for is read', () => {
  test('lengths in figures and in words', () => {
    const asked: [string, number | null][] = [
      ['字数2000字，包含实用技巧', 2_000],
      ['800-1000字', 900],
      ['约２千字', 2_000],
      ['1.5千字左右', 1_500],
      ['1到2千字', 1_500],
      ['一千五百字', 1_500],
      ['三百个字', 300],
      ['十万字', 8_000],
      ['5字', null],
      ['不限', null],
      ['', null],
    ]
    for (const [text, length] of asked) assert.equal(readLength(text), length, text)
  })

  test('what a title is about', () => {
    const about: [string, string, string, boolean][] = [
      ['如何提高工作效率', '提高工作效率', '工作效率', true],
      ['怎么写好周报？', '写好周报', '周报', true],
      ['提高睡眠质量的方法', '提高睡眠质量', '睡眠质量', true],
      ['春天的猫', '了解春天的猫', '春天的猫', false],
      ['a', '了解a', 'a', false],
      ['如何', '了解如何', '如何', false],
    ]
    for (const [topic, act, noun, isHowTo] of about) {
      const brief = readBrief({ topic }, 'topic', 'wechat_article', undefined)
      assert.deepEqual([brief.act, brief.noun, brief.isHowTo], [act, noun, isHowTo], topic)
    }
  })

  test('wishes and keywords', () => {
    const values = {
      topic: '读书',
      keywords: '笔记, 复习；笔记\n 计划',
      supplement: '要包含案例分析，口语化，900字',
    }
    const brief = readBrief(values, 'topic', 'wechat_article', undefined)
    assert.deepEqual(brief.keywords, ['笔记', '复习', '计划'])
    assert.deepEqual(brief.wishes, ['案例分析'])
  })

  test('nothing a user writes stays markup', () => {
    assert.equal(
      cleanLine('# <b>a</b>|`x` {{y}} [z](q)\u202e\u0000'),
      '＜b＞a＜/b＞｜＇x＇ ｛｛y｝｝ ［z］(q)',
    )
  })

  test('seconds of a clip', () => {
    const asked: [string, number][] = [
      ['1分钟', 60],
      ['90秒', 90],
      ['1分30秒', 90],
      ['半分钟', 30],
      ['很久', 60],
      ['99分钟', 600],
    ]
    for (const [text, seconds] of asked) assert.equal(readSeconds(text), seconds, text)
  })
})

test('a text is about as long as asked for, and what must stand stands', () => {
  const parts = [
    must('甲'.repeat(100)),
    ...Array.from({ length: 30 }, (_, at) => may(at + 1, '乙'.repeat(60))),
  ]
  for (const target of [50, 300, 1_000]) {
    const length = countCharacters(assemble(parts, target))
    assert.ok(Math.abs(length - Math.max(100, target)) <= 30, `${target}: ${length}`)
  }
})

describe('translation claims nothing', () => {
  test('a draft where every word is known, none otherwise', () => {
    assert.equal(draft('如何提高工作效率'), 'How to improve work efficiency')
    assert.equal(draft('减少压力。'), 'Reduce stress.')
    assert.equal(draft('他昨天没有来开会'), undefined)
    assert.equal(draft('hello'), undefined)
  })

  test('every sentence is there, numbered', () => {
    const text = composeText({
      purpose: 'translation',
      values: { source_text: '今天天气很好。我们去公园！\n明天见', target_lang: '英文' },
    })
    for (const line of ['1. 原文：今天天气很好。', '2. 原文：我们去公园！', '3. 原文：明天见'])
      assert.ok(text.includes(line), line)
    assert.match(text, /不会翻译整句/)
  })
})

describe('rewriting', () => {
  const ORIGINAL =
    '首先，我们需要进行讨论，然后把2026年的计划写成文档，并且发给每一位参与的同事，请大家在周五之前提出意见和建议。其次，结论由王老师确认。这一点非常重要。'
  const rewrite = (rewrite_type: string): string =>
    composeText({ purpose: 'content_rewrite', values: { original_text: ORIGINAL, rewrite_type } })

  test('figures and names stay', () => {
    for (const type of ['改写', '润色', '扩写', '降重']) {
      assert.match(rewrite(type), /2026年/, type)
      assert.match(rewrite(type), /王老师/, type)
    }
  })

  test('shorter is shorter, longer is longer', () => {
    const length = (type: string): number => Number(/现为 (\d+) 字/.exec(rewrite(type))?.[1])
    assert.ok(length('缩写') < countCharacters(ORIGINAL) * 0.8)
    assert.ok(length('扩写') > countCharacters(ORIGINAL))
  })
})

describe('the minutes of a lesson and the seconds of a clip add up', () => {
  test('whatever was asked for', () => {
    for (const duration of ['45分钟', '40分钟', '1小时', '90分钟', '']) {
      const text = composeText({ purpose: 'lesson_plan', values: { subject: '光的折射', duration } })
      const total = Number(/各环节合计(\d+)分钟/.exec(text)?.[1])
      const rows = [...text.matchAll(/^\| \S+ \| (\d+)分钟 \|/gm)].map(([, minutes]) => Number(minutes))
      assert.equal(rows.length, 5)
      assert.equal(
        rows.reduce((a, b) => a + b),
        total,
        duration,
      )
    }
    for (const duration of ['15秒', '1分钟', '3分钟', '10分钟']) {
      const text = composeText({ purpose: 'video_script', values: { topic: '泡茶', duration } })
      const shots = [...text.matchAll(/(\d+):(\d\d)–(\d+):(\d\d)/g)].map((shot) => shot.slice(1).map(Number))
      let at = 0
      for (const [m0 = 0, s0 = 0, m1 = 0, s1 = 0] of shots) {
        assert.equal(m0 * 60 + s0, at)
        at = m1 * 60 + s1
      }
      assert.equal(at, readSeconds(duration), duration)
    }
  })
})

describe('as a provider', () => {
  test('writes piece by piece, the same as at once, and ends once', async () => {
    const parts: TextPart[] = []
    const options = { connection: null, signal: new AbortController().signal }
    for await (const part of write(jobOf('wechat_article', SAMPLE), options)) parts.push(part)
    assert.deepEqual(parts.at(-1), { type: 'end', reason: 'stop', usage: null })
    const texts = parts.flatMap((part) => (part.type === 'text' ? [part.text] : []))
    assert.ok(texts.length > 30)
    assert.equal(texts.join(''), composeText({ purpose: 'wechat_article', values: SAMPLE }))
  })

  test('the same seed the same text, another seed another', () => {
    const of = (seed?: number): string =>
      composeText({ purpose: 'wechat_article', values: SAMPLE, ...(seed !== undefined && { seed }) })
    assert.equal(of(7), of(7))
    assert.equal(of(), of())
    assert.ok(new Set([of(1), of(2), of(3), of(4)]).size > 1)
  })

  test('stops in the middle when told to', async () => {
    const stop = new AbortController()
    let pieces = 0
    await assert.rejects(
      async () => {
        for await (const _ of write(jobOf('story_novel', { theme: '灯' }), {
          connection: null,
          signal: stop.signal,
        })) {
          pieces += 1
          if (pieces === 3) stop.abort()
        }
      },
      { name: 'AbortError' },
    )
    assert.equal(pieces, 3)
  })

  test('a purpose without a template is refused', async () => {
    for (const purpose of [undefined, 'constructor', 'letter']) {
      await assert.rejects(
        async () => {
          for await (const _ of write(jobOf(purpose, SAMPLE), {
            connection: null,
            signal: new AbortController().signal,
          }))
            assert.fail('it wrote')
        },
        (error: unknown) => error instanceof ProviderError && error.kind === 'rejected',
      )
    }
  })
})

/** The bounds of kernel/ports/deck-renderer.ts, in units of UTF-16. */
const checkDeck = (text: string): { slides: { kind: string; title: string }[] } => {
  const deck = JSON.parse(text)
  const isText = (value: unknown, most: number): boolean =>
    typeof value === 'string' && value.trim() !== '' && value.length <= most && !/[\n\r]/.test(value)
  assert.ok(isText(deck.title, 120), deck.title)
  assert.equal(deck.language, 'zh-CN')
  assert.ok(deck.slides.length <= 40)
  assert.equal(deck.slides[0].kind, 'title')
  assert.equal(deck.slides.at(-1).kind, 'closing')
  for (const slide of deck.slides) {
    assert.ok(isText(slide.title, 120), slide.title)
    assert.ok(isText(slide.notes, 2_000))
    for (const item of slide.items ?? []) assert.ok(isText(item, 400))
    assert.ok((slide.items ?? []).length <= 10)
    assert.ok((slide.bullets ?? []).length <= 10)
    for (const bullet of slide.bullets ?? []) {
      assert.ok(isText(bullet.text, 400))
      assert.ok((bullet.points ?? []).length <= 5)
      for (const point of bullet.points ?? []) assert.ok(isText(point, 400))
    }
    for (const row of slide.rows ?? []) assert.equal(row.length, slide.columns.length)
    for (const one of slide.series ?? []) assert.equal(one.values.length, slide.categories.length)
  }
  return deck
}

describe('a deck', () => {
  const deckOf = (topic: string, outline: string): string =>
    composeText({ purpose: 'deck', values: { topic, outline } })

  test('a slide for each item of the outline, in its order', () => {
    const { slides } = checkDeck(deckOf('产品发布会', '产品介绍\n核心功能\n市场分析'))
    assert.deepEqual(
      slides.map(({ kind, title }) => `${kind} ${title}`),
      [
        'title 产品发布会',
        'agenda 目录',
        'bullets 产品介绍',
        'bullets 核心功能',
        'bullets 市场分析',
        'closing 谢谢',
      ],
    )
  })

  test('a chart and a table only of figures that were given', () => {
    const charted = checkDeck(
      deckOf('季报', '销量：一季度 120万、二季度 150万\n用户占比：新客 40%、老客 60%\n总结'),
    )
    assert.deepEqual(
      charted.slides.map(({ kind }) => kind),
      ['title', 'agenda', 'chart', 'table', 'chart', 'table', 'bullets', 'closing'],
    )
    assert.deepEqual(
      JSON.parse(deckOf('季报', '销量：一季度 120万、二季度 150万')).slides[2].series[0].values,
      [120, 150],
    )
    const plain = checkDeck(deckOf('季报', '销量：一季度 120、二季度不详\n人数：3人、200元\n2026年规划'))
    assert.ok(plain.slides.every(({ kind }) => kind !== 'chart' && kind !== 'table'))
  })

  test('whatever the topic and the outline', () => {
    const words = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.string({ unit: 'grapheme', maxLength: 300 }),
    )
    fc.assert(
      fc.property(words, fc.array(words, { maxLength: 30 }), (topic, outline) => {
        checkDeck(deckOf(topic, outline.join('\n')))
      }),
      { numRuns: 100 },
    )
  })
})
