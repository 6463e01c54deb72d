/** Places with ground under one's feet: meadow, garden, forest, mountains, desert, snow. */
import { type Hex, lighten, mix } from '../color.ts'
import { createNoise, type Random } from '../random.ts'
import type { Reading } from '../read-prompt.ts'
import { n, type Point, path, rect, smooth, straight } from '../svg.ts'
import { type Canvas, landAt, layer } from './canvas.ts'
import { plane } from './plane.ts'
import { bamboo, bush, conifer, cornerLeaves, flowers, grass, leafyTree, palm } from './plants.ts'
import { drawSky } from './sky.ts'
import type { Place } from './stage.ts'

/** The height of a ridge at x, in units: something that plants can stand on. */
type Line = (x: number) => number

const line = (random: Random, base: number, swing: number, scale: number, octaves: number): Line => {
  const noise = createNoise(random, octaves)
  return (x) => base + noise(x / scale) * swing
}

const outline = (canvas: Canvas, height: Line, step: number): Point[] => {
  const points: Point[] = []
  const stride = Math.max(step, canvas.width / 160)
  for (let x = -stride; x <= canvas.width + stride * 2; x += stride) points.push([x, height(x)])
  return points
}

const closed = (canvas: Canvas, d: string): string =>
  `${d}L${n(canvas.width + 60)} ${n(canvas.height + 10)}L-60 ${n(canvas.height + 10)}z`

/** Land's colour above and mist below, so that layers part from one another. */
const misty = (canvas: Canvas, color: Hex, amount: number): string => {
  if (canvas.look.flat) return color
  const haze = mix(canvas.palette.sky[2], canvas.palette.glow, 0.25)
  return canvas.defs.linear([
    [0, color],
    [0.55, mix(color, haze, amount * 0.5)],
    [1, mix(color, haze, amount)],
  ])
}

const hill = (canvas: Canvas, height: Line, color: Hex, haze: number): string =>
  layer(canvas, closed(canvas, smooth(outline(canvas, height, 60), false)), misty(canvas, color, haze))

/** A range of peaks with a lit side, and snow on the tops when `snow`. */
const range = (
  canvas: Canvas,
  random: Random,
  base: number,
  rise: number,
  color: Hex,
  snow: boolean,
): string => {
  const ridge: Point[] = []
  const peaks: { x: number; y: number; w: number }[] = []
  let x = -160
  while (x < canvas.width + 200) {
    const w = random.between(0.5, 1.1) * rise
    const y = base - rise * random.between(0.42, 1)
    ridge.push([x, base - rise * random.between(0.05, 0.25)])
    ridge.push([x + w * 0.28, base - (base - y) * random.between(0.5, 0.66)])
    ridge.push([x + w * 0.5, y])
    ridge.push([x + w * 0.72, base - (base - y) * random.between(0.46, 0.6)])
    peaks.push({ x: x + w * 0.5, y, w })
    x += w * 0.94
  }
  const bright = mix(color, canvas.palette.light, canvas.palette.night ? 0.16 : 0.3)
  const white = mix('#ffffff', canvas.palette.ambient, canvas.palette.ambience * 0.9)
  const faces = peaks
    .map((peak) => {
      const fall = base - peak.y
      const facet = straight(
        [
          [peak.x, peak.y],
          [peak.x - peak.w * 0.22, peak.y + fall * 0.42],
          [peak.x - peak.w * 0.1, peak.y + fall * 0.5],
          [peak.x - peak.w * 0.17, peak.y + fall * 0.8],
          [peak.x + peak.w * 0.02, peak.y + fall * 0.56],
          [peak.x - peak.w * 0.03, peak.y + fall * 0.36],
          [peak.x + peak.w * 0.05, peak.y + fall * 0.2],
        ],
        true,
      )
      const cap = straight(
        [
          [peak.x, peak.y - 1],
          [peak.x + peak.w * 0.125, peak.y + fall * 0.24],
          [peak.x + peak.w * 0.06, peak.y + fall * 0.2],
          [peak.x + peak.w * 0.02, peak.y + fall * 0.3],
          [peak.x - peak.w * 0.04, peak.y + fall * 0.22],
          [peak.x - peak.w * 0.09, peak.y + fall * 0.31],
          [peak.x - peak.w * 0.13, peak.y + fall * 0.235],
        ],
        true,
      )
      return (
        path(facet, {
          fill: canvas.look.flat
            ? bright
            : canvas.defs.linear([
                [0, bright, 0.6],
                [1, bright, 0],
              ]),
        }) + (snow ? path(cap, { fill: white, alpha: 0.92 }) : '')
      )
    })
    .join('')
  return layer(canvas, closed(canvas, straight(ridge, false)), misty(canvas, color, 0.72)) + faces
}

