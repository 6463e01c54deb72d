import { type Brief, cleanLine } from '../brief.ts'
import { defineKeyword, explainKeyword } from '../keyword.ts'
import { countCharacters, list, must, numbered, type Part } from '../part.ts'

/** Wordy phrases and plainer ones: exchanges that are right wherever the left one stands. */
const PLAINER: readonly (readonly [RegExp, string])[] = [
  [/进行(?=讨论|研究|分析|调整|修改|沟通|学习|检查|总结|优化|改进|处理|测试|规划|管理)/g, ''],
  [/(?:在)?当今社会(?:中|里|，)?/g, '如今'],
  [/随着(.{2,12})的不断发展/g, '$1一直在变'],
  [/不可或缺的/g, '少不了的'],
  [/由于(.{2,20})的(?:原因|缘故)/g, '因为$1'],
  [/对于(.{1,12})来说/g, '对$1而言'],
  [/在(.{2,14})的过程中/g, '$1时'],
  [/具有(.{1,6})的?作用/g, '有$1作用'],
  [/与此同时/g, '同时'],
  [/综上所述|总而言之/g, '总的来看'],
  [/首先/g, '第一'],
  [/其次/g, '第二'],
  [/因此/g, '所以'],
  [/然而/g, '不过'],
  [/但是/g, '可是'],
  [/并且/g, '也'],
  [/非常/g, '很'],
  [/十分(?=重要|必要|关键|困难|有效)/g, '很'],
  [/能够/g, '能'],
  [/已经(?=有|是|成为)/g, '已'],
  [/通常情况下/g, '通常'],
  [/绝大多数/g, '多数'],
  [/各种各样的/g, '各种'],
  [/提高/g, '提升'],
  [/使用/g, '运用'],
  [/重要/g, '要紧'],
  [/方法/g, '办法'],
]

/** Only what makes a sentence shorter or plainer: for polishing, which must change little. */
const POLISH_ONLY = 17

const sentencesOf = (text: string): string[] =>
  text
    .match(/[^。！？!?；;]+[。！？!?；;]?/gu)
    ?.map((one) => one.trim())
    .filter(Boolean) ?? []

function exchange(text: string, most: number): { text: string; count: number } {
  let count = 0
  let result = text
  for (const [from, to] of PLAINER.slice(0, most)) {
    result = result.replace(from, (match, ...groups) => {
      count += 1
      const first = typeof groups[0] === 'string' ? groups[0] : ''
      return match === '' ? '' : to.replace('$1', first)
    })
  }
  return { text: result, count }
}

/** Splits a long sentence at a comma behind its first dozen characters; a reader needs the breath. */
function splitLong(sentence: string): string {
  if ([...sentence].length < 45) return sentence
  const commas = [...sentence.matchAll(/[，,]/gu)].map(({ index }) => index)
  const middle = sentence.length / 2
  const at = commas
    .filter((index) => index > 14 && sentence.length - index > 10)
    .sort((a, b) => Math.abs(a - middle) - Math.abs(b - middle))[0]
  return at === undefined
    ? sentence
    : `${sentence.slice(0, at)}。${sentence
        .slice(at + 1)
        .replace(/^(?:而且|并且|也|同时)/, '同时，')
        .replace(/，，/g, '，')}`
}

