import type { DeckContent, Slide, SlideKind } from '../../ports/deck-renderer.ts'
import { DECK_BOUNDS } from '../../ports/deck-renderer.ts'

/** An answer that is no deck. The message says why, in words that the model can be told. */
export class InvalidDeck extends Error {
  override readonly name = 'InvalidDeck'
}

/**
 * Reads a model's answer as the content of a deck: strictly, so that a renderer never meets what it cannot draw. Only
 * what models add around an object (a code fence, a sentence) is overlooked, and members that nobody knows.
 *
 * @throws InvalidDeck
 */
export function readDeck(answer: string): DeckContent {
  const begins = answer.indexOf('{')
  const ends = answer.lastIndexOf('}')
  if (begins < 0 || ends < begins) throw new InvalidDeck('it holds no JSON object')
  let value: unknown
  try {
    value = JSON.parse(answer.slice(begins, ends + 1))
  } catch {
    throw new InvalidDeck('it is no valid JSON')
  }
  const deck = readObject('the answer', value)
  const language = readText('language', deck.language, 35)
  if (!/^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$/.test(language))
    throw new InvalidDeck('language is no BCP 47 tag')
  const slides = readList('slides', deck.slides, 3, DECK_BOUNDS.slides).map((slide, index) =>
    readSlide(`slides[${index}]`, slide),
  )
  for (const [index, { kind }] of slides.entries()) {
    if ((kind === 'title') !== (index === 0))
      throw new InvalidDeck('the first slide and no other is of kind title')
    if ((kind === 'closing') !== (index === slides.length - 1))
      throw new InvalidDeck('the last slide and no other is of kind closing')
  }
  return {
    title: readText('title', deck.title, DECK_BOUNDS.titleCharacters),
    ...optional('subtitle', deck.subtitle, DECK_BOUNDS.textCharacters),
    language,
    slides,
  }
}

type Members = Readonly<Record<string, unknown>>

const { titleCharacters, textCharacters, notesCharacters } = DECK_BOUNDS

/** The members of each kind of slide besides its title and notes. */
const READERS: {
  readonly [Kind in SlideKind]: (
    at: string,
    slide: Members,
  ) => Omit<Extract<Slide, { kind: Kind }>, 'title' | 'notes'>
} = {
  title: (at, { subtitle }) => ({ kind: 'title', ...optional(`${at}.subtitle`, subtitle, textCharacters) }),
  agenda: (at, { items }) => ({
    kind: 'agenda',
    items: readTexts(`${at}.items`, items, 1, DECK_BOUNDS.items),
  }),
  section: (at, { text }) => ({ kind: 'section', ...optional(`${at}.text`, text, textCharacters) }),
  bullets: (at, { bullets }) => ({
    kind: 'bullets',
    bullets: readList(`${at}.bullets`, bullets, 1, DECK_BOUNDS.items).map((value, index) => {
      const here = `${at}.bullets[${index}]`
      const { text, points } = readObject(here, value)
      return {
        text: readText(`${here}.text`, text, textCharacters),
        ...(points != null && { points: readTexts(`${here}.points`, points, 0, DECK_BOUNDS.points) }),
      }
    }),
  }),
  table: (at, slide) => {
    const columns = readTexts(`${at}.columns`, slide.columns, 1, DECK_BOUNDS.columns)
    const rows = readList(`${at}.rows`, slide.rows, 1, DECK_BOUNDS.rows).map((row, index) => {
      const cells = readList(`${at}.rows[${index}]`, row, columns.length, columns.length)
      return cells.map((cell, place) => readCell(`${at}.rows[${index}][${place}]`, cell))
    })
    return { kind: 'table', columns, rows }
  },
  chart: (at, slide) => {
    const { chart } = slide
    if (chart !== 'bar' && chart !== 'line' && chart !== 'pie')
      throw new InvalidDeck(`${at}.chart is none of bar, line, pie`)
    const categories = readTexts(`${at}.categories`, slide.categories, 1, DECK_BOUNDS.categories)
    const most = chart === 'pie' ? 1 : DECK_BOUNDS.series
    const series = readList(`${at}.series`, slide.series, 1, most).map((value, index) => {
      const here = `${at}.series[${index}]`
      const one = readObject(here, value)
      const values = readList(`${here}.values`, one.values, categories.length, categories.length)
      if (!values.every((number) => typeof number === 'number' && Number.isFinite(number)))
        throw new InvalidDeck(`${here}.values are not all numbers`)
      if (chart === 'pie' && values.some((number) => Number(number) < 0))
        throw new InvalidDeck(`${here}.values of a pie are negative`)
      return { name: readText(`${here}.name`, one.name, titleCharacters), values: values as number[] }
    })
    return { kind: 'chart', chart, categories, series, ...optional(`${at}.unit`, slide.unit, 20) }
  },
  closing: (at, { text }) => ({ kind: 'closing', ...optional(`${at}.text`, text, textCharacters) }),
}