/** Steep rounded peaks of an ink painting, fading downwards into mist. */
const inkPeaks = (canvas: Canvas, random: Random, base: number, rise: number, color: Hex): string => {
  const points: Point[] = []
  const noise = createNoise(random, 3)
  for (let x = -60; x <= canvas.width + 80; x += 26) {
    const bump = Math.max(0, noise(x / 250)) ** 0.8
    points.push([x, base - rise * (0.12 + bump) - noise(x / 40 + 90) * 12])
  }
  const paper = canvas.palette.sky[2]
  const fill = canvas.defs.linear([
    [0, color, 0.95],
    [0.35, mix(color, paper, 0.35), 0.8],
    [0.8, paper, 0.12],
    [1, paper, 0],
  ])
  const d = `${smooth(points, false)}L${n(canvas.width + 80)} ${n(base + 40)}L-60 ${n(base + 40)}z`
  return (
    path(d, { fill }) + path(smooth(points, false), { stroke: lighten(color, -0.1), width: 2.6, alpha: 0.35 })
  )
}

const haze = (canvas: Canvas, y: number, height: number, alpha: number): string => {
  const color = mix(canvas.palette.sky[2], canvas.palette.glow, 0.3)
  return rect(-2, y, canvas.width + 4, height, {
    fill: canvas.defs.linear([
      [0, color, 0],
      [0.5, color, alpha],
      [1, color, 0],
    ]),
  })
}

/** A far wood as one bumpy silhouette. */
const treeLine = (
  canvas: Canvas,
  random: Random,
  height: Line,
  tall: number,
  color: Hex,
  pointed: boolean,
): string => {
  const points: Point[] = []
  const step = Math.max(tall * 0.28, canvas.width / 150)
  for (let x = -40; x < canvas.width + 60; x += step * random.between(0.7, 1.2)) {
    points.push([x, height(x) - tall * random.between(0.5, 1)])
    points.push([x + step * 0.5, height(x) - tall * random.between(0.12, 0.36)])
  }
  return layer(
    canvas,
    closed(canvas, pointed ? straight(points, false) : smooth(points, false)),
    misty(canvas, color, 0.6),
  )
}

const treesAlong = (
  canvas: Canvas,
  random: Random,
  height: Line,
  tall: number,
  color: Hex,
  pointed: boolean,
  spacing: number,
): string => {
  const { leaf } = canvas.palette
  let svg = ''
  const step = Math.max(spacing, canvas.width / 40)
  for (let x = random.between(-40, 40); x < canvas.width + 60; x += step * random.between(0.55, 1.5)) {
    const h = tall * random.between(0.65, 1.15)
    svg += pointed
      ? conifer(canvas, x, height(x) + 6, h, mix(color, leaf[0], random.between(0.2, 0.6)))
      : leafyTree(canvas, x, height(x) + 6, h, [
          mix(color, leaf[0], 0.7),
          mix(color, leaf[1], 0.75),
          mix(color, leaf[2], 0.7),
        ])
  }
  return svg
}

const blossomColors = (canvas: Canvas, reading: Reading): readonly [Hex, ...Hex[]] => {
  const asked = reading.colors.map((hex) => canvas.tone(hex))
  const [a, b, c] = canvas.palette.accents
  return [canvas.tone(asked[0] ?? a), canvas.tone(asked[1] ?? b), canvas.tone(c), canvas.tone('#fff3e8')]
}

const pointedTrees = (reading: Reading, random: Random): boolean =>
  reading.season === 'winter' || (reading.season === undefined && random.chance(0.4))

const ground = (canvas: Canvas): number => canvas.height * 0.84

