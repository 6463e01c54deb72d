/** A measurement in words: sentences for a Chinese reader, and phrases for the prompts of image models. */
import type { Dominant } from './dominant-colors.ts'
import type { Measurement } from './measure.ts'

export type Side = 'left' | 'right' | 'top' | 'bottom'

export type Phrases = {
  /** Lines of the report: frame, colours, light, detail, composition. */
  report: string[]
  /** The frame's format, such as `2:3`, and its shape. */
  format: string
  shape: 'portrait' | 'landscape' | 'square'
  palette: string
  paletteZh: string
  /** The colour with most life in it: what cloth or a light may take up. */
  accent: Dominant
  light: string
  /** Where the light side is; null for an even light. */
  lightFrom: Side | null
  exposure: string
  temperature: string
  background: string
  depth: string
  placement: string
  placementZh: string
  /** Where the weight lies, such as `upper right`; `centre` in the middle. */
  focus: string
  focusZh: string
  /** The side with most room, if there is room. */
  room: Side | null
  finish: string
}

const SIDES_ZH: Readonly<Record<Side, string>> = { left: '左侧', right: '右侧', top: '上方', bottom: '下方' }

const percent = (part: number): string => `${Math.round(part * 100)}%`

const FORMATS = [
  [1, 1],
  [5, 4],
  [4, 3],
  [3, 2],
  [16, 10],
  [16, 9],
  [2, 1],
  [21, 9],
] as const

const formatOf = ({ width, height }: Measurement): Pick<Phrases, 'format' | 'shape'> => {
  const long = Math.max(width, height) / Math.min(width, height)
  const off = ([a, b]: readonly [number, number]): number => Math.abs(Math.log(a / b / long))
  const [a, b] = FORMATS.reduce((best, one) => (off(one) < off(best) ? one : best))
  const isTall = height > width
  return {
    format: isTall ? `${b}:${a}` : `${a}:${b}`,
    shape: a === b ? 'square' : isTall ? 'portrait' : 'landscape',
  }
}

const SHAPES_ZH = { portrait: '竖幅', landscape: '横幅', square: '方幅' } as const

/** `a, b and c` of the largest colours. */
const listColors = (colors: readonly Dominant[]): string => {
  const names = colors.slice(0, 3).map(({ name }) => name.en)
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}

/** Quiet but for a small part. */
export const isSpotted = (m: Measurement): boolean =>
  m.chroma < 0.06 && m.colors.some(({ c, share }) => c > 0.13 && share < 0.2)

const saturationOf = (m: Measurement): { zh: string; en: string } => {
  if (m.chroma < 0.012) return { zh: '近乎黑白', en: 'monochrome' }
  if (isSpotted(m)) return { zh: '大面积素净、小面积鲜艳', en: 'restrained tones with a vivid accent' }
  if (m.chroma < 0.045) return { zh: '低饱和', en: 'muted colours' }
  if (m.chroma < 0.1) return { zh: '饱和度适中', en: 'natural saturation' }
  return { zh: '高饱和', en: 'rich saturated colours' }
}

const temperatureOf = (m: Measurement): { zh: string; en: string } => {
  const { all, lights, darks } = m.warmth
  if (m.chroma < 0.012) return { zh: '无明显色温', en: 'neutral tones' }
  if (lights > 0.02 && darks < -0.015)
    return { zh: '亮部偏暖、暗部偏冷', en: 'warm highlights and cool shadows' }
  if (lights < -0.02 && darks > 0.015)
    return { zh: '亮部偏冷、暗部偏暖', en: 'cool highlights and warm shadows' }
  if (all > 0.05) return { zh: '明显偏暖', en: 'warm golden colour temperature' }
  if (all > 0.018) return { zh: '略偏暖', en: 'slightly warm colour temperature' }
  if (all < -0.05) return { zh: '明显偏冷', en: 'cool blue colour temperature' }
  if (all < -0.018) return { zh: '略偏冷', en: 'slightly cool colour temperature' }
  return { zh: '色温中性', en: 'neutral colour temperature' }
}