function readSlide(at: string, value: unknown): Slide {
  const slide = readObject(at, value)
  const { kind } = slide
  if (typeof kind !== 'string' || !Object.hasOwn(READERS, kind))
    throw new InvalidDeck(`${at}.kind is none of ${Object.keys(READERS).join(', ')}`)
  return {
    title: readText(`${at}.title`, slide.title, titleCharacters),
    notes: readText(`${at}.notes`, slide.notes, notesCharacters, true),
    ...READERS[kind as SlideKind](at, slide),
  } as Slide
}

function readObject(at: string, value: unknown): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new InvalidDeck(`${at} is no object`)
  return value as Members
}

function readList(at: string, value: unknown, least: number, most: number): unknown[] {
  if (!Array.isArray(value)) throw new InvalidDeck(`${at} is no list`)
  if (value.length < least || value.length > most)
    throw new InvalidDeck(
      `${at} has ${value.length} entries and not ${least === most ? least : `${least} to ${most}`}`,
    )
  return value
}

function readTexts(at: string, value: unknown, least: number, most: number): string[] {
  return readList(at, value, least, most).map((text, index) =>
    readText(`${at}[${index}]`, text, textCharacters),
  )
}

// What XML cannot carry would make a file that no program opens. Lone surrogates are among it.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNFIT = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/g

function readText(at: string, value: unknown, most: number, keepsLines = false): string {
  if (typeof value !== 'string') throw new InvalidDeck(`${at} is no text`)
  const clean = value.toWellFormed().replace(UNFIT, '')
  const text = (keepsLines ? clean : clean.replace(/\s+/g, ' ')).trim()
  if (text === '') throw new InvalidDeck(`${at} is empty`)
  if (text.length > most) throw new InvalidDeck(`${at} is longer than ${most} characters`)
  return text
}

/** A cell may be empty or a number. */
function readCell(at: string, value: unknown): string {
  if (value === '') return ''
  return readText(at, typeof value === 'number' ? String(value) : value, textCharacters)
}

/** A member that may be missing, under the last part of its place. */
function optional(at: string, value: unknown, most: number): { [name: string]: string } {
  const name = at.slice(at.lastIndexOf('.') + 1)
  return value == null || value === '' ? {} : { [name]: readText(at, value, most) }
}

/** The words on a deck's slides, for its owner to read and to find it by. */
export function deckWords({ title, subtitle, slides }: DeckContent): string {
  const lines = [`# ${title}`, ...(subtitle === undefined ? [] : [subtitle])]
  for (const slide of slides) {
    if (slide.kind !== 'title') lines.push('', `## ${slide.title}`)
    switch (slide.kind) {
      case 'agenda':
        lines.push(...slide.items.map((item) => `- ${item}`))
        break
      case 'bullets':
        for (const { text, points = [] } of slide.bullets)
          lines.push(`- ${text}`, ...points.map((point) => `  - ${point}`))
        break
      case 'table':
        lines.push(...[slide.columns, ...slide.rows].map((cells) => `| ${cells.join(' | ')} |`))
        break
      case 'chart':
        for (const { name, values } of slide.series)
          lines.push(
            `- ${name}: ${values.map((value, index) => `${slide.categories[index]} ${value}`).join(', ')}`,
          )
        break
      case 'section':
      case 'closing':
        if (slide.text !== undefined) lines.push(slide.text)
        break
    }
  }
  return lines.join('\n')
}