/** Far hills common to most land: two or three layers going back. */
const farLand = (canvas: Canvas, reading: Reading, horizon: number, mountains: boolean): string => {
  const { random } = canvas
  const small = Math.min(canvas.height, canvas.width)
  if (reading.style === 'ink') {
    return (
      plane('still', 0.2) +
      inkPeaks(canvas, random, horizon - 20, small * 0.4, landAt(canvas, 0.12)) +
      haze(canvas, horizon - 130, 190, 0.8) +
      plane('still', 0.4) +
      inkPeaks(canvas, random, horizon + 30, small * 0.26, landAt(canvas, 0.4)) +
      haze(canvas, horizon - 60, 180, 0.8)
    )
  }
  const snowy = reading.details.has('snow') || reading.season === 'winter'
  return (
    plane('still', 0.2) +
    (mountains
      ? range(canvas, random, horizon + 10, small * 0.34, landAt(canvas, 0.05), true)
      : hill(canvas, line(random, horizon - 56, 42, 300, 2), landAt(canvas, 0.1), 0.5)) +
    haze(canvas, horizon - 90, 170, 0.4 + canvas.look.mist * 0.4) +
    plane('still', 0.4) +
    (mountains
      ? range(canvas, random, horizon + 70, small * 0.19, landAt(canvas, 0.32), snowy)
      : hill(canvas, line(random, horizon - 4, 34, 240, 2), landAt(canvas, 0.3), 0.45))
  )
}

export const meadow: Place = (canvas, reading) => {
  const { random, palette, height } = canvas
  const horizon = height * 0.58
  const mid = line(random, height * 0.66, 26, 380, 2)
  const near = line(random, height * 0.76, 20, 520, 1)
  const leafy = !pointedTrees(reading, random)
  const ink = reading.style === 'ink'
  const back =
    drawSky(canvas, reading, horizon) +
    farLand(canvas, reading, horizon, random.chance(0.3)) +
    plane('still', 0.65) +
    (canvas.look.sparse || ink
      ? ''
      : treesAlong(canvas, random, mid, 150, landAt(canvas, 0.45), !leafy, 190)) +
    hill(canvas, mid, landAt(canvas, 0.55), 0.22) +
    haze(canvas, height * 0.62, 140, canvas.look.mist * 0.5) +
    plane('still', 1) +
    hill(canvas, near, landAt(canvas, 0.86), 0.05) +
    (ink ? '' : grass(canvas, height * 0.8, 26, lighten(landAt(canvas, 0.8), 0.05), 0.5))
  const front = canvas.look.sparse
    ? ''
    : plane('sway', 1.35) +
      grass(canvas, height + 6, 74, mix(palette.leaf[0], palette.near, 0.3)) +
      (ink ? '' : flowers(canvas, random, 9, height * 1.02, height * 0.95, blossomColors(canvas, reading)))
  return { back, front, ground: ground(canvas), water: ground(canvas), air: height * 0.4, size: 430 }
}

export const garden: Place = (canvas, reading) => {
  const { random, palette, height, width } = canvas
  const horizon = height * 0.54
  const colors = blossomColors(canvas, reading)
  const lawn = line(random, height * 0.66, 12, 600, 1)
  const spacing = Math.max(170, width / 12)
  let bushes = ''
  for (let x = random.between(-30, 40); x < width + 80; x += spacing * random.between(0.75, 1.2))
    bushes += bush(canvas, x, height * 0.685, random.between(190, 290), random.pick(colors))
  const tree = random.chance(0.5) ? 0.12 : 0.9
  const fence = picketFence(canvas, height * 0.665)
  const back =
    drawSky(canvas, reading, horizon) +
    farLand(canvas, reading, horizon, false) +
    plane('still', 0.6) +
    treeLine(canvas, random, line(random, height * 0.61, 14, 260, 2), 90, landAt(canvas, 0.42), false) +
    plane('still', 0.8) +
    (random.chance(0.55) ? fence : '') +
    leafyTree(canvas, width * tree, height * 0.7, 470, palette.leaf) +
    bushes +
    hill(canvas, lawn, mix(landAt(canvas, 0.75), palette.leaf[2], 0.3), 0.12) +
    flowers(canvas, random, Math.min(40, Math.round(width / 42)), height * 0.76, height * 0.69, colors) +
    plane('still', 1) +
    hill(
      canvas,
      line(random, height * 0.765, 12, 520, 1),
      mix(landAt(canvas, 0.9), palette.leaf[1], 0.3),
      0.04,
    ) +
    grass(canvas, height * 0.79, 24, mix(palette.leaf[2], palette.near, 0.35), 0.5)
  const front =
    plane('sway', 1.35) +
    grass(canvas, height + 6, 66, mix(palette.leaf[0], palette.near, 0.2)) +
    flowers(canvas, random, Math.min(34, Math.round(width / 50)), height * 1.04, height * 0.96, colors)
  return { back, front, ground: height * 0.865, water: height * 0.865, air: height * 0.38, size: 440 }
}

