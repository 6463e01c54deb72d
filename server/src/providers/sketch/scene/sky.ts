/** Sky, sun, moon, stars, clouds and the other lights above the land. */
import { lighten, mix } from '../color.ts'
import type { Reading } from '../read-prompt.ts'
import { circle, dot, ellipse, n, type Point, path, rect, smooth } from '../svg.ts'
import type { Canvas } from './canvas.ts'
import { plane } from './plane.ts'
import { farBird } from './subjects/winged.ts'

const gradient = (canvas: Canvas): string => {
  const [top, mid, low] = canvas.palette.sky
  return canvas.look.flat
    ? canvas.defs.linear([
        [0, mix(top, mid, 0.4)],
        [1, mix(mid, low, 0.4)],
      ])
    : canvas.defs.linear([
        [0, top],
        [0.42, mid],
        [0.72, low],
        [1, low],
      ])
}

const disc = (canvas: Canvas, x: number, y: number, r: number): string => {
  const { light, glow } = canvas.palette
  const halo = canvas.defs.radial([
    [0, glow, 0.85],
    [0.22, glow, 0.5],
    [0.5, glow, 0.18],
    [1, glow, 0],
  ])
  return (
    (canvas.look.flat
      ? circle(x, y, r * 1.5, { fill: glow, alpha: 0.35 })
      : circle(x, y, r * 4.6, { fill: halo })) +
    circle(x, y, r, {
      fill: canvas.look.flat
        ? light
        : canvas.defs.radial([
            [0, lighten(light, 0.03)],
            [0.7, light],
            [1, mix(light, glow, 0.4)],
          ]),
    })
  )
}

const moon = (canvas: Canvas, x: number, y: number, r: number): string => {
  const shade = mix(canvas.palette.light, canvas.palette.sky[1], 0.28)
  if (canvas.random.chance(0.3)) {
    const halo = canvas.defs.radial([
      [0, canvas.palette.glow, 0.5],
      [1, canvas.palette.glow, 0],
    ])
    return (
      circle(x, y, r * 3.4, { fill: halo }) +
      path(
        `M${n(x + r * 0.28)} ${n(y - r)}A${n(r)} ${n(r)} 0 1 0 ${n(x + r * 0.96)} ${n(y + r * 0.4)}A${n(r * 0.82)} ${n(r * 0.82)} 0 0 1 ${n(x + r * 0.28)} ${n(y - r)}Z`,
        { fill: canvas.palette.light },
      )
    )
  }
  return (
    disc(canvas, x, y, r) +
    ellipse(x - r * 0.32, y - r * 0.2, r * 0.25, r * 0.22, { fill: shade, alpha: 0.5 }) +
    ellipse(x + r * 0.3, y + r * 0.3, r * 0.32, r * 0.26, { fill: shade, alpha: 0.42 }) +
    circle(x + r * 0.26, y - r * 0.42, r * 0.13, { fill: shade, alpha: 0.45 }) +
    circle(x - r * 0.18, y + r * 0.5, r * 0.12, { fill: shade, alpha: 0.4 })
  )
}

/** Stars over the top `depth` units: dust, small stars and a few that sparkle. */
export const stars = (canvas: Canvas, depth: number, density = 1): string => {
  const { random, width } = canvas
  let dust = ''
  let small = ''
  const count = Math.min(420, Math.round(((width * depth) / 5200) * density))
  for (let i = 0; i < count; i += 1) {
    const y = depth * random.next() ** 1.35
    const mark = dot(
      random.between(0, width),
      y,
      random.chance(0.16) ? random.between(2, 3.2) : random.between(0.8, 1.6),
    )
    if (i % 3 === 0) small += mark
    else dust += mark
  }
  let sparkles = ''
  for (let i = 0; i < Math.min(14, 4 + (width * depth) / 160000); i += 1) {
    const x = random.between(0, width)
    const y = depth * random.next() * 0.85
    const r = random.between(6, 13)
    sparkles += `M${n(x)} ${n(y - r)}Q${n(x)} ${n(y)} ${n(x + r)} ${n(y)}Q${n(x)} ${n(y)} ${n(x)} ${n(y + r)}Q${n(x)} ${n(y)} ${n(x - r)} ${n(y)}Q${n(x)} ${n(y)} ${n(x)} ${n(y - r)}z`
  }
  return (
    path(dust, { fill: '#ffffff', alpha: 0.55 }) +
    path(small, { fill: '#fff8e4', alpha: 0.9 }) +
    path(sparkles, { fill: '#fffbee', alpha: 0.95 })
  )
}

