/**
 * Chooses the colours of a picture: a hand-made family for the time of day, then turned towards the season,
 * the mood and the colours that the prompt asks for.
 */
import { type Hex, lighten, mix, oklch, saturate, toOklch, turnHue } from './color.ts'
import type { Random } from './random.ts'
import type { Reading } from './read-prompt.ts'
import type { TimeName } from './vocabulary.ts'

export type Palette = {
  /** Top, middle and horizon of the sky. */
  sky: readonly [Hex, Hex, Hex]
  /** The sun or moon, and the light around it. */
  light: Hex
  glow: Hex
  /** Land from the farthest to the nearest layer. */
  far: Hex
  near: Hex
  leaf: readonly [dark: Hex, mid: Hex, light: Hex]
  water: readonly [deep: Hex, shine: Hex]
  accents: readonly [Hex, Hex, Hex]
  paper: Hex
  ink: Hex
  /** What the air does to local colours: their tint, and how much of it (0…1). */
  ambient: Hex
  ambience: number
  night: boolean
}

type Family = Omit<Palette, 'night' | 'paper' | 'ink'>

const families: Record<TimeName, readonly [Family, ...Family[]]> = {
  day: [
    {
      sky: ['#6fb7e0', '#aeddec', '#fdf3d9'],
      light: '#fff3c4',
      glow: '#fff0b8',
      far: '#a7cfd0',
      near: '#6aa356',
      leaf: ['#3d7a4a', '#67a556', '#a6cf6a'],
      water: ['#3f93b5', '#bfe8ea'],
      accents: ['#ef6f6c', '#f7b84b', '#f7d6e0'],
      ambient: '#fff3d8',
      ambience: 0.05,
    },
    {
      sky: ['#7fc8c9', '#c4e6d8', '#fff4dc'],
      light: '#ffefb0',
      glow: '#fff4c8',
      far: '#b5d6c4',
      near: '#7fae5a',
      leaf: ['#3f7d5c', '#6fae6a', '#b8d67a'],
      water: ['#3a9a9b', '#c8efe2'],
      accents: ['#f2785c', '#fcca5d', '#f4a9b8'],
      ambient: '#fff3d8',
      ambience: 0.05,
    },
    {
      sky: ['#8fb4e8', '#c9d8f2', '#fdeedd'],
      light: '#fff6d8',
      glow: '#fff0cf',
      far: '#b2c3dd',
      near: '#7aa07a',
      leaf: ['#41705c', '#74a277', '#b5cf8e'],
      water: ['#5a8cc4', '#d4e6f4'],
      accents: ['#e8707e', '#f6bd60', '#b79ce0'],
      ambient: '#fff1dc',
      ambience: 0.06,
    },
  ],
  dawn: [
    {
      sky: ['#8aa9d6', '#f3c9c8', '#ffe8c4'],
      light: '#fff0c2',
      glow: '#ffd9a0',
      far: '#c5b4cc',
      near: '#6f8f6a',
      leaf: ['#48705e', '#7f9f6f', '#c2c781'],
      water: ['#7f9fc6', '#ffe3cf'],
      accents: ['#ef7f74', '#f8c063', '#f6b6c4'],
      ambient: '#ffd9b8',
      ambience: 0.13,
    },
    {
      sky: ['#7fb3c8', '#f7d9b8', '#ffeccb'],
      light: '#fff6da',
      glow: '#ffe0a6',
      far: '#b9c4bf',
      near: '#6c8d5c',
      leaf: ['#466f55', '#83a364', '#c8c878'],
      water: ['#6fa6b5', '#ffeed6'],
      accents: ['#ee7b62', '#f4b653', '#f3a7a0'],
      ambient: '#ffdcb0',
      ambience: 0.12,
    },
  ],
  sunset: [
    {
      sky: ['#5a4f93', '#e88591', '#ffcf92'],
      light: '#fff0c0',
      glow: '#ffb469',
      far: '#b77f9f',
      near: '#463863',
      leaf: ['#3c3559', '#6b4f70', '#a9697c'],
      water: ['#6c5a98', '#ffc79a'],
      accents: ['#ff7a6b', '#ffc15e', '#f7a8b8'],
      ambient: '#ff9d7a',
      ambience: 0.2,
    },
    {
      sky: ['#2f6690', '#f49d6e', '#ffd98f'],
      light: '#fff2c4',
      glow: '#ffb25c',
      far: '#c98a75',
      near: '#3b4558',
      leaf: ['#333f4d', '#5e5f5b', '#a07a5c'],
      water: ['#3f6f94', '#ffc98c'],
      accents: ['#ef6a4a', '#ffc857', '#f3a58a'],
      ambient: '#ffa36c',
      ambience: 0.18,
    },
    {
      sky: ['#7a3f78', '#f0687a', '#ffc37d'],
      light: '#ffe6b0',
      glow: '#ff9a6a',
      far: '#bf6483',
      near: '#44264f',
      leaf: ['#402748', '#703b62', '#b15a70'],
      water: ['#7e4680', '#ffb98c'],
      accents: ['#ff6f61', '#ffca6b', '#ff9fb0'],
      ambient: '#ff8a7c',
      ambience: 0.2,
    },
  ],
  dusk: [
    {
      sky: ['#35477d', '#8a7bb5', '#f3b4a6'],
      light: '#fff1da',
      glow: '#f6b6a8',
      far: '#8780b3',
      near: '#2f355c',
      leaf: ['#2b3657', '#47567a', '#7a7fa0'],
      water: ['#4a5a94', '#f0bcb4'],
      accents: ['#f58a7c', '#ffcf7a', '#d9a4d6'],
      ambient: '#6f6bb0',
      ambience: 0.24,
    },
    {
      sky: ['#2c5470', '#6f9aa6', '#f4cda5'],
      light: '#fff3d9',
      glow: '#f5cf9e',
      far: '#7f9fa6',
      near: '#24414f',
      leaf: ['#234049', '#41646a', '#769089'],
      water: ['#3a6a80', '#f2d4b2'],
      accents: ['#f0866a', '#ffd07a', '#e0a8b0'],
      ambient: '#557f98',
      ambience: 0.22,
    },
  ],
  night: [
    {
      sky: ['#10204a', '#24427c', '#5f7fb8'],
      light: '#fff4d2',
      glow: '#a9c3ee',
      far: '#4a679f',
      near: '#142449',
      leaf: ['#152a4a', '#254568', '#4b7390'],
      water: ['#17305f', '#a8c2ea'],
      accents: ['#ffb86b', '#ffd98a', '#f49ac0'],
      ambient: '#27407f',
      ambience: 0.27,
    },
    {
      sky: ['#14143c', '#3a2f72', '#8a6bb0'],
      light: '#fff0dc',
      glow: '#c9aef0',
      far: '#5a4a92',
      near: '#1b1840',
      leaf: ['#1c2046', '#363a6c', '#66629a'],
      water: ['#241f57', '#c4aeea'],
      accents: ['#ff9e80', '#ffd78a', '#f58ac6'],
      ambient: '#33307c',
      ambience: 0.27,
    },
    {
      sky: ['#0b2a3c', '#17526a', '#4f97a0'],
      light: '#f6fbe6',
      glow: '#9fe0d8',
      far: '#37788a',
      near: '#0c2a3a',
      leaf: ['#0f323c', '#1f5659', '#4b8a80'],
      water: ['#0f3c52', '#9edcd6'],
      accents: ['#ffbe76', '#ffe29a', '#f49f9f'],
      ambient: '#1c5468',
      ambience: 0.25,
    },
  ],
}