const picketFence = (canvas: Canvas, y: number): string => {
  const white = canvas.tone('#fffaf0')
  let boards = ''
  for (let x = -10; x < canvas.width + 20; x += Math.max(42, canvas.width / 60))
    boards += `M${n(x)} ${n(y + 20)}V${n(y - 86)}l12 -16l12 16V${n(y + 20)}z`
  return (
    rect(-5, y - 64, canvas.width + 10, 11, { fill: lighten(white, -0.08) }) +
    rect(-5, y - 20, canvas.width + 10, 11, { fill: lighten(white, -0.08) }) +
    path(boards, { fill: white })
  )
}

export const forest: Place = (canvas, reading) => {
  const { random, palette, height, width } = canvas
  const horizon = height * 0.56
  const pointed = pointedTrees(reading, random)
  const floor = line(random, height * 0.76, 18, 480, 1)
  let back = drawSky(canvas, reading, horizon)
  if (reading.details.has('bamboo')) {
    back +=
      plane('sway', 0.3) +
      bamboo(canvas, 0, width, 16, 0.25) +
      plane('still', 0.4) +
      haze(canvas, height * 0.3, height * 0.5, 0.5) +
      plane('sway', 0.6) +
      bamboo(canvas, 0, width, 12, 0.6)
  } else {
    back +=
      plane('still', 0.2) +
      treeLine(canvas, random, line(random, horizon, 20, 300, 2), 230, landAt(canvas, 0.08), pointed) +
      haze(canvas, horizon - 120, 260, 0.4) +
      plane('still', 0.4) +
      treeLine(canvas, random, line(random, height * 0.62, 20, 260, 2), 240, landAt(canvas, 0.26), pointed) +
      haze(canvas, horizon - 40, 240, 0.4) +
      plane('still', 0.65) +
      treesAlong(
        canvas,
        random,
        line(random, height * 0.69, 14, 300, 1),
        330,
        landAt(canvas, 0.48),
        pointed,
        120,
      ) +
      haze(canvas, height * 0.6, 160, 0.25)
  }
  back +=
    plane('still', 1) +
    hill(canvas, floor, landAt(canvas, 0.82), 0.12) +
    plane('rays', 0.9) +
    (palette.night ? '' : lightShafts(canvas)) +
    plane('still', 1) +
    grass(canvas, height * 0.79, 26, lighten(landAt(canvas, 0.78), 0.04), 0.5)
  const trunk = mix(canvas.palette.near, '#3a2c2a', 0.45)
  const sides = [-0.02, 1.02]
    .map((k) =>
      path(
        `M${n(width * k - 54)} ${n(height)}C${n(width * k - 30)} ${n(height * 0.6)} ${n(width * k - 34)} ${n(height * 0.3)} ${n(width * k - 50)} -10H${n(width * k + 44)}C${n(width * k + 30)} ${n(height * 0.3)} ${n(width * k + 34)} ${n(height * 0.6)} ${n(width * k + 66)} ${n(height)}Z`,
        { fill: trunk },
      ),
    )
    .join('')
  const front =
    plane(reading.details.has('bamboo') ? 'sway' : 'still', 1.3) +
    (reading.details.has('bamboo')
      ? bamboo(canvas, -20, width * 0.1, 2, 1) + bamboo(canvas, width * 0.9, width + 20, 2, 1)
      : sides) +
    plane('sway', 1.5) +
    grass(canvas, height + 6, 84, mix(palette.leaf[0], palette.near, 0.45)) +
    cornerLeaves(canvas, palette.leaf[0])
  return { back, front, ground: ground(canvas), water: ground(canvas), air: height * 0.42, size: 400 }
}

const lightShafts = (canvas: Canvas): string => {
  const { random, width, height, palette } = canvas
  if (canvas.look.flat) return ''
  let svg = ''
  for (let i = 0; i < 4; i += 1) {
    const x = width * random.between(0.1, 0.9)
    const w = random.between(30, 80)
    svg += path(
      `M${n(x)} -10L${n(x + w)} -10L${n(x + w * 2.2 - 190)} ${n(height * 0.82)}L${n(x - 230)} ${n(height * 0.82)}z`,
      {
        fill: canvas.defs.linear([
          [0, palette.glow, 0.22],
          [1, palette.glow, 0],
        ]),
      },
    )
  }
  return svg
}

