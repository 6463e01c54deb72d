/**
 * Reads a prompt, Chinese or English, into what can be drawn. It is a reader of known words, not a model:
 * what it does not know only changes the seed.
 */
import type { Hex } from './color.ts'
import { hashText } from './random.ts'
import {
  type ActionName,
  actionWords,
  colorWords,
  type DetailName,
  detailWords,
  type MoodName,
  moodWords,
  numberWords,
  type PlaceName,
  placeWords,
  type SeasonName,
  type StyleName,
  type SubjectName,
  seasonWords,
  styleWords,
  subjectWords,
  type TimeName,
  timeWords,
} from './vocabulary.ts'

export type Subject = {
  name: SubjectName
  /** 1…8. */
  count: number
  /** The colour asked for this very thing (红色的气球), when there is one. */
  color?: Hex
}

export type Reading = {
  subjects: Subject[]
  places: PlaceName[]
  details: Set<DetailName>
  time: TimeName | undefined
  season: SeasonName | undefined
  style: StyleName
  moods: Set<MoodName>
  action: ActionName | undefined
  /** Colours asked for, of anything, in order of mention. */
  colors: Hex[]
  /** Hash of the whole text. */
  hash: number
}

/** Prompts may be long; nobody describes a picture in more, and reading must not hold up the event loop. */
const longestRead = 2000

type Hit = { at: number; length: number }

const isAscii = (word: string): boolean => word.charCodeAt(0) < 128

/** Where a word first stands in the (lower-cased) text; an English word must stand alone. */
const find = (text: string, word: string): Hit | undefined => {
  if (!isAscii(word)) {
    const at = text.indexOf(word)
    return at < 0 ? undefined : { at, length: word.length }
  }
  const pattern = word.replaceAll('-', '[ -]?')
  const match = new RegExp(`(?<![a-z0-9])${pattern}(?:s|es)?(?![a-z0-9])`).exec(text)
  return match === null ? undefined : { at: match.index, length: match[0].length }
}

const findAny = (text: string, words: string): Hit | undefined => {
  let best: Hit | undefined
  for (const word of words.split(' ')) {
    const hit = find(text, word)
    if (hit === undefined) continue
    const better = best === undefined || hit.at < best.at || (hit.at === best.at && hit.length > best.length)
    if (better) best = hit
  }
  return best
}

/** Names of the table that occur in the text, in order of mention. */
const named = <Name extends string>(
  text: string,
  table: Record<Name, string>,
): { name: Name; hit: Hit }[] => {
  const found: { name: Name; hit: Hit }[] = []
  for (const [name, words] of Object.entries(table) as [Name, string][]) {
    const hit = findAny(text, words)
    if (hit !== undefined) found.push({ name, hit })
  }
  return found.sort((a, b) => a.hit.at - b.hit.at)
}

const first = <Name extends string>(text: string, table: Record<Name, string>): Name | undefined =>
  named(text, table)[0]?.name

/** The colour in the few characters before a thing: 红色的气球, a small red balloon. */
const colorBefore = (text: string, at: number): Hex | undefined => {
  const before = text.slice(Math.max(0, at - 14), at).replace(/^.*[,，。.;；、和与在and]{1}\s(?=\S)/u, '')
  const phrase = before.split(/[,，。;；、和与在]|\band\b|\bin\b|\bwith\b/u).at(-1) ?? ''
  for (const { words, hex } of Object.values(colorWords)) {
    if (findAny(phrase, words) !== undefined) return hex
  }
  return undefined
}

const countBefore = (text: string, at: number): number => {
  const phrase =
    text
      .slice(Math.max(0, at - 18), at)
      .split(/[,，。;；、和与在]|\band\b|\bin\b|\bwith\b/u)
      .at(-1) ?? ''
  const chinese = /([一两二三四五六七八1-8])\s?[只条个朵匹艘座间盏杯辆头位枚群棵]/u.exec(phrase)
  if (chinese !== null) return numberWords[chinese[1] ?? ''] ?? 1
  const english = /(?<![a-z])(two|couple|three|four|five|six|seven|eight|[2-8])(?![a-z0-9])/.exec(phrase)
  return english === null ? 1 : (numberWords[english[1] ?? ''] ?? 1)
}

/** Words that hold another motif's character but do not mean it; they are taken out before the search. */
const misleading: [RegExp, string][] = [
  [/熊猫/g, ' panda '],
  [/猫头鹰/g, ' owl '],
  [/机器人/g, ' robot '],
  [/萤火虫/g, ' firefly '],
  [/火车站/g, ' '],
  [/水墨画?/g, ' 墨 '],
  [/风景画?|油画布/g, ' '],
  [/火星/g, ' planet '],
  [/星球/g, ' planet '],
  [/烟花/g, ' fireworks '],
  [/棉花|花纹|花样/g, ' '],
  [/上海/g, ' shanghai '],
  [/海报/g, ' poster '],
  [/心情|中心|开心/g, ' '],
  [/雪山/g, ' mountain winter '],
  [/黑夜|黑暗/g, ' 夜 '],
  [/金鱼/g, ' goldfish '],
  [/粉彩/g, ' pastel '],
  [/茶馆|茶园/g, ' house '],
]

const subjectsOf = (text: string): Subject[] => {
  const subjects: Subject[] = []
  for (const { name, hit } of named(text, subjectWords)) {
    if (subjects.length >= 4) break
    const color = colorBefore(text, hit.at)
    subjects.push({ name, count: countBefore(text, hit.at), ...(color === undefined ? {} : { color }) })
  }
  return subjects
}

const colorsOf = (text: string): Hex[] =>
  Object.values(colorWords)
    .flatMap(({ words, hex }) => {
      const hit = findAny(text, words)
      return hit === undefined ? [] : [{ hex, at: hit.at }]
    })
    .sort((a, b) => a.at - b.at)
    .map(({ hex }) => hex)

const normalize = (prompt: string): string => {
  let text = prompt.slice(0, longestRead).normalize('NFKC').toLowerCase()
  for (const [pattern, replacement] of misleading) text = text.replace(pattern, replacement)
  return text
}

/** Reads a prompt; what the negative prompt names is taken out again. Never throws. */
export const readPrompt = (prompt: string, negativePrompt = ''): Reading => {
  const text = normalize(prompt)
  const unwanted = normalize(negativePrompt)
  const barred = <Name extends string>(table: Record<Name, string>): Set<Name> =>
    new Set(named(unwanted, table).map(({ name }) => name))
  const keep = <Name extends string>(table: Record<Name, string>): Name[] => {
    const away = barred(table)
    return named(text, table)
      .map(({ name }) => name)
      .filter((name) => !away.has(name))
  }
  const noSubjects = barred(subjectWords)
  const noColors = new Set(colorsOf(unwanted))
  return {
    subjects: subjectsOf(text).filter(({ name }) => !noSubjects.has(name)),
    places: keep(placeWords),
    details: new Set(keep(detailWords)),
    time: keep(timeWords)[0],
    season: keep(seasonWords)[0],
    style: keep(styleWords)[0] ?? 'storybook',
    moods: new Set(keep(moodWords)),
    action: first(text, actionWords),
    colors: colorsOf(text).filter((hex) => !noColors.has(hex)),
    hash: hashText(prompt),
  }
}
