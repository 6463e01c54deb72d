import { nearestLength, nearestShape, readShape, type Shape } from '../shared/nearest.ts'
import type { RunwayOptions } from './options.ts'

/** What a model of Runway's takes (`@runwayml/sdk` 4.20.1, src/resources). */
type Known = {
  model: RegExp
  /** Pixels, or shapes for models that are told those; null where the model takes none of its own. */
  ratios?: readonly string[]
  /** With a first picture, where that differs. */
  ratiosFromPicture?: readonly string[]
  /** Lengths of a clip in seconds, the shortest first. */
  seconds?: readonly number[]
  /** UTF-16 units. */
  mostPrompt?: number
  /** False for models whose wire has no `seed`. */
  hasSeed?: boolean
}

const GEN4_CLIPS = ['1280:720', '720:1280', '1104:832', '832:1104', '960:960', '1584:672']
const VEO_CLIPS = ['1280:720', '720:1280', '1080:1920', '1920:1080']
const SEEDANCE_HD = ['1470:630', '1280:720', '1112:834', '960:960', '834:1112', '720:1280']
const MOST_GEN4_PROMPT = 1_000

const CLIPS: readonly Known[] = [
  {
    model: /^gen4\.5$/,
    ratios: ['1280:720', '720:1280'],
    ratiosFromPicture: GEN4_CLIPS,
    seconds: [2, 3, 4, 5, 6, 7, 8, 9, 10],
    mostPrompt: MOST_GEN4_PROMPT,
  },
  { model: /^gen4_turbo$/, ratios: GEN4_CLIPS, seconds: [5, 10], mostPrompt: MOST_GEN4_PROMPT },
  { model: /^veo3\.1(_fast)?$/, ratios: VEO_CLIPS, seconds: [4, 6, 8] },
  { model: /^seedance2/, ratios: SEEDANCE_HD },
  { model: /^(hailuo3|grok_imagine)/, ratios: ['16:9', '4:3', '1:1', '3:4', '9:16'], hasSeed: false },
  { model: /^gemini_omni_flash/, ratios: ['1280:720', '720:1280'], hasSeed: false },
]

const PICTURES: readonly Known[] = [
  {
    model: /^gen4_image(_turbo)?$/,
    ratios: [
      ...[
        '1024:1024',
        '1080:1080',
        '1168:880',
        '1360:768',
        '1440:1080',
        '1080:1440',
        '1808:768',
        '1920:1080',
      ],
      ...['1080:1920', '2112:912', '1280:720', '720:1280', '720:720', '960:720', '720:960', '1680:720'],
    ],
    mostPrompt: MOST_GEN4_PROMPT,
  },
  {
    model: /^gemini_2\.5_flash$/,
    ratios: [
      ...['1344:768', '768:1344', '1024:1024', '1184:864', '864:1184'],
      ...['1536:672', '832:1248', '1248:832', '896:1152', '1152:896'],
    ],
    hasSeed: false,
  },
  {
    model: /^gemini_image3/,
    ratios: [
      ...['1024:1024', '832:1248', '1248:832', '864:1184', '1184:864', '896:1152', '1152:896', '768:1344'],
      ...[
        '1344:768',
        '1536:672',
        '2048:2048',
        '1696:2528',
        '2528:1696',
        '1792:2400',
        '2400:1792',
        '1856:2304',
      ],
      ...['2304:1856', '1536:2752', '2752:1536', '3168:1344', '4096:4096'],
    ],
    hasSeed: false,
  },
  {
    model: /^gpt_image_2/,
    ratios: [
      ...['1920:1088', '1920:1280', '1920:1440', '1920:1536', '1920:1920', '1536:1920', '1440:1920'],
      ...['1280:1920', '1088:1920', '2560:1440', '2560:2560', '1440:2560', '3840:2160', '2160:3840'],
    ],
    hasSeed: false,
  },
]

/** How a job is put to one model: the documented size and length that are nearest. */
export type Fit = { ratio: string; seconds: number; mostPrompt: number; hasSeed: boolean }

/**
 * What to ask a model for. One that is not known is asked for what was wanted, in pixels, unless the operator's
 * options say what it takes.
 */
export function fitTo(
  kind: 'clip' | 'picture',
  wanted: Shape & { model: string; seconds: number; hasSource: boolean },
  options: Pick<RunwayOptions, 'ratios' | 'seconds' | 'isSeedSent'>,
): Fit {
  const known = (kind === 'clip' ? CLIPS : PICTURES).find(({ model }) => model.test(wanted.model))
  const ownRatios = (wanted.hasSource ? known?.ratiosFromPicture : null) ?? known?.ratios
  return {
    ratio: nearestRatio(wanted, options.ratios ?? ownRatios ?? []),
    seconds: nearestLength(wanted.seconds, options.seconds ?? known?.seconds ?? []),
    mostPrompt: known?.mostPrompt ?? Number.POSITIVE_INFINITY,
    hasSeed: options.isSeedSent && known?.hasSeed !== false,
  }
}

function nearestRatio(wanted: Shape, ratios: readonly string[]): string {
  const shapes = ratios.flatMap((ratio) => {
    const shape = readShape(ratio)
    return shape ? [{ ...shape, ratio }] : []
  })
  const [first, ...others] = shapes
  return first ? nearestShape(wanted, [first, ...others]).ratio : `${wanted.width}:${wanted.height}`
}
