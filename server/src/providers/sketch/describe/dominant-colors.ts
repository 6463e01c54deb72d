/** The few colours that a picture is made of. */
import { type Hex, oklch } from '../color.ts'
import { type Named, nameColor } from './name-color.ts'

export type Lab = readonly [number, number, number]

/** A colour with the part of the picture it covers, 0…1. */
export type Dominant = { hex: Hex; name: Named; l: number; c: number; h: number; share: number }

const CLUSTERS = 12
const ROUNDS = 8
/** Of a large picture every so many-th pixel is enough. */
const MOST_POINTS = 3_000
/** Nearer ones are one colour to the eye; the units are OKLab's. */
const SAME = 0.055
const LEAST_SHARE = 0.025
/** A small spot is a colour of the picture when it is vivid. */
const LEAST_ACCENT = 0.003
const VIVID = 0.11
const MOST = 6

/** Not Math.hypot, which takes ten times as long: this is where a description spends its time. */
export const distance = (a: Lab, b: Lab): number => {
  const [l, x, y] = [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
  return Math.sqrt(l * l + x * x + y * y)
}

type Cluster = { center: Lab; count: number }

/** Begins with the points that lie farthest from each other: no chance, and small accents are found. */
const seeds = (points: readonly Lab[], mean: Lab): Lab[] => {
  const chosen: Lab[] = [mean]
  const nearest = points.map((point) => distance(point, mean))
  while (chosen.length < CLUSTERS) {
    let farthest = 0
    for (let i = 1; i < nearest.length; i += 1) if ((nearest[i] ?? 0) > (nearest[farthest] ?? 0)) farthest = i
    const next = points[farthest]
    if (!next || (nearest[farthest] ?? 0) < SAME / 2) break
    chosen.push(next)
    for (let i = 0; i < points.length; i += 1)
      nearest[i] = Math.min(nearest[i] ?? 0, distance(points[i] ?? mean, next))
  }
  return chosen
}

const closest = (centers: readonly Lab[], point: Lab): number => {
  let best = 0
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < centers.length; i += 1) {
    const away = distance(centers[i] as Lab, point)
    if (away < least) {
      least = away
      best = i
    }
  }
  return best
}

const cluster = (points: readonly Lab[], first: readonly Lab[]): Cluster[] => {
  let centers = first
  let clusters: Cluster[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    const sums = centers.map(() => [0, 0, 0, 0] as [number, number, number, number])
    for (const point of points) {
      const sum = sums[closest(centers, point)] as [number, number, number, number]
      sum[0] += point[0]
      sum[1] += point[1]
      sum[2] += point[2]
      sum[3] += 1
    }
    clusters = sums
      .filter((sum) => sum[3] > 0)
      .map(([l, a, b, count]) => ({ center: [l / count, a / count, b / count] as const, count }))
    centers = clusters.map(({ center }) => center)
  }
  return clusters
}

const merge = (clusters: readonly Cluster[]): Cluster[] => {
  const merged: Cluster[] = []
  for (const one of [...clusters].sort((a, b) => b.count - a.count)) {
    const same = merged.find(({ center }) => distance(center, one.center) < SAME)
    if (!same) merged.push({ ...one })
    else {
      const total = same.count + one.count
      const blend = (i: 0 | 1 | 2): number =>
        (same.center[i] * same.count + one.center[i] * one.count) / total
      same.center = [blend(0), blend(1), blend(2)]
      same.count = total
    }
  }
  return merged.sort((a, b) => b.count - a.count)
}

/** At most six colours, the largest first; those of one name are counted together. */
export const dominantColors = (all: readonly Lab[], mean: Lab): Dominant[] => {
  const every = Math.ceil(all.length / MOST_POINTS)
  const points = all.filter((_, index) => index % every === 0)
  const found = merge(cluster(points, seeds(points, mean))).map(({ center, count }): Dominant => {
    const [l, a, b] = center
    const c = Math.hypot(a, b)
    const h = ((Math.atan2(b, a) * 180) / Math.PI + 360) % 360
    return { hex: oklch(l, c, h), name: nameColor({ l, c, h }), l, c, h, share: count / points.length }
  })
  const byName = new Map<string, Dominant>()
  for (const one of found) {
    const same = byName.get(one.name.zh)
    if (same) same.share += one.share
    else byName.set(one.name.zh, one)
  }
  const sorted = [...byName.values()].sort((a, b) => b.share - a.share)
  return sorted
    .filter((one, index) => index === 0 || one.share >= LEAST_SHARE || isAccent(one, sorted.slice(0, index)))
    .slice(0, MOST)
}

/** The rim of a vivid thing is a mixture of its colour and the background's, and no colour of its own. */
const isAccent = (one: Dominant, larger: readonly Dominant[]): boolean =>
  one.share >= LEAST_ACCENT &&
  one.c > VIVID &&
  larger.every(({ c, h }) => c < 0.05 || Math.abs(((one.h - h + 540) % 360) - 180) > 25)
