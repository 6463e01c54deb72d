/** Colours of a deck, as pptxgenjs takes them: six hex digits. */
export type Palette = {
  /** The ground of title, section and closing slides. */
  deep: string
  /** Headings and the heads of tables. */
  primary: string
  accent: string
  /** A second voice for charts and shapes. */
  second: string
  third: string
  /** The ground of cards, and of every other row. */
  tint: string
  /** Text on white, and beside it. */
  ink: string
  quiet: string
}

const PALETTES: readonly [Palette, ...Palette[]] = [
  {
    ...{ deep: '14213D', primary: '1F3A68', accent: 'E76F51', second: '2A9D8F', third: 'E9C46A' },
    ...{ tint: 'F2F5FA', ink: '1B2433', quiet: '6B7686' },
  },
  {
    ...{ deep: '12332B', primary: '1E5245', accent: 'D99A2B', second: '3F8F7A', third: 'B5541C' },
    ...{ tint: 'F1F6F3', ink: '16241F', quiet: '66756F' },
  },
  {
    ...{ deep: '2B1B3D', primary: '4B2E6B', accent: 'F2786D', second: '7C62B8', third: 'E8B44F' },
    ...{ tint: 'F6F3FA', ink: '241A30', quiet: '776D82' },
  },
  {
    ...{ deep: '10292F', primary: '17505C', accent: 'EF8354', second: '2D92A3', third: '9C7A3C' },
    ...{ tint: 'F0F6F7', ink: '142327', quiet: '65757A' },
  },
]

/** The same title always has the same colours. */
export function paletteFor(title: string): Palette {
  let sum = 0
  for (const character of title) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) >>> 0
  return PALETTES[sum % PALETTES.length] ?? PALETTES[0]
}

/** Colours of a chart's series or a pie's parts, told apart at a glance and in grey. */
export function chartColors({ primary, accent, second, third, quiet, deep }: Palette): string[] {
  return [
    primary,
    accent,
    second,
    third,
    quiet,
    deep,
    '8FA6C9',
    'F3B8A6',
    '9BD1CA',
    'F1DDA8',
    'B9C0CA',
    '566078',
  ]
}

/** A font that the machines of a language's readers have; others show their own in its place. */
export function fontFor(language: string): string {
  if (/^zh-(tw|hk|mo|hant)/i.test(language)) return 'Microsoft JhengHei'
  if (/^zh/i.test(language)) return 'Microsoft YaHei'
  if (/^ja/i.test(language)) return 'Yu Gothic'
  if (/^ko/i.test(language)) return 'Malgun Gothic'
  return 'Segoe UI'
}

/** Inches: a wide slide, its margins, and where the content of a slide with a heading begins and ends. */
export const PAGE = { width: 13.333, height: 7.5, margin: 0.8, top: 1.75, bottom: 6.75 } as const