const fixed: Partial<Record<Reading['style'], readonly [Family, ...Family[]]>> = {
  cyberpunk: [
    {
      sky: ['#120a2e', '#4a1a72', '#f0468f'],
      light: '#ffd6f2',
      glow: '#ff4fa8',
      far: '#5b2a8c',
      near: '#130b2c',
      leaf: ['#1a1240', '#3a2372', '#5c46b0'],
      water: ['#1d0f45', '#27e0e6'],
      accents: ['#ff3d9a', '#21e6e6', '#ffd23f'],
      ambient: '#5a1f96',
      ambience: 0.3,
    },
    {
      sky: ['#07122e', '#12366e', '#19b5c8'],
      light: '#d8fbff',
      glow: '#2ee0e6',
      far: '#1f4a8a',
      near: '#0a1230',
      leaf: ['#0d1c40', '#1b3a72', '#2f6aa8'],
      water: ['#0a1c48', '#ff4fa0'],
      accents: ['#22e8e0', '#ff4f9a', '#b7ff4a'],
      ambient: '#16448c',
      ambience: 0.3,
    },
  ],
  ink: [
    {
      sky: ['#e9e2d2', '#f1ebdd', '#f6f1e4'],
      light: '#c8402f',
      glow: '#f6e7d6',
      far: '#c9c6bb',
      near: '#3a3b3d',
      leaf: ['#2f3133', '#5d6060', '#8f918d'],
      water: ['#b8b8b0', '#efe9da'],
      accents: ['#b9352b', '#7d4b3d', '#c96f5e'],
      ambient: '#8d8a80',
      ambience: 0.38,
    },
  ],
}

