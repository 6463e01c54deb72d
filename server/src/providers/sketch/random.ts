/**
 * Seeded randomness: the same text and seed give the same numbers on every machine, for ever.
 * Nothing in this folder may use `Math.random` or the clock, because a picture must be repeatable.
 */

export type Random = {
  /** A number in [0, 1). */
  next: () => number
  /** A number in [low, high). */
  between: (low: number, high: number) => number
  /** A whole number from `low` to `high`, both included. */
  int: (low: number, high: number) => number
  chance: (probability: number) => boolean
  pick: <T>(list: readonly [T, ...T[]]) => T
  /** About −1…1, most often near 0. */
  bell: () => number
  /** An independent stream, so that one part of a picture can change without disturbing the others. */
  fork: (label: string) => Random
}

/** Hashes text to an unsigned 32-bit number (FNV-1a with a final avalanche). */
export const hashText = (text: string): number => {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d)
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b)
  return (hash ^ (hash >>> 16)) >>> 0
}

/** A generator (mulberry32) seeded by any 32-bit number. */
export const createRandom = (seed: number): Random => {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  const between = (low: number, high: number): number => low + (high - low) * next()
  return {
    next,
    between,
    int: (low, high) => Math.floor(between(low, high + 1)),
    chance: (probability) => next() < probability,
    pick: (list) => list[Math.floor(next() * list.length)] ?? list[0],
    bell: () => (next() + next() + next()) / 1.5 - 1,
    fork: (label) => createRandom((hashText(label) ^ Math.imul(seed >>> 0, 0x9e3779b1)) >>> 0),
  }
}

/** A smooth wandering line: value noise in one dimension, `octaves` deep, about −1…1. */
export const createNoise = (random: Random, octaves: number): ((x: number) => number) => {
  const lattice = Array.from({ length: 256 }, () => random.between(-1, 1))
  const at = (i: number): number => lattice[((i % 256) + 256) % 256] ?? 0
  const layer = (x: number): number => {
    const i = Math.floor(x)
    const f = x - i
    const ease = f * f * (3 - 2 * f)
    return at(i) + (at(i + 1) - at(i)) * ease
  }
  return (x) => {
    let sum = 0
    let total = 0
    for (let octave = 0; octave < octaves; octave += 1) {
      const weight = 0.5 ** octave
      sum += layer(x * 2 ** octave + octave * 37.7) * weight
      total += weight
    }
    return sum / total
  }
}
