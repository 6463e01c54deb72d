/**
 * Prompts built from what was measured. The subject is left open, because nobody has looked at it: what stands in
 * square brackets is for the reader to fill in.
 */
import type { Measurement } from './measure.ts'
import { isSpotted, type Phrases, type Side } from './phrase.ts'

type Variant = { title: string; positive: string[]; negative: string[]; why: string }

/** A form of the report: what is said before the variants, and the variants. */
export type Form = { notes: readonly string[]; variants: (m: Measurement, p: Phrases) => Variant[] }

const OPPOSITE: Readonly<Record<Side, Side>> = { left: 'right', right: 'left', top: 'bottom', bottom: 'top' }
const ZH: Readonly<Record<Side, string>> = { left: '左', right: '右', top: '上', bottom: '下' }

/** What would spoil this picture in particular: the contrary of what was measured. */
const contraries = (m: Measurement): string[] => [
  ...(m.lightness.mean < 0.38 ? ['overexposed', 'flat lighting'] : []),
  ...(m.lightness.mean > 0.78 ? ['muddy shadows', 'underexposed'] : []),
  ...(m.warmth.all > 0.03 ? ['cold blue cast'] : []),
  ...(m.warmth.all < -0.03 ? ['yellow cast'] : []),
  ...(m.chroma < 0.045 && !isSpotted(m) ? ['oversaturated colours'] : []),
  ...(m.plainBackground ? ['cluttered background'] : []),
]

const GLAMOUR_NEVER = [
  'nudity',
  'nsfw',
  'explicit',
  'underage',
  'childlike',
  'real person likeness',
  'bad hands',
  'extra fingers',
  'plastic skin',
  'text',
  'watermark',
]

const ADULT = '[an adult model aged 25 or older, invented: hair, face, skin tone]'

const glamourVariants = (m: Measurement, p: Phrases): Variant[] => {
  const cloth = p.accent.c < 0.03 ? 'black satin' : `${p.accent.name.en} satin`
  const side = p.lightFrom === 'left' || p.lightFrom === 'right' ? p.lightFrom : 'left'
  const away = OPPOSITE[side]
  const isDark = m.lightness.mean < 0.5
  const negative = [...GLAMOUR_NEVER, ...contraries(m)]
  const common = [p.temperature, p.palette]
  return [
    {
      title: '贴近原图',
      positive: [
        ADULT,
        '[pose and gaze, for example: turned three-quarters, looking into the camera]',
        `[outfit, for example: elegant ${cloth} evening dress]`,
        'confident and relaxed expression',
        p.background,
        p.light,
        p.exposure,
        ...common,
        p.placement,
        p.depth,
        `${p.format} ${p.shape} framing`,
        'glamour editorial photography',
        p.finish,
      ],
      negative,
      why: `保留量到的光线、色彩（${p.paletteZh}）和构图，只换主体，适合做同系列图。`,
    },
    {
      title: '改变布光',
      positive: [
        ADULT,
        '[pose, for example: standing in profile, shoulder towards the light]',
        `[outfit, for example: tailored ${cloth} blouse and skirt]`,
        'calm, self-assured gaze',
        p.background,
        isDark
          ? `large soft key light from the ${away}, gentle fill, skin tones lifted out of the dark`
          : `low-key setup, narrow rim light from the ${away} tracing shoulder and hair, dark falloff`,
        ...common,
        p.placement,
        '85mm lens at f/2',
        `${p.format} ${p.shape} framing`,
        'glamour editorial photography',
        'subtle film grain',
      ],
      negative: [...GLAMOUR_NEVER, 'flat frontal flash', ...(isDark ? ['crushed blacks'] : ['washed out'])],
      why: isDark
        ? `原图偏暗，这里改为${ZH[away]}侧大面积柔光，肤色更通透，氛围更轻。`
        : `原图以中亮调为主，这里压暗环境、从${ZH[away]}侧勾边，轮廓更突出，情绪更浓。`,
    },
    {
      title: '近景特写',
      positive: [
        'half-length close portrait',
        ADULT,
        '[gesture, for example: one hand resting at the collarbone, chin slightly raised]',
        `[outfit detail, for example: ${cloth} neckline with fine folds]`,
        'direct gaze, slight smile',
        p.room === 'left' || p.room === 'right'
          ? `face in the ${OPPOSITE[p.room]} third, clean negative space on the ${p.room}`
          : 'face on the upper third line, shoulders filling the frame',
        p.light,
        'catchlight in the eyes',
        ...common,
        'shallow depth of field, 105mm lens',
        'beauty photography',
        'visible skin texture',
      ],
      negative: [...GLAMOUR_NEVER, 'cropped chin', 'distorted eyes', ...contraries(m)],
      why: `把取景收紧到半身，沿用原图的光位与色温，适合封面和头图${p.room ? '，留白处可放文字' : ''}。`,
    },
    {
      title: '换景不换调',
      positive: [
        'full-length editorial photograph',
        ADULT,
        '[pose, for example: walking slowly, one hand on the railing]',
        `[outfit, for example: flowing ${cloth} gown, fabric caught in motion]`,
        `[place, for example: ${m.warmth.all >= 0 ? 'a hotel terrace at golden hour' : 'a rooftop at blue hour'}]`,
        `set and styling in ${p.palette.replace('palette of ', '')}`,
        p.exposure,
        p.temperature,
        m.horizon !== null ? 'level horizon kept behind the waistline' : 'leading lines towards the figure',
        '35mm lens, eye level',
        `${p.format} ${p.shape} framing`,
        'fashion magazine finish',
      ],
      negative: [...GLAMOUR_NEVER, 'crowd', 'tilted horizon', 'mismatched colours'],
      why: '色板、明暗和色温照旧，地点与造型换新，适合把一张图扩成一组大片。',
    },
  ]
}