/** Pulls a whole family towards one hue, keeping each colour's lightness. */
const towards = (family: Family, hue: number, strength: number, chroma: number): Family => {
  const turn = (hex: Hex): Hex => {
    const turned = turnHue(hex, hue, strength)
    const { l, c, h } = toOklch(turned)
    return oklch(l, c + (Math.min(0.13, Math.max(c, chroma * 0.55)) - c) * strength, h)
  }
  return {
    ...family,
    sky: [turn(family.sky[0]), turn(family.sky[1]), mix(family.sky[2], turn(family.sky[2]), 0.6)],
    far: turn(family.far),
    near: turn(family.near),
    glow: mix(family.glow, turn(family.glow), 0.5),
    water: [turn(family.water[0]), mix(family.water[1], turn(family.water[1]), 0.6)],
    leaf: [turn(family.leaf[0]), turn(family.leaf[1]), turn(family.leaf[2])],
  }
}

const everywhere = (family: Family, change: (hex: Hex) => Hex): Family => ({
  sky: [change(family.sky[0]), change(family.sky[1]), change(family.sky[2])],
  light: change(family.light),
  glow: change(family.glow),
  far: change(family.far),
  near: change(family.near),
  leaf: [change(family.leaf[0]), change(family.leaf[1]), change(family.leaf[2])],
  water: [change(family.water[0]), change(family.water[1])],
  accents: [change(family.accents[0]), change(family.accents[1]), change(family.accents[2])],
  ambient: family.ambient,
  ambience: family.ambience,
})

const seasoned = (family: Family, season: Reading['season'], night: boolean): Family => {
  const down = night ? 0.55 : 0
  const leafy = (dark: Hex, mid: Hex, light: Hex): Family['leaf'] => [
    mix(dark, family.leaf[0], down),
    mix(mid, family.leaf[1], down),
    mix(light, family.leaf[2], down),
  ]
  if (season === 'spring') {
    return {
      ...family,
      leaf: leafy('#5b8f5a', '#8fbf6a', '#c9e08a'),
      accents: ['#f7a8bd', '#f9d5e0', '#f7c95f'],
    }
  }
  if (season === 'autumn') {
    return {
      ...family,
      leaf: leafy('#a4452c', '#d9772f', '#f0b04a'),
      near: mix(family.near, '#9a6a34', 0.55),
      far: mix(family.far, '#d9b48a', 0.35),
      accents: ['#d9502f', '#f0a63a', '#f4d58a'],
    }
  }
  if (season === 'winter') {
    return {
      ...family,
      near: mix(family.near, night ? '#9db4dc' : '#eef3f8', 0.8),
      far: mix(family.far, '#dce6f0', 0.45),
      leaf: leafy('#3d6472', '#6d929c', '#dfeaf0'),
    }
  }
  return family
}