export const mountain: Place = (canvas, reading) => {
  const { random, palette, height, width } = canvas
  const horizon = height * 0.6
  const small = Math.min(width, height)
  const ink = reading.style === 'ink'
  const snowy = reading.details.has('snow') || reading.season === 'winter'
  let back = drawSky(canvas, reading, horizon)
  if (ink) {
    back +=
      farLand(canvas, reading, horizon, true) +
      plane('still', 0.7) +
      inkPeaks(canvas, random, height * 0.8, small * 0.3, landAt(canvas, 0.78)) +
      haze(canvas, height * 0.68, 180, 0.85)
  } else {
    back +=
      plane('still', 0.2) +
      range(canvas, random, horizon, small * 0.46, landAt(canvas, 0.06), true) +
      haze(canvas, horizon - 120, 200, 0.45) +
      plane('still', 0.4) +
      range(canvas, random, height * 0.67, small * 0.28, landAt(canvas, 0.3), snowy) +
      haze(canvas, height * 0.58, 160, 0.38) +
      plane('still', 0.6) +
      hill(canvas, line(random, height * 0.68, 44, 240, 3), landAt(canvas, 0.5), 0.4) +
      plane('still', 0.8) +
      treesAlong(
        canvas,
        random,
        line(random, height * 0.76, 20, 300, 1),
        130,
        landAt(canvas, 0.66),
        true,
        74,
      ) +
      hill(canvas, line(random, height * 0.765, 22, 420, 1), landAt(canvas, 0.78), 0.12)
  }
  back +=
    plane('still', 1) +
    hill(canvas, line(random, height * 0.85, 20, 460, 1), landAt(canvas, ink ? 0.3 : 0.94), ink ? 0.9 : 0.04)
  const front = ink
    ? plane('still', 1.3) + inkBranch(canvas)
    : plane('still', 1.35) +
      treesAlong(
        canvas,
        random,
        line(random, height * 1.03, 8, 300, 1),
        200,
        mix(palette.near, '#182030', 0.2),
        true,
        330,
      ) +
      plane('sway', 1.45) +
      grass(canvas, height + 6, 46, mix(palette.leaf[0], palette.near, 0.5))
  return { back, front, ground: height * 0.88, water: height * 0.88, air: height * 0.36, size: 330 }
}

/** A branch with blossom leaning in from above, as ink paintings like to have. */
const inkBranch = (canvas: Canvas): string => {
  const { random, width, height, palette } = canvas
  const right = random.chance(0.5)
  const s = right ? -1 : 1
  const x = right ? width : 0
  let svg =
    path(
      `M${n(x - 10 * s)} ${n(height * 0.1)}C${n(x + 90 * s)} ${n(height * 0.14)} ${n(x + 170 * s)} ${n(height * 0.1)} ${n(x + 330 * s)} ${n(height * 0.2)}`,
      { stroke: palette.near, width: 11 },
    ) +
    path(
      `M${n(x + 110 * s)} ${n(height * 0.13)}C${n(x + 180 * s)} ${n(height * 0.2)} ${n(x + 200 * s)} ${n(height * 0.22)} ${n(x + 230 * s)} ${n(height * 0.28)}M${n(x + 190 * s)} ${n(height * 0.128)}C${n(x + 240 * s)} ${n(height * 0.08)} ${n(x + 260 * s)} ${n(height * 0.07)} ${n(x + 320 * s)} ${n(height * 0.06)}`,
      { stroke: palette.near, width: 5.5 },
    )
  for (let i = 0; i < 15; i += 1) {
    const t = random.between(0.25, 1)
    const cx = x + (330 * t + random.between(-20, 20)) * s
    const cy = height * (0.11 + 0.09 * t * t) + random.between(-36, 52)
    svg += [0, 72, 144, 216, 288]
      .map(
        (turn) =>
          `<circle cx="0" cy="-7" r="7" fill="${palette.accents[0]}" fill-opacity="0.82" transform="translate(${n(cx)} ${n(cy)}) rotate(${turn})"/>`,
      )
      .join('')
  }
  return svg
}