const CLIP_NEVER = [
  'cuts',
  'camera shake',
  'fast motion',
  'warping',
  'morphing',
  'product changing shape or colour',
  'extra objects',
  'extra fingers',
  'mirror',
  'reflection of people',
  'added text',
  'subtitles',
  'watermark',
]

const PRODUCT = '[product as it is in the picture: what it is, colour, material]'
const CLIP_LOOK = ['photorealistic', 'commercial product video', 'steady, even speed']

const clipRisks = (m: Measurement): string[] => [
  ...(m.plainBackground ? ['background turning into a scene'] : []),
  ...(m.detail.median > 0.06 ? ['flickering texture', 'moire'] : []),
  ...(m.highlights > 0.03 ? ['blown highlights'] : []),
  ...(m.horizon !== null ? ['tilting horizon'] : []),
  ...contraries(m).filter((one) => one.endsWith('cast')),
]

const clipVariants = (m: Measurement, p: Phrases): Variant[] => {
  const place = p.focus === 'centre' ? 'centre of the frame' : `${p.focus} of the frame`
  // A slide ends where the product is, and begins where there is room.
  const from: Side = p.room === 'right' || (p.room !== 'left' && m.weight.x < 0.5) ? 'right' : 'left'
  const to = OPPOSITE[from]
  const lit = p.lightFrom === 'left' || p.lightFrom === 'right' ? p.lightFrom : from
  const negative = [...CLIP_NEVER, ...clipRisks(m)]
  const world = [p.background, p.light, p.temperature, p.palette]
  const room = m.detail.emptyPart > 0.3 ? '四周有余量，推近不会裁到主体' : '画面较满，推近幅度要小，约一成'
  return [
    {
      title: '缓推细节（时长 6 秒）',
      positive: [
        'One continuous 6-second shot',
        PRODUCT,
        `the camera pushes in slowly and evenly towards the ${place} and ends ${m.detail.emptyPart > 0.3 ? 'with the product filling two thirds of the frame' : 'ten percent closer than it began'}`,
        '[what moves by itself, for example: fabric settles slightly]; everything else is still',
        ...world,
        p.depth,
        ...CLIP_LOOK,
      ],
      negative,
      why: `视觉重量在${p.focusZh}，直线推近最能交代材质与做工；${room}。适合首图视频。`,
    },
    {
      title: '横移展示（时长 8 秒）',
      positive: [
        'One continuous 8-second shot',
        PRODUCT,
        `the camera slides sideways from ${from} to ${to} by a tenth of the frame, slow and level, and ends with the product just off centre`,
        'the product and background stay still, only parallax moves',
        ...world,
        '50mm lens, constant focus on the product',
        ...CLIP_LOOK,
      ],
      negative,
      why: `${p.room === from ? `${ZH[from]}侧有留白，` : ''}由${ZH[from]}向${ZH[to]}小幅平移（约一成），靠视差带出空间感，尽量不露出画外内容。适合详情页。`,
    },
    {
      title: '光影掠过（时长 5 秒）',
      positive: [
        'One continuous 5-second shot',
        PRODUCT,
        `the camera moves in a short arc of 15 degrees towards the ${OPPOSITE[lit]}, product locked in place`,
        `a soft highlight travels across the surface from the ${lit}`,
        ...world,
        p.exposure,
        '70mm lens',
        p.depth,
        ...CLIP_LOOK,
      ],
      negative: [...negative, 'rotating product'],
      why: `${p.lightFrom ? '光的方向明确' : '原图光线均匀'}，小弧度移动让高光扫过表面，突出质感与光泽。适合信息流。`,
    },
    p.shape === 'portrait' || m.lines === 'vertical'
      ? {
          title: '缓升全貌（时长 7 秒）',
          positive: [
            'One continuous 7-second shot',
            PRODUCT,
            'the camera rises slowly and straight from the lower third to the full view, lens level',
            'the product stays still and whole in the last three seconds',
            ...world,
            '50mm lens',
            ...CLIP_LOOK,
          ],
          negative,
          why: '竖向画面由下而上交代版型与比例，收在全貌。适合竖屏短视频。',
        }
      : {
          title: '拉远全貌（时长 7 秒）',
          positive: [
            'One continuous 7-second shot',
            PRODUCT,
            `the camera starts close on the ${place} and pulls back slowly to exactly the framing of the picture`,
            'the product stays still and whole at the end',
            ...world,
            '35mm lens',
            p.depth,
            ...CLIP_LOOK,
          ],
          negative,
          why: '由细节退到全貌，终点就是原图构图，不会凭空补出画外内容。适合详情页开头。',
        },
  ]
}

/** By the purpose that a job names. */
export const forms: Readonly<Record<string, Form>> = {
  'picture-to-glamour-prompts': {
    notes: [
      '仅用于 25 岁以上、虚构的成年人物，风格含蓄、不裸露；请勿填入真实人物，原图人物年龄有疑问时请勿使用。',
    ],
    variants: glamourVariants,
  },
  'picture-to-sales-clip-prompts': {
    notes: ['以原图作首帧，用于图生视频；每条一个镜头、一种匀速运镜，不增加画面里没有的东西。'],
    variants: clipVariants,
  },
}
