/** What people call a colour, in Chinese and in the English of image models. */
import type { Oklch } from '../color.ts'

export type Named = { zh: string; en: string }

const name = (zh: string, en: string): Named => ({ zh, en })

/** Hues in degrees of OKLCH: up to which a family reaches. */
const FAMILIES: readonly (readonly [upTo: number, Named])[] = [
  [14, name('玫红', 'rose')],
  [36, name('红', 'red')],
  [64, name('橙', 'orange')],
  [86, name('琥珀', 'amber')],
  [113, name('黄', 'yellow')],
  [132, name('黄绿', 'lime green')],
  [160, name('绿', 'green')],
  [188, name('青绿', 'teal')],
  [218, name('青', 'cyan')],
  [248, name('天蓝', 'sky blue')],
  [280, name('蓝', 'blue')],
  [304, name('蓝紫', 'violet')],
  [334, name('紫', 'purple')],
  [361, name('粉红', 'pink')],
]

const neutral = ({ l, c, h }: Oklch): Named => {
  const tint = c < 0.009 ? '' : h > 20 && h < 125 ? 'warm' : h > 170 && h < 300 ? 'cool' : ''
  const [zh, en] =
    l < 0.2
      ? ['黑', 'black']
      : l < 0.42
        ? ['深灰', 'charcoal grey']
        : l < 0.64
          ? ['灰', 'grey']
          : l < 0.84
            ? ['浅灰', 'light grey']
            : l < 0.95
              ? ['灰白', 'off-white']
              : ['白', 'white']
  const zhTint = tint === 'warm' ? '暖' : tint === 'cool' ? '冷' : ''
  return name(`${zhTint}${zh}`, tint === '' ? en : `${tint} ${en}`)
}

/** Browns, beiges and creams are oranges to a computer only. */
const earth = ({ l, c, h }: Oklch): Named | null => {
  if (h < 28 || h > 106) return null
  if (l > 0.86 && c < 0.075) return name('米白', 'cream')
  if (l <= 0.86 && c < 0.032) return name('灰褐', 'taupe')
  if (l > 0.68 && h < 62 && c > 0.06 && c < 0.14) return name('杏粉', 'peach')
  if (l > 0.66 && c < 0.085) return name('米杏', 'beige')
  if (l > 0.5 && c < 0.095) return name('驼', 'tan')
  if (l < 0.3 && c < 0.1) return name('深棕', 'dark brown')
  if (l < 0.58 && c < 0.125) return name('棕', 'brown')
  return null
}

/** Names a colour. Finer than anybody would by heart, coarser than a swatch book. */
export const nameColor = (color: Oklch): Named => {
  if (color.c < 0.022) return neutral(color)
  const brown = earth(color)
  if (brown) return brown
  const family = FAMILIES.find(([upTo]) => color.h < upTo)?.[1] ?? name('红', 'red')
  const { l, c, h } = color
  if (h > 334 && l < 0.58) return name('梅紫', 'plum')
  if ((h < 36 || h > 350) && l < 0.42) return name('酒红', 'burgundy')
  if (h > 12 && h < 40 && l > 0.62 && c < 0.19) return name('珊瑚', 'coral')
  if (l < 0.33) return name(`深${family.zh}`, `deep ${family.en}`)
  if (l > 0.84) return name(`浅${family.zh}`, `pale ${family.en}`)
  if (c < 0.07) return name(`灰${family.zh}`, `muted ${family.en}`)
  if (c > 0.17) return name(`鲜${family.zh}`, `vivid ${family.en}`)
  return l < 0.48 ? name(`暗${family.zh}`, `dark ${family.en}`) : name(`${family.zh}`, family.en)
}