const exposureOf = (m: Measurement): { zh: string; en: string } => {
  const { mean, low, high } = m.lightness
  const range = high - low
  const key =
    mean > 0.78
      ? { zh: '高调（整体明亮）', en: 'high-key exposure' }
      : mean < 0.38
        ? { zh: '低调（整体偏暗）', en: 'low-key exposure' }
        : { zh: '中间调', en: 'balanced mid-tone exposure' }
  const contrast =
    range < 0.28
      ? { zh: '反差弱', en: 'soft low contrast' }
      : range < 0.58
        ? { zh: '反差适中', en: 'moderate contrast' }
        : { zh: '反差强', en: 'strong contrast' }
  const deep = m.shadows > 0.18 && range >= 0.58 ? ' with deep blacks' : ''
  return { zh: `${key.zh}，${contrast.zh}`, en: `${key.en}, ${contrast.en}${deep}` }
}

/** From this difference of lightness over the whole frame on, one side is the light one. */
const CLEAR = 0.1

const at = (zh: string, en: string) => ({ zh, en })

/** By the side the light comes from, up or down first. */
const FROM = {
  '': { '': at('', ''), left: at('左侧', 'the left'), right: at('右侧', 'the right') },
  top: {
    '': at('上方', 'above'),
    left: at('左上方', 'the upper left'),
    right: at('右上方', 'the upper right'),
  },
  bottom: {
    '': at('下方', 'below'),
    left: at('左下方', 'the lower left'),
    right: at('右下方', 'the lower right'),
  },
} as const

const lightOf = (m: Measurement): Pick<Phrases, 'light' | 'lightFrom'> & { zh: string } => {
  const { toRight, toBottom, toMiddle } = m.light
  const isHard = m.highlights > 0.02 && m.shadows > 0.08
  const quality = isHard ? 'hard directional light' : 'soft light'
  const qualityZh = isHard ? '亮部与暗部对立，偏硬' : '过渡平缓，偏柔'
  // Before one even colour it is the thing's place in the frame, not the light, that makes one side darker.
  if (m.plainBackground) return { light: 'even soft light', lightFrom: null, zh: '背景受光均匀，偏柔' }
  const across = Math.abs(toRight) > CLEAR ? (toRight > 0 ? 'right' : 'left') : null
  const along = Math.abs(toBottom) > CLEAR ? (toBottom > 0 ? 'bottom' : 'top') : null
  if (across || along) {
    const from = FROM[along ?? ''][across ?? '']
    const fall = toMiddle > CLEAR ? ', edges falling into shade' : ''
    const isAcross = across && (!along || Math.abs(toRight) >= Math.abs(toBottom) * 0.6)
    return {
      light: `${quality} from ${from.en}${fall}`,
      lightFrom: isAcross ? across : along,
      zh: `亮部在画面${from.zh}，${qualityZh}`,
    }
  }
  if (toMiddle > CLEAR) {
    return {
      light: `${quality} on the centre of the frame, edges falling into shade`,
      lightFrom: null,
      zh: `中间亮、四周暗，${qualityZh}`,
    }
  }
  if (toMiddle < -CLEAR) {
    return {
      light: 'light background behind a darker centre, gentle rim light',
      lightFrom: null,
      zh: '四周亮、中间暗，接近逆光或浅色背景',
    }
  }
  return {
    light: `even ${isHard ? 'contrasty' : 'soft'} light`,
    lightFrom: null,
    zh: `受光均匀，${qualityZh}`,
  }
}

const detailOf = (m: Measurement): { zh: string; en: string } => {
  const { sharpest, median, emptyPart } = m.detail
  if (sharpest < 0.02) return { zh: '几乎没有细节，大面积平滑或整体柔焦', en: 'smooth soft-focus rendering' }
  if (emptyPart > 0.4) {
    const what = m.plainBackground ? '其余是纯净背景' : '其余平滑（虚化的背景或单色面，仅凭测量分不出来）'
    const en = m.plainBackground
      ? 'crisp subject against clean space'
      : 'shallow depth of field, smooth backdrop'
    return { zh: `细节集中在约 ${percent(1 - emptyPart)} 的画面，${what}`, en }
  }
  if (median > sharpest * 0.5)
    return { zh: '细节遍布整个画面', en: 'deep focus, fine detail across the whole frame' }
  return { zh: '细节疏密有别', en: 'moderate depth of field, detail gathered around the focus' }
}

const placeOf = (m: Measurement): Pick<Phrases, 'focus' | 'focusZh'> => {
  const { x, y } = m.weight
  const column = x < 0.44 ? 'left' : x > 0.56 ? 'right' : ''
  const row = y < 0.44 ? 'upper' : y > 0.56 ? 'lower' : ''
  const columnZh = x < 0.44 ? '左' : x > 0.56 ? '右' : ''
  const rowZh = y < 0.44 ? '上' : y > 0.56 ? '下' : ''
  if (!column && !row) return { focus: 'centre', focusZh: '中央' }
  if (!column) return { focus: `${row} centre`, focusZh: `中央偏${rowZh}` }
  return { focus: row ? `${row} ${column}` : `${column}`, focusZh: `${columnZh}${rowZh || '侧'}` }
}