const milkyWay = (canvas: Canvas, depth: number): string => {
  const { random, width, palette } = canvas
  const x = width * random.between(0.35, 0.65)
  const glow = canvas.defs.radial([
    [0, lighten(palette.glow, 0.04), 0.42],
    [0.5, palette.sky[2], 0.2],
    [1, palette.sky[2], 0],
  ])
  let dust = ''
  for (let i = 0; i < 170; i += 1) {
    const along = random.between(-1, 1)
    const across = random.bell()
    dust += dot(
      x + along * width * 0.34 + across * 90,
      depth * 0.42 + along * -depth * 0.5 + across * 60,
      random.between(0.8, 2),
    )
  }
  return (
    ellipse(x, depth * 0.42, Math.hypot(width, depth) * 0.62, depth * 0.2, { fill: glow }, -38) +
    path(dust, { fill: '#ffffff', alpha: 0.7 })
  )
}

/** A cloud of `w` units: a flat foot and a lumpy, lit top. */
export const cloud = (canvas: Canvas, x: number, y: number, w: number, alpha: number): string => {
  const { random, palette } = canvas
  const white = mix('#ffffff', palette.night ? palette.sky[2] : palette.sky[2], palette.night ? 0.72 : 0.22)
  const foot = mix(white, palette.sky[1], 0.55)
  const lumps = 5
  const points: Point[] = [[x - w / 2, y]]
  for (let i = 0; i <= lumps; i += 1) {
    const t = i / lumps
    const rise = Math.sin(Math.PI * (0.14 + t * 0.72)) * w * random.between(0.17, 0.32)
    points.push([x - w * 0.42 + w * 0.84 * t, y - rise])
  }
  points.push([x + w / 2, y])
  let d = `M${n(x - w / 2)} ${n(y)}`
  for (let i = 1; i < points.length; i += 1) {
    const [x0, y0] = points[i - 1] ?? [0, 0]
    const [x1, y1] = points[i] ?? [0, 0]
    const r = Math.hypot(x1 - x0, y1 - y0) * 0.56
    d += `A${n(r)} ${n(r)} 0 0 1 ${n(x1)} ${n(y1)}`
  }
  d += `Q${n(x)} ${n(y + w * 0.05)} ${n(x - w / 2)} ${n(y)}z`
  return path(d, {
    fill: canvas.look.flat
      ? white
      : canvas.defs.linear([
          [0, white, alpha],
          [1, foot, alpha * 0.55],
        ]),
    ...(canvas.look.flat ? { alpha } : {}),
  })
}

const clouds = (canvas: Canvas, depth: number): string => {
  const { random, width } = canvas
  const count = canvas.look.sparse ? 1 : random.int(2, 4) + Math.round(width / 1600)
  let svg = ''
  for (let i = 0; i < count; i += 1) {
    const far = random.next()
    svg += cloud(
      canvas,
      ((i + random.between(0.1, 0.9)) / count) * width,
      depth * random.between(0.2, 0.82),
      330 - far * 190,
      0.85 - far * 0.35,
    )
  }
  return svg
}

/** Long thin bands near the horizon, for evenings. */
const streaks = (canvas: Canvas, depth: number): string => {
  const { random, width, palette } = canvas
  let svg = ''
  for (let i = 0; i < 7; i += 1) {
    const w = random.between(180, 520)
    const y = depth * random.between(0.3, 0.95)
    svg += rect(
      random.between(-100, width - 80),
      y,
      w,
      random.between(5, 14),
      { fill: mix(palette.glow, palette.sky[1], random.between(0.1, 0.7)), alpha: 0.42 },
      7,
    )
  }
  return svg
}

const rainbow = (canvas: Canvas, horizon: number): string => {
  const r = Math.min(canvas.width * 0.56, horizon * 0.95)
  return ['#f08a8a', '#f6b36c', '#f7dd7e', '#9fd39a', '#86b9e6', '#b39ad8']
    .map((color, i) =>
      circle(canvas.width * 0.52, horizon + 40, r - i * 17, { stroke: color, width: 18, alpha: 0.5 }),
    )
    .join('')
}

const aurora = (canvas: Canvas, depth: number): string => {
  const { random, width } = canvas
  return ['#6ef0b8', '#58d6d0', '#a98af0']
    .map((color, k) => {
      const base = depth * (0.56 - k * 0.13)
      const top: Point[] = []
      const foot: Point[] = []
      for (let i = 0; i <= 8; i += 1) {
        const x = (width * i) / 8
        const y = base + Math.sin(i * 1.1 + k * 2 + random.between(0, 0.7)) * depth * 0.1
        foot.push([x, y])
        top.push([x + 40, y - depth * random.between(0.34, 0.56)])
      }
      const d = `${smooth(top, false)}L${smooth(foot.reverse(), false).slice(1)}z`
      return path(d, {
        fill: canvas.defs.linear([
          [0, color, 0],
          [0.75, color, 0.46],
          [1, color, 0.06],
        ]),
      })
    })
    .join('')
}

