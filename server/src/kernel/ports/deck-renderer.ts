/**
 * The contract of what makes a presentation file out of its content. It draws and never invents: every word on a
 * slide stands in the content, which `kernel/tools/deck/read-deck.ts` has checked before a renderer sees it.
 */

/** Most of what a deck may have; `read-deck.ts` refuses more, so a renderer need not cope with it. */
export const DECK_BOUNDS = {
  slides: 40,
  titleCharacters: 120,
  textCharacters: 400,
  notesCharacters: 2_000,
  /** Items of an agenda, bullets of a slide, points below a bullet. */
  items: 10,
  points: 5,
  columns: 6,
  rows: 12,
  categories: 12,
  series: 4,
} as const

/** A presentation as data. Texts are plain: no markup, no line breaks but in notes. */
export type DeckContent = {
  title: string
  subtitle?: string
  /** BCP 47, such as `zh-CN`: decides the fonts and the words a renderer adds of its own (page numbers have none). */
  language: string
  /** In order, the first of kind `title` and the last of kind `closing`. */
  slides: readonly Slide[]
}

export type SlideKind = Slide['kind']

/** One slide; `notes` are what the speaker says, shown to nobody else. */
export type Slide = { title: string; notes: string } & (
  | { kind: 'title'; subtitle?: string }
  | { kind: 'agenda'; items: readonly string[] }
  | { kind: 'section'; text?: string }
  | { kind: 'bullets'; bullets: readonly { text: string; points?: readonly string[] }[] }
  /** Each row has as many cells as there are columns. */
  | { kind: 'table'; columns: readonly string[]; rows: readonly (readonly string[])[] }
  | {
      kind: 'chart'
      /** A pie has one series of values that are not negative. */
      chart: 'bar' | 'line' | 'pie'
      categories: readonly string[]
      /** Each series has as many finite values as there are categories. */
      series: readonly { name: string; values: readonly number[] }[]
      /** Of the values, such as `%` or `万元`. */
      unit?: string
    }
  | { kind: 'closing'; text?: string }
)

export type DeckRenderer = {
  /** The bytes of a `.pptx` file with all slides and notes. Throws only when the renderer itself is broken. */
  render: (content: DeckContent) => Promise<Uint8Array>
}