/** A text of several sentences, paragraph by paragraph. */
function rewriteText(brief: Brief, text: string, type: string): Part[] {
  const paragraphs = text.split(/\n+/).map(cleanLine).filter(Boolean)
  let changes = 0
  const change = (sentence: string, most = PLAINER.length): string => {
    const changed = exchange(sentence, most)
    changes += changed.count
    return changed.text
  }
  const shorten = (sentences: string[]): string[] => {
    const keep = Math.max(1, Math.round(sentences.length * 0.4))
    const ranked = sentences
      .map((sentence, at) => ({
        at,
        score:
          (at === 0 ? 3 : 0) +
          (at === sentences.length - 1 ? 1 : 0) +
          brief.keywords.filter((word) => sentence.includes(word)).length * 2 +
          (/\d|必须|关键|结论|建议|因此|所以/.test(sentence) ? 1 : 0),
      }))
      .sort((a, b) => b.score - a.score || a.at - b.at)
      .slice(0, keep)
      .map(({ at }) => at)
    return sentences.filter((_, at) => ranked.includes(at))
  }
  const result = paragraphs.map((paragraph, index) => {
    const sentences = sentencesOf(paragraph)
    if (type === '缩写')
      return shorten(sentences)
        .map((one) => change(one, POLISH_ONLY))
        .join('')
    if (type === '润色') return sentences.map((one) => splitLong(change(one, POLISH_ONLY))).join('')
    if (type === '扩写')
      return `${sentences.map((one) => splitLong(one)).join('')}换一个角度看，${explainKeyword(brief.terms[index % brief.terms.length] ?? brief.noun, index)}。`
    return sentences.map((one) => splitLong(change(one))).join('')
  })
  const before = countCharacters(paragraphs.join(''))
  const after = countCharacters(result.join(''))
  return [
    must(`## ${type}结果`),
    ...result.map(must),
    must(
      `## 处理说明\n\n${list([
        `原文 ${before} 字，${paragraphs.length} 段；现为 ${after} 字。人名、数字、引文与段落次序保持不变。`,
        type === '缩写'
          ? '按位置、关键词与数字给句子打分，每段保留分数较高的四成左右。'
          : type === '扩写'
            ? '每段补充一句不含新事实的解释，不增加数据与案例。'
            : `按词语对照表替换 ${changes} 处，并在逗号处拆分了过长的句子。`,
        ...(brief.keywords.length > 0 ? [`关键词：${brief.keywords.join('、')}。`] : []),
        '以上为规则式处理，不能理解上下文；请通读一遍，特别留意被替换的词是否合乎语境。',
      ])}`,
    ),
  ]
}

/** A title or one short line: other ways to say it, and a paragraph. */
function rewriteTitle(brief: Brief, type: string): Part[] {
  const { title, act, noun, terms, tips, wishes } = brief
  const [a, b, c] = tips
  return [
    must(`## 原文\n\n${title}`),
    must(
      `## ${type}：六种说法\n\n${[
        ['陈述', `${act}，关键在于先理清次序`],
        ['提问', `${noun}为什么总是上不去？从哪里改起？`],
        ['行动', `从“${a?.name}”开始，${act}`],
        ['对比', `少做一点，反而更容易${act}`],
        ['对象', `写给总觉得时间不够用的人：${act}的一种做法`],
        ['紧凑', `${noun}，先理后做`],
      ]
        .map(([kind, text], index) => `${index + 1}. （${kind}）${text}`)
        .join('\n')}`,
    ),
    must(
      `## 扩成一段\n\n${act}，常被理解成“再努力一点”。其实更省力的办法是先看次序：${a?.why}。所以不妨从${a?.name}做起，${a?.steps.join('，')}。做顺了，再考虑“${b?.name}”。至于${terms.join('、')}，不必一次用齐，用得上的先留下，用不上的放一放。`,
    ),
    must(`## 缩成一句\n\n${act}：先定次序，小步开始，每周回看。`),
    ...wishes.map((wish) =>
      must(
        `## ${wish}\n\n${numbered([a, b, c].flatMap((one) => (one ? [`${one.name}：${one.steps[0]}`] : [])))}`,
      ),
    ),
    must(`## 关键词怎样放进去\n\n${list(terms.map((word, at) => `${word}：${defineKeyword(word, at)}。`))}`),
    must(
      '## 说明\n\n原文只有一句，因此给出不同角度的说法，供挑选；把整篇原文贴进来，可以逐句改写、扩写、缩写或润色。',
    ),
  ]
}

/** What can be done with words alone: exchange, split, select. It says so. */
export function contentRewrite(brief: Brief, values: Readonly<Record<string, string>>): Part[] {
  const original = (values.original_text ?? '').slice(0, 20_000)
  const type =
    ['扩写', '缩写', '润色', '降重'].find((one) => brief.value('rewrite_type').includes(one)) ?? '改写'
  const isShort = countCharacters(original) < 40 && sentencesOf(original).length < 2
  return isShort ? rewriteTitle(brief, type) : rewriteText(brief, original, type)
}
