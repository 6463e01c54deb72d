import { type Brief, cleanLine } from '../brief.ts'
import { list, must, numbered, type Part, table } from '../part.ts'
import { GLOSSARY, VERBS } from './glossary.ts'

type Piece = { source: string; target: string | undefined }

const longest = Math.max(...Object.keys(GLOSSARY).map((word) => word.length))

/** Cuts a text into words the glossary knows, the longest first, and what is between them. */
function look(text: string): Piece[] {
  const pieces: Piece[] = []
  for (let at = 0; at < text.length; ) {
    let length = Math.min(longest, text.length - at)
    while (length > 1 && !Object.hasOwn(GLOSSARY, text.slice(at, at + length))) length -= 1
    const word = text.slice(at, at + length)
    const target = Object.hasOwn(GLOSSARY, word) ? GLOSSARY[word] : undefined
    const last = pieces.at(-1)
    if (target === undefined && last && last.target === undefined) last.source += word
    else pieces.push({ source: word, target })
    at += length
  }
  return pieces
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

/** A draft when every word is known and the form is simple; else undefined, rather than a wrong one. */
export function draft(sentence: string): string | undefined {
  const plain = sentence.replace(/[。？！?!.\s]+$/u, '')
  const known = /^[\x20-\x7e]+$/.test(plain)
  if (known) return undefined
  if (Object.hasOwn(GLOSSARY, plain)) return capital(GLOSSARY[plain] ?? '')
  const how = /^(?:如何|怎样|怎么)(.+)$/u.exec(plain)?.[1]
  const phrase = how ?? plain
  const verb = Object.keys(VERBS)
    .sort((a, b) => b.length - a.length)
    .find((one) => phrase.startsWith(one))
  if (verb === undefined) return undefined
  const object = phrase.slice(verb.length)
  const objects = object.split(/和|与|、/)
  if (objects.some((one) => !Object.hasOwn(GLOSSARY, one))) return undefined
  const words = `${VERBS[verb]} ${objects.map((one) => GLOSSARY[one]).join(' and ')}`
  return how === undefined ? `${capital(words)}.` : `How to ${words}`
}

const sentencesOf = (text: string): string[] =>
  text
    .split(/(?<=[。！？!?])|\n+/u)
    .map(cleanLine)
    .filter(Boolean)

const MOST_SENTENCES = 400

/**
 * Not a translation and not called one: sentences numbered for a translator, each with what the glossary knows, and a
 * draft where the form is simple enough to be right.
 */
export function translation(brief: Brief, values: Readonly<Record<string, string>>): Part[] {
  const target = brief.value('target_lang') || '英文'
  const source = brief.value('source_lang') || '中文'
  const style = brief.value('style') || '通用'
  const isEnglish = /英/.test(target) && !/英/.test(source)
  const sentences = sentencesOf((values.source_text ?? '').slice(0, 20_000)).slice(0, MOST_SENTENCES)
  const shown = sentences.length > 0 ? sentences : [brief.title]
  const drafts = isEnglish ? shown.map(draft) : shown.map(() => undefined)
  const pieces = shown.map(look)
  const terms = [
    ...new Map(
      [...brief.keywords.flatMap(look), ...pieces.flat()].flatMap(({ source: word, target: to }) =>
        to === undefined || word.length < 2 ? [] : [[word, to] as const],
      ),
    ),
  ]
  const unknown = [
    ...new Set(brief.keywords.filter((word) => look(word).some(({ target: to }) => to === undefined))),
  ]
  const done = drafts.filter((one) => one !== undefined).length
  return [
    must(`## 翻译准备稿：${source} → ${target}`),
    must(
      `内置写作器不会翻译整句，只按词表对照，并在句式简单、每个词都认得时给出译文。共 ${shown.length} 句，${done === shown.length ? '均已给出译文，请复核。' : `其中 ${done} 句给出了译文，其余请由译者或翻译模型完成。`}`,
    ),
    must(
      `### 逐句对照\n\n${shown
        .map((sentence, index) =>
          [
            `${index + 1}. 原文：${sentence}`,
            ...(drafts[index] === undefined ? [] : [`   译文：${drafts[index]}`]),
            ...(isEnglish && drafts[index] === undefined
              ? [
                  `   词语：${
                    pieces[index]
                      ?.filter(({ target: to }) => to !== undefined)
                      .map(({ source: word, target: to }) => `${word}（${to}）`)
                      .join('，') || '词表中没有这句的词'
                  }`,
                ]
              : []),
          ].join('\n'),
        )
        .join('\n')}`,
    ),
    ...(isEnglish && terms.length > 0
      ? [must(`### 术语表（全文统一）\n\n${table(['中文', '英文'], terms.slice(0, 60))}`)]
      : []),
    ...(brief.keywords.length > 0
      ? [
          must(
            `### 须统一的关键词\n\n${list(
              brief.keywords.map((word) => {
                const found = look(word)
                const to = found.every(({ target: one }) => one !== undefined)
                  ? found.map(({ target: one }) => one).join(' ')
                  : ''
                return isEnglish && to ? `${word}：${to}` : `${word}：译名待定，定下后全文用同一个`
              }),
            )}`,
          ),
        ]
      : []),
    must(
      `### 译者备忘\n\n${numbered([
        `风格：${style}。${/商务/.test(style) ? '称呼与委婉语要得体。' : /学术/.test(style) ? '术语优先，不用缩写形式。' : /口语/.test(style) ? '用短句和常用词。' : '意思优先，不逐字对应。'}`,
        '数字、日期、单位和链接原样保留，按目标语言的格式书写。',
        '原文的标题、列表和分段保持不变。',
        ...(isEnglish
          ? ['中文常省略主语，译文须补出；流水句按意思断开。']
          : [`词表只有中英对照，${target}部分请另行准备术语。`]),
        ...(unknown.length > 0 && isEnglish ? [`词表不认得：${unknown.join('、')}，请先查定译名。`] : []),
      ])}`,
    ),
  ]
}
