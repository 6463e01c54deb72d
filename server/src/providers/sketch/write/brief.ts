/** Reads what a tool's user filled in, as a writer reads an order: what about, how long, what must be in it. */
import { createRandom, hashText, type Random } from '../random.ts'
import { efficiency } from './knowledge/efficiency.ts'
import { everyday } from './knowledge/everyday.ts'
import { chooseField } from './knowledge/fields.ts'
import { questions } from './knowledge/questions.ts'
import { things } from './knowledge/things.ts'
import type { Field, Tip } from './knowledge/tip.ts'

export type Brief = {
  /** One line, at most 60 characters. */
  title: string
  /** What is to be done, as a phrase: 提高工作效率; for a thing: 了解春天的猫. */
  act: string
  /** What it is about: 工作效率. */
  noun: string
  isHowTo: boolean
  /** Whether the title asks something that is to be thought over, not done. */
  isQuestion: boolean
  /** As given. */
  keywords: readonly string[]
  /** As given, or what can be said instead; never empty. */
  terms: readonly [string, ...string[]]
  /** What the user wants to be in it, such as 实用技巧. */
  wishes: readonly string[]
  /** Characters asked for; null when nobody asked. */
  asked: number | null
  field: Field
  /** The field's own first, then everybody's; at least eight. */
  tips: readonly Tip[]
  /** Advice on getting things done, whatever the subject is. */
  doing: readonly Tip[]
  moment: string
  random: Random
  /** Another value, in one clean line without the stop at its end, or ''. */
  value: (name: string) => string
  /** Another value's lines. */
  lines: (name: string) => string[]
}

const MOST_TITLE = 60
const MOST_INLINE = 20
const MOST_KEYWORDS = 20
/** Of another value, in a sentence and in a list. */
const MOST_VALUE = 200
const MOST_LINE = 500
const MOST_LINES = 30
const LENGTHS = { least: 150, most: 8_000 }

const MARKUP: Readonly<Record<string, string>> = {
  '|': '｜',
  '<': '＜',
  '>': '＞',
  '[': '［',
  ']': '］',
  '{': '｛',
  '}': '｝',
  '`': '＇',
  '*': '＊',
  _: '＿',
  '\\': '＼',
}

/** At most so many characters as a reader counts them; one of those may be long, so the bytes are bounded too. */
export const cut = (text: string, most: number, mostUnits = most * 4): string => {
  if (text.length <= most && text.length <= mostUnits) return text
  let kept = ''
  let count = 0
  for (const { segment } of new Intl.Segmenter('zh', { granularity: 'grapheme' }).segment(
    text.slice(0, mostUnits * 2),
  )) {
    if (count === most - 1 || kept.length + segment.length > mostUnits - 1) {
      return kept + segment === text ? text : `${kept}…`
    }
    kept += segment
    count += 1
  }
  return kept.length === text.length ? text : `${kept}…`
}