const roomOf = (m: Measurement): Side | null => {
  const sides = (Object.entries(m.empty) as [Side, number][]).sort((a, b) => b[1] - a[1])
  const [first, second] = sides
  // All round there is room in a studio, and no side is the empty one.
  return first && second && first[1] > 0.6 && first[1] - second[1] > 0.12 ? first[0] : null
}

const LINES = {
  horizontal: { zh: '线条以水平为主', en: 'calm horizontal lines' },
  vertical: { zh: '线条以垂直为主', en: 'upright vertical lines' },
  rising: { zh: '线条由左下升向右上', en: 'diagonal lines rising to the right' },
  falling: { zh: '线条由左上落向右下', en: 'diagonal lines falling to the right' },
} as const

const composeOf = (m: Measurement, room: Side | null): { zh: string; en: string } => {
  const { focus, focusZh } = placeOf(m)
  const zh = [m.weight.spread > 0.34 ? `视觉重量散布全幅，重心在${focusZh}` : `视觉重量在${focusZh}`]
  const en = [focus === 'centre' ? 'centred composition' : `main weight in the ${focus} of the frame`]
  if (m.symmetry > 0.86 && m.symmetry < 1) {
    zh.push('左右接近对称')
    en.push('near-symmetrical balance')
  }
  if (room) {
    zh.push(`${SIDES_ZH[room]}留白`)
    en.push(`negative space ${room === 'left' || room === 'right' ? `on the ${room}` : `at the ${room}`}`)
  }
  if (m.horizon !== null) {
    zh.push(`距顶部约 ${percent(m.horizon)} 处有一条贯穿的水平分界`)
    en.push(
      `strong horizontal division ${m.horizon < 0.42 ? 'in the upper third' : m.horizon > 0.58 ? 'in the lower third' : 'across the middle'}`,
    )
  }
  if (m.lines) {
    zh.push(LINES[m.lines].zh)
    en.push(LINES[m.lines].en)
  }
  return { zh: zh.join('，'), en: en.join(', ') }
}

const accentOf = (colors: readonly Dominant[]): Dominant => {
  const best = [...colors].sort((a, b) => b.c * Math.sqrt(b.share) - a.c * Math.sqrt(a.share))[0]
  if (!best) throw new Error('a picture has at least one colour')
  return best
}

/** Puts a measurement into words. */
export const phrase = (m: Measurement): Phrases => {
  const { format, shape } = formatOf(m)
  const [saturation, temperature, exposure] = [saturationOf(m), temperatureOf(m), exposureOf(m)]
  const light = lightOf(m)
  const detail = detailOf(m)
  const room = roomOf(m)
  const composition = composeOf(m, room)
  const plain = m.plainBackground
  const colors = m.colors.map(({ name, hex, share }) => `${name.zh} ${hex}（${percent(share)}）`).join('、')
  const backgroundZh = plain ? `；边缘是均匀的${plain.name.zh}色背景` : ''
  return {
    report: [
      `画幅：${m.width}×${m.height}，${SHAPES_ZH[shape]}，约 ${format}`,
      `色彩：${colors}；${saturation.zh}，${temperature.zh}`,
      `光线：${exposure.zh}；${light.zh}`,
      `清晰度：${detail.zh}`,
      `构图：${composition.zh}${backgroundZh}`,
    ],
    format,
    shape,
    palette: `palette of ${listColors(m.colors)}, ${saturation.en}`,
    paletteZh: m.colors
      .slice(0, 3)
      .map(({ name }) => name.zh)
      .join('、'),
    accent: accentOf(m.colors),
    light: light.light,
    lightFrom: light.lightFrom,
    exposure: exposure.en,
    temperature: temperature.en,
    background: plain
      ? `plain ${plain.name.en} background`
      : `backdrop in ${listColors(m.colors.slice(0, 2))}`,
    depth: detail.en,
    placement: composition.en,
    placementZh: composition.zh,
    ...placeOf(m),
    room,
    finish: m.chroma < 0.012 ? 'black and white photograph, fine grain' : 'natural skin and material texture',
  }
}