export const desert: Place = (canvas, reading) => {
  const { random, height, palette } = canvas
  const horizon = height * 0.56
  const sand = canvas.tone('#e2ae70')
  const dune = (y: number, swing: number, t: number): string => {
    const crest = line(random, y, swing, 520, 1)
    const points = outline(canvas, crest, 60)
    const color = mix(mix(palette.far, sand, 0.7), lighten(sand, -0.1), t)
    const shade = points.map(([x, py]): Point => [x + 50, py + 44 + Math.sin(x / 150) * 36])
    return (
      hill(canvas, crest, color, 0.25) +
      path(`${smooth(points, false)}L${smooth([...shade].reverse(), false).slice(1)}z`, {
        fill: lighten(color, -0.1),
        alpha: 0.4,
      })
    )
  }
  const back =
    drawSky(canvas, reading, horizon) +
    plane('still', 0.25) +
    dune(horizon, 34, 0.1) +
    haze(canvas, horizon - 50, 120, 0.4) +
    plane('still', 0.5) +
    dune(height * 0.64, 50, 0.4) +
    plane('still', 0.75) +
    dune(height * 0.73, 40, 0.7) +
    plane('still', 1) +
    dune(height * 0.83, 26, 1)
  const front = canvas.look.sparse
    ? ''
    : plane('sway', 1.3) +
      grass(canvas, height + 10, 50, mix(canvas.tone('#9a8a4a'), palette.near, 0.3), 0.16) +
      (random.chance(0.4) ? palm(canvas, canvas.width * 0.93, height * 0.98, 420) : '')
  return { back, front, ground: height * 0.88, water: height * 0.88, air: height * 0.36, size: 360 }
}

export const snowfield: Place = (canvas, reading) => {
  const { random, height } = canvas
  const horizon = height * 0.58
  const snow = mix('#ffffff', canvas.palette.ambient, canvas.palette.ambience * 1.2 + 0.04)
  const cold = mix(snow, canvas.palette.sky[1], 0.4)
  const back =
    drawSky(canvas, reading, horizon) +
    plane('still', 0.2) +
    range(
      canvas,
      random,
      horizon + 10,
      Math.min(canvas.width, height) * 0.3,
      mix(canvas.palette.far, cold, 0.3),
      true,
    ) +
    haze(canvas, horizon - 70, 150, 0.5) +
    plane('still', 0.55) +
    treesAlong(
      canvas,
      random,
      line(random, height * 0.67, 14, 320, 1),
      190,
      mix(canvas.palette.far, canvas.palette.leaf[0], 0.6),
      true,
      110,
    ) +
    hill(canvas, line(random, height * 0.665, 18, 420, 1), cold, 0.2) +
    plane('still', 0.8) +
    hill(canvas, line(random, height * 0.74, 22, 420, 1), mix(cold, snow, 0.5), 0.1) +
    plane('still', 1) +
    hill(canvas, line(random, height * 0.82, 16, 500, 1), snow, 0)
  return {
    back,
    front:
      plane('still', 1.3) + hill(canvas, line(random, height * 0.965, 14, 300, 1), lighten(snow, 0.02), 0),
    ground: height * 0.87,
    water: height * 0.87,
    air: height * 0.38,
    size: 410,
  }
}

export const cloudscape: Place = (canvas, reading) => {
  const { height } = canvas
  const horizon = height * 0.86
  const back = drawSky(canvas, { ...reading, details: new Set([...reading.details, 'cloud']) }, horizon)
  const white = mix('#ffffff', canvas.palette.sky[2], 0.35)
  const bank = (y: number, alpha: number): string => {
    const bumps = createNoise(canvas.random, 2)
    const points = outline(canvas, (x) => y - Math.abs(bumps(x / 130)) * 110, 46)
    return path(closed(canvas, smooth(points, false)), {
      fill: canvas.defs.linear([
        [0, white, alpha],
        [1, mix(white, canvas.palette.sky[1], 0.4), alpha * 0.8],
      ]),
    })
  }
  return {
    back: back + plane('drift', 0.6) + bank(height * 0.84, 0.6),
    front: plane('drift', 1.1) + bank(height * 0.93, 0.85) + plane('drift', 1.5) + bank(height, 0.95),
    ground: height * 0.8,
    water: height * 0.8,
    air: height * 0.46,
    size: 430,
  }
}