/** One line in which nothing is markup: whatever a user writes stays words, also in the page that shows them. */
export function cleanLine(text: string): string {
  return text
    .toWellFormed()
    .normalize('NFC')
    .replace(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069\ufffd]+/gu, ' ')
    .replace(/[|<>[\]{}`*_\\]/g, (mark) => MARKUP[mark] ?? mark)
    .replace(/\s+/g, ' ')
    .replace(/^[\s#＞+-]+/, '')
    .trim()
}

/** Without the stop or comma at its end, because a sentence goes on behind it. */
const endOpen = (text: string): string => text.replace(/[，、；：。,;:\s]+$/u, '')

const ASKING = /^(?:请问|浅谈|论|谈谈)?(?:如何|怎样|怎么样|怎么)(?:才能|去|做到)?/
const VERB =
  /^(?:提高|提升|改善|增强|做好|写好|学好|学会|学习|掌握|选择|挑选|制作|准备|养成|管理|建立|打造|克服|缓解|减少|降低|避免|开展|推进|培养|优化|加快|加强|实现|保持|规划|安排|经营|使用|利用|写|做|选|练|学)/
const TAIL = /的?(?:方法|技巧|攻略|指南|秘诀|教程|建议|心得|步骤)$/

function readSubject(title: string): Pick<Brief, 'act' | 'noun' | 'isHowTo' | 'isQuestion'> {
  const plain = title.replace(/[?？!！。.…\s]+$/u, '')
  const asked = plain.replace(ASKING, '').trim()
  const phrase = (asked === plain ? plain.replace(TAIL, '') : asked).trim()
  const isLong = [...plain].length > MOST_INLINE || /[，。；：,;:!?！？]/.test(plain)
  if (phrase !== '' && !isLong && (asked !== plain || (VERB.test(phrase) && phrase.length > 3))) {
    const rest = phrase.replace(VERB, '')
    return { act: phrase, noun: [...rest].length >= 2 ? rest : phrase, isHowTo: true, isQuestion: false }
  }
  const short = cut(plain || title, MOST_INLINE)
  if (
    /[吗呢]$|为什么|为何|会不会|能不能|是不是|要不要|该不该|应不应该/.test(plain) ||
    (/[?？]\s*$/.test(title) && plain.length > 3)
  )
    return { act: `想清「${short}」这个问题`, noun: `「${short}」这个问题`, isHowTo: false, isQuestion: true }
  const noun = isLong || !/^[\p{Script=Han}\w\s]+$/u.test(short) ? `「${short}」` : short
  return { act: `了解${noun}`, noun, isHowTo: false, isQuestion: false }
}

const DIGITS = '零一二三四五六七八九'
/** 两千, 一千五百, 三百: the numbers in which people ask for a length. */
function readChineseNumber(text: string): number {
  let total = 0
  let digit = 0
  for (const character of text.replaceAll('两', '二')) {
    const unit = { 十: 10, 百: 100, 千: 1_000, 万: 10_000 }[character]
    if (unit) {
      total += (digit || 1) * unit
      digit = 0
    } else digit = DIGITS.indexOf(character)
  }
  return total + digit
}

/** The length that a wish names, in characters: 2000字, 800-1000字, 2千字, 一千五百字. */
export function readLength(text: string): number | null {
  const words = text.normalize('NFKC')
  const figures =
    /(\d{1,5}(?:\.\d)?)\s*([千万]?)(?:\s*[-~–—到至]\s*(\d{1,5}(?:\.\d)?)\s*([千万]?))?\s*个?(?:字|词|words|characters)/i.exec(
      words,
    )
  const factor = (unit = ''): number => (unit === '万' ? 10_000 : unit === '千' ? 1_000 : 1)
  let length: number | null = null
  if (figures) {
    const [, low = '', lowUnit, high, highUnit] = figures
    const upper = Number(high ?? low) * factor(high ? highUnit : lowUnit)
    length = (Number(low) * factor(lowUnit || highUnit) + upper) / 2
  } else {
    const spelled = /([一二两三四五六七八九十百千万零]{2,7})\s*个?字/.exec(words)
    if (spelled?.[1]) length = readChineseNumber(spelled[1])
  }
  if (length === null || length < 10) return null
  return Math.round(Math.min(LENGTHS.most, Math.max(LENGTHS.least, length)))
}

const WISH =
  /^(?:请|并|且|还)?(?:要|需要|需|必须|应)?(?:包含|包括|含有|要有|加入|加上|突出|强调|重点写|重点讲|涉及|提到|介绍|体现)(?:一些|一下)?(.{2,16})$/u

function readWishes(text: string): string[] {
  return text
    .split(/[，,。；;！!\n]+/)
    .flatMap((clause) => WISH.exec(cleanLine(clause))?.[1] ?? [])
    .map((wish) => wish.trim())
    .slice(0, 3)
}

const shuffle = <T>(items: readonly T[], random: Random): T[] =>
  items
    .map((item) => ({ item, at: random.next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)

/** Reads the values of a tool whose subject is the input of that name. */
export function readBrief(
  values: Readonly<Record<string, string>>,
  subject: string,
  purpose: string,
  seed: number | undefined,
): Brief {
  const raw = (name: string): string => (Object.hasOwn(values, name) ? (values[name] ?? '') : '')
  const value = (name: string): string => endOpen(cut(cleanLine(raw(name)), MOST_VALUE))
  const title =
    cut(
      cleanLine(
        raw(subject)
          .trim()
          .split(/[\r\n]/, 1)[0] ?? '',
      ),
      MOST_TITLE,
    ) || '未命名的主题'
  const keywords = [
    ...new Set(
      raw('keywords')
        .split(/[、,，;；\r\n]+/)
        .map((one) => cut(cleanLine(one), 30))
        .filter((one) => one !== ''),
    ),
  ].slice(0, MOST_KEYWORDS)
  const { act, noun, isHowTo, isQuestion } = readSubject(title)
  const found = chooseField([title, ...keywords])
  // Advice on how to do something helps nobody who asked about a thing.
  const field = isQuestion
    ? questions
    : isHowTo || (found !== everyday && found.isPractice && found.match.test(title))
      ? found
      : things
  const random = createRandom(hashText(JSON.stringify([purpose, seed ?? 0, title, keywords])))
  const tips = [...(field === everyday ? [] : shuffle(field.tips, random)), ...shuffle(everyday.tips, random)]
  const [first, ...others] = keywords
  return {
    title,
    act,
    noun,
    isHowTo,
    isQuestion,
    keywords,
    terms:
      first !== undefined
        ? [first, ...others]
        : field === things || field === questions
          ? [cut(title, MOST_INLINE)]
          : [noun, field.name],
    wishes: readWishes(raw('supplement')),
    asked: readLength(raw('supplement')),
    field,
    tips,
    doing:
      field === things || field === questions
        ? shuffle([...everyday.tips, ...efficiency.tips], random)
        : tips,
    moment: random.pick(field.moments),
    random,
    value,
    lines: (name) =>
      raw(name)
        .split(/[\r\n；;]+/)
        .map((line) => endOpen(cut(cleanLine(line), MOST_LINE)))
        .filter((line) => line !== '')
        .slice(0, MOST_LINES),
  }
}