const fireworks = (canvas: Canvas, depth: number): string => {
  const { random, width, palette } = canvas
  let svg = ''
  const colors = [...palette.accents, '#fff2c4'] as const
  for (let k = 0; k < 5; k += 1) {
    const x = width * (0.12 + (k / 4) * 0.76 + random.between(-0.05, 0.05))
    const y = depth * random.between(0.2, 0.6)
    const r = random.between(90, 190)
    const color = random.pick(colors)
    let rays = ''
    let sparks = ''
    for (let i = 0; i < 28; i += 1) {
      const angle = (i / 28) * Math.PI * 2
      const far = r * (i % 2 === 0 ? 1 : 0.66)
      const [dx, dy] = [Math.cos(angle), Math.sin(angle)]
      rays += `M${n(x + dx * far * 0.3)} ${n(y + dy * far * 0.3)}Q${n(x + dx * far * 0.7)} ${n(y + dy * far * 0.7)} ${n(x + dx * far)} ${n(y + dy * far + far * 0.1)}`
      sparks += dot(x + dx * far, y + dy * far + far * 0.1, 3.4)
    }
    svg +=
      circle(x, y, r * 1.3, {
        fill: canvas.defs.radial([
          [0, color, 0.4],
          [1, color, 0],
        ]),
      }) +
      path(rays, { stroke: color, width: 2.6, alpha: 0.8 }) +
      path(sparks, { fill: '#fffbe8' })
  }
  return svg
}

/** The whole sky down to `horizon`, filling the picture behind everything else. */
export const drawSky = (canvas: Canvas, reading: Reading, horizon: number): string => {
  const { random, width, palette } = canvas
  const { details } = reading
  let svg = rect(-2, -2, width + 4, canvas.height + 4, { fill: gradient(canvas) })
  const starry = palette.night && !details.has('rain')
  if (starry && reading.style !== 'cyberpunk') {
    if (details.has('stars') || reading.places.includes('space')) svg += milkyWay(canvas, horizon)
    svg += plane('twinkle', 0) + stars(canvas, horizon * 0.95) + plane('still', 0)
  }
  if (details.has('aurora')) svg += plane('aurora', 0) + aurora(canvas, horizon) + plane('still', 0)
  const low = reading.time === 'sunset' || reading.time === 'dawn' || palette.ambience > 0.15
  const side = random.chance(0.5) ? random.between(0.18, 0.36) : random.between(0.64, 0.82)
  const x = width * (details.has('sun') || details.has('moon') ? random.between(0.3, 0.7) : side)
  const wanted = details.has('moon') || details.has('sun')
  const r =
    (wanted ? random.between(84, 120) : random.between(54, 84)) * (reading.style === 'retro' ? 1.7 : 1)
  const y = palette.night
    ? horizon * random.between(0.22, 0.42)
    : low
      ? horizon * random.between(0.6, 0.78)
      : horizon * random.between(0.22, 0.4)
  const hidden = details.has('rain') || (details.has('snow') && !wanted)
  if (!hidden && !(details.has('aurora') && !wanted))
    svg += palette.night && reading.style !== 'ink' ? moon(canvas, x, y, r * 0.9) : disc(canvas, x, y, r)
  if (reading.style === 'retro' && !hidden) svg += sunStripes(canvas, x, y, r)
  if (details.has('rainbow')) svg += rainbow(canvas, horizon)
  if (details.has('fireworks'))
    svg += plane('fireworks', 0.05) + fireworks(canvas, horizon) + plane('still', 0.05)
  if (reading.style !== 'ink')
    svg +=
      plane('drift', 0.1) +
      (low && !palette.night ? streaks(canvas, horizon) : '') +
      (starry && !details.has('cloud') ? '' : clouds(canvas, horizon))
  if (details.has('birds') || (!palette.night && random.chance(0.45))) {
    svg += plane('flock', 0.15)
    for (let i = 0; i < 5; i += 1)
      svg += farBird(
        width * random.between(0.3, 0.8),
        horizon * random.between(0.3, 0.7),
        random.between(9, 18),
        mix(palette.near, palette.sky[0], 0.2),
      )
  }
  return svg
}

const sunStripes = (canvas: Canvas, x: number, y: number, r: number): string => {
  let svg = ''
  for (let i = 0; i < 5; i += 1)
    svg += rect(x - r, y + r * (0.1 + i * 0.19), 2 * r, r * (0.03 + i * 0.016), {
      fill: mix(canvas.palette.sky[1], canvas.palette.sky[2], 0.5),
    })
  return svg
}