const moody = (family: Family, moods: Reading['moods']): Family => {
  let result = family
  if (moods.has('pastel')) result = everywhere(result, (hex) => saturate(mix(hex, '#fff6ee', 0.3), 0.9))
  if (moods.has('vivid')) result = everywhere(result, (hex) => saturate(hex, 1.3))
  if (moods.has('dark')) result = everywhere(result, (hex) => saturate(lighten(hex, -0.12), 0.75))
  if (moods.has('warm')) result = everywhere(result, (hex) => mix(hex, '#f2b077', 0.14))
  if (moods.has('cold')) result = everywhere(result, (hex) => mix(hex, '#7fa8d8', 0.18))
  if (moods.has('dreamy')) result = everywhere(result, (hex) => turnHue(saturate(hex, 1.1), 320, 0.12))
  return result
}

const timeOf = (reading: Reading, random: Random): TimeName => {
  if (reading.time !== undefined) return reading.time
  if (reading.places.includes('space') || reading.details.has('stars') || reading.details.has('fireflies'))
    return 'night'
  if (reading.style === 'cyberpunk' || reading.details.has('fireworks')) return 'night'
  if (reading.subjects.some(({ name }) => name === 'lantern')) return random.pick(['dusk', 'night', 'night'])
  if (reading.details.has('sun')) return 'day'
  if (reading.places.includes('city') && random.chance(0.6)) return random.pick(['dusk', 'sunset', 'night'])
  const roll = random.next()
  return roll < 0.58 ? 'day' : roll < 0.8 ? 'dawn' : 'sunset'
}

/** How firmly the prompt's own colours pull: guidance 1 hints at them, 12 and more insists. */
const pull = (guidance: number): number => Math.min(1, Math.max(0.15, guidance / 12))

const coloured = (family: Family, reading: Reading, guidance: number): Family => {
  const asked = reading.colors.filter((hex) => !reading.subjects.some(({ color }) => color === hex))
  const main = asked.find((hex) => toOklch(hex).c > 0.04)
  if (main === undefined || reading.style === 'ink') return family
  const { h, c } = toOklch(main)
  const turned = towards(family, h, pull(guidance) * 0.72, c)
  const second = asked.find((hex) => hex !== main && toOklch(hex).c > 0.04)
  return { ...turned, accents: [second ?? main, turned.accents[1], mix(main, '#fff3e6', 0.5)] }
}

/** The palette for a prompt. `guidance` 1…20 is how strictly its colours are kept. */
export const choosePalette = (reading: Reading, random: Random, guidance: number): Palette => {
  const time = timeOf(reading, random)
  const night = reading.style !== 'ink' && (time === 'night' || reading.style === 'cyberpunk')
  const base = random.pick(fixed[reading.style] ?? families[time])
  let family = reading.style === 'ink' ? base : seasoned(base, reading.season, night)
  family = coloured(moody(family, reading.moods), reading, guidance)
  const drift = random.between(-9, 9)
  family = everywhere(family, (hex) => {
    const { l, c, h } = toOklch(hex)
    return oklch(l, c, h + drift)
  })
  if (reading.style === 'retro') family = everywhere(family, (hex) => mix(hex, '#f0cf96', 0.14))
  if (reading.style === 'watercolor') family = everywhere(family, (hex) => mix(hex, '#fffaf0', 0.16))
  return { ...family, night, paper: '#f8f2e6', ink: night ? '#141a33' : '#3b3442' }
}

/** A local colour as it looks in this picture's air: moonlight cools it, evening light warms it. */
export const toned = (palette: Palette, hex: Hex): Hex => {
  const { l } = toOklch(hex)
  const dimmed = palette.night ? lighten(hex, -0.05 * l) : hex
  return mix(dimmed, palette.ambient, palette.ambience * (palette.night ? 0.72 : 0.9))
}
