/** Made places: the city, a room by a window, open space, and the plain studio backdrop. */
import { type Hex, lighten, mix, oklch, toOklch } from '../color.ts'
import { circle, dot, ellipse, n, path, place, rect } from '../svg.ts'
import { type Canvas, landAt, layer, lit, rounded } from './canvas.ts'
import { meadow } from './land.ts'
import { plane, withoutPlanes } from './plane.ts'
import { drawSky, stars } from './sky.ts'
import type { Place } from './stage.ts'

type Block = { x: number; w: number; h: number }

const blocks = (canvas: Canvas, low: number, high: number, widest: number): Block[] => {
  const { random } = canvas
  const list: Block[] = []
  const narrow = Math.max(widest * 0.5, canvas.width / 60)
  for (let x = random.between(-60, 0); x < canvas.width + 20; ) {
    const w = random.between(narrow, Math.max(widest, narrow * 1.5))
    list.push({ x, w, h: random.between(low, high) * (random.chance(0.15) ? 1.25 : 1) })
    x += w + (random.chance(0.3) ? random.between(2, 14) : 0)
  }
  return list
}

/** A row of towers standing on `base`, with roofs of several kinds and lit windows. */
const towers = (
  canvas: Canvas,
  base: number,
  list: Block[],
  color: Hex,
  lights: Hex,
  share: number,
  cell: number,
): string => {
  const { random } = canvas
  let walls = ''
  let sides = ''
  let windows = ''
  let tips = ''
  for (const { x, w, h } of list) {
    const top = base - h
    walls += `M${n(x)} ${n(canvas.height + 10)}V${n(top)}h${n(w)}V${n(canvas.height + 10)}z`
    const roof = random.int(0, 4)
    if (roof === 0) walls += `M${n(x + w * 0.2)} ${n(top)}v${n(-w * 0.22)}h${n(w * 0.6)}v${n(w * 0.22)}z`
    if (roof === 1) walls += `M${n(x)} ${n(top)}L${n(x + w)} ${n(top - w * 0.34)}V${n(top)}z`
    if (roof === 2) walls += `M${n(x)} ${n(top)}Q${n(x + w / 2)} ${n(top - w * 0.5)} ${n(x + w)} ${n(top)}z`
    if (roof === 3) tips += `M${n(x + w / 2)} ${n(top)}v${n(-w * 0.7)}`
    sides += `M${n(x + w * 0.68)} ${n(canvas.height + 10)}V${n(top)}H${n(x + w)}V${n(canvas.height + 10)}z`
    for (let wy = top + cell * 0.9; wy < Math.min(base - cell, top + cell * 24); wy += cell * 1.5) {
      for (let wx = x + cell * 0.6; wx < x + w - cell * 0.9; wx += cell * 1.25) {
        if (random.chance(share))
          windows += `M${n(wx)} ${n(wy)}h${n(cell * 0.55)}v${n(cell * 0.72)}h${n(-cell * 0.55)}z`
      }
    }
  }
  const fill = canvas.look.flat
    ? color
    : canvas.defs.linear([
        [0, lighten(color, -0.02)],
        [0.5, color],
        [1, mix(color, canvas.palette.sky[2], 0.5)],
      ])
  return (
    layer(canvas, walls, fill) +
    path(sides, { fill: lighten(color, -0.1), alpha: 0.28 }) +
    path(tips, { stroke: color, width: 4 }) +
    path(windows, { fill: lights, alpha: 0.88 })
  )
}

const neonSigns = (canvas: Canvas, base: number): string => {
  const { random, width, palette } = canvas
  let svg = ''
  for (let i = 0; i < Math.min(16, 7 + width / 500); i += 1) {
    const color = random.pick(palette.accents)
    const [x, y] = [random.between(0, width), base - random.between(40, 260)]
    const [w, h] = random.chance(0.6)
      ? [random.between(18, 30), random.between(70, 150)]
      : [random.between(60, 120), random.between(20, 34)]
    svg +=
      ellipse(x + w / 2, y + h / 2, w * 1.5 + 30, h * 0.9 + 34, {
        fill: canvas.defs.radial([
          [0, color, 0.55],
          [1, color, 0],
        ]),
      }) +
      rect(x, y, w, h, { fill: mix(color, '#ffffff', 0.1), alpha: 0.92 }, 5) +
      rect(
        x + 4,
        y + 4,
        w - 8,
        h - 8,
        { stroke: mix(color, '#ffffff', 0.75), width: 2.2, fill: mix(color, '#160a30', 0.6), alpha: 0.9 },
        3,
      )
    let marks = ''
    for (let k = 0; k < Math.max(w, h) / 24 - 1; k += 1)
      marks += h > w ? dot(x + w / 2, y + 16 + k * 24, 4.6) : dot(x + 16 + k * 24, y + h / 2, 4.6)
    svg += path(marks, { fill: mix(color, '#ffffff', 0.75) })
  }
  return svg
}

const street = (canvas: Canvas, top: number): string => {
  const { random, width, height, palette } = canvas
  const tar = palette.night ? mix(palette.near, '#0b0e20', 0.35) : mix(palette.near, '#8d8a94', 0.6)
  let svg = rect(-2, top, width + 4, height - top + 4, {
    fill: canvas.look.flat
      ? tar
      : canvas.defs.linear([
          [0, lighten(tar, 0.1)],
          [1, lighten(tar, -0.05)],
        ]),
  })
  if (palette.night) {
    for (let i = 0; i < 26; i += 1) {
      const color = random.pick([...palette.accents, '#ffe2a0'] as const)
      svg += ellipse(
        random.between(0, width),
        random.between(top + 14, height),
        random.between(24, 110),
        random.between(2, 5),
        { fill: color, alpha: random.between(0.12, 0.4) },
      )
    }
  }
  svg += rect(-2, top - 7, width + 4, 11, { fill: lighten(tar, palette.night ? 0.14 : 0.16) })
  for (let x = 20; x < width; x += Math.max(170, width / 24))
    svg += rect(x, top + (height - top) * 0.62, 84, 8, { fill: '#fff6dc', alpha: 0.5 }, 4)
  return svg
}

const lamp = (canvas: Canvas, x: number, y: number): string => {
  const glow = canvas.defs.radial([
    [0, '#ffe6a8', 0.85],
    [0.3, '#ffd98a', 0.3],
    [1, '#ffd98a', 0],
  ])
  const iron = canvas.palette.night ? '#141830' : canvas.tone('#54505e')
  return (
    path(`M${n(x)} ${n(y)}V${n(y - 250)}q0 -26 28 -26`, { stroke: iron, width: 9 }) +
    path(`M${n(x + 14)} ${n(y - 274)}h34l8 26h-50z`, { fill: iron }) +
    (canvas.palette.night ? circle(x + 31, y - 244, 100, { fill: glow }) : '') +
    ellipse(x + 31, y - 246, 15, 8, { fill: '#fff2c4' })
  )
}

export const city: Place = (canvas, reading) => {
  const { random, height, width, palette } = canvas
  const base = height * 0.78
  const cyber = reading.style === 'cyberpunk'
  const lively = palette.night || palette.ambience > 0.15
  const lights = cyber ? palette.accents[1] : lively ? '#ffdf9a' : mix('#ffffff', palette.sky[1], 0.4)
  const share = lively ? 0.5 : 0.36
  const bright = canvas.defs.linear([
    [0, palette.glow, 0],
    [0.5, palette.glow, 0.45],
    [1, palette.glow, 0],
  ])
  const back =
    drawSky(canvas, reading, height * 0.72) +
    plane('still', 0.25) +
    towers(
      canvas,
      base,
      blocks(canvas, height * 0.26, height * 0.5, 120),
      landAt(canvas, 0.12),
      lights,
      share * 0.45,
      15,
    ) +
    rect(-2, base - 260, width + 4, 300, { fill: bright }) +
    plane('still', 0.55) +
    towers(
      canvas,
      base,
      blocks(canvas, height * 0.16, height * 0.36, 140),
      landAt(canvas, 0.46),
      lights,
      share * 0.8,
      19,
    ) +
    rect(-2, base - 150, width + 4, 200, { fill: bright }) +
    plane('still', 0.85) +
    towers(
      canvas,
      base,
      blocks(canvas, height * 0.07, height * 0.21, 170),
      landAt(canvas, 0.86),
      mix(lights, '#fff2cf', 0.4),
      share,
      25,
    ) +
    plane('twinkle', 0.85) +
    (cyber ? neonSigns(canvas, base) : '') +
    plane('still', 1) +
    street(canvas, base) +
    lamp(canvas, width * (random.chance(0.5) ? 0.1 : 0.84), base + 4)
  return { back, front: '', ground: height * 0.91, water: height * 0.91, air: height * 0.4, size: 400 }
}

const planet = (canvas: Canvas, x: number, y: number, r: number, color: Hex, ringed: boolean): string => {
  const disc = `M${n(x - r)} ${n(y)}a${n(r)} ${n(r)} 0 1 0 ${n(2 * r)} 0a${n(r)} ${n(r)} 0 1 0 ${n(-2 * r)} 0z`
  const bands = [-0.55, -0.2, 0.2, 0.56]
    .map((k, i) =>
      path(
        `M${n(x - r * 1.1)} ${n(y + r * k)}q${n(r * 1.1)} ${n(r * 0.2)} ${n(r * 2.2)} 0v${n(r * 0.18)}q${n(-r * 1.1)} ${n(r * 0.22)} ${n(-r * 2.2)} 0z`,
        { fill: lighten(color, i % 2 === 0 ? 0.07 : -0.07), alpha: 0.7 },
      ),
    )
    .join('')
  const shade = canvas.defs.radial(
    [
      [0, '#ffffff', 0.22],
      [0.45, '#101030', 0],
      [1, '#0a0a2a', 0.72],
    ],
    0.32,
    0.28,
  )
  const ring = (half: number): string =>
    `<g transform="rotate(-18 ${n(x)} ${n(y)})">${path(`M${n(x - r * 1.8)} ${n(y)}A${n(r * 1.8)} ${n(r * 0.42)} 0 0 ${half} ${n(x + r * 1.8)} ${n(y)}`, { stroke: lighten(color, 0.12), width: r * 0.15, alpha: 0.8 })}${path(`M${n(x - r * 1.5)} ${n(y)}A${n(r * 1.5)} ${n(r * 0.33)} 0 0 ${half} ${n(x + r * 1.5)} ${n(y)}`, { stroke: lighten(color, 0.2), width: r * 0.06, alpha: 0.6 })}</g>`
  const halo = canvas.defs.radial([
    [0, color, 0.45],
    [0.62, color, 0.28],
    [1, color, 0],
  ])
  return (
    circle(x, y, r * 1.5, { fill: halo }) +
    (ringed ? ring(1) : '') +
    path(disc, { fill: color }) +
    `<g ${canvas.defs.clip(disc)}>${bands}</g>` +
    path(disc, { fill: shade }) +
    (ringed ? ring(0) : '')
  )
}

export const space: Place = (canvas, reading) => {
  const { random, height, width, palette } = canvas
  const [top, mid, low] = palette.sky
  const deep = (hex: Hex, l: number): Hex => {
    const c = toOklch(hex)
    return oklch(Math.min(c.l, l), Math.max(c.c, 0.07), c.h)
  }
  let back = rect(-2, -2, width + 4, height + 4, {
    fill: canvas.defs.linear(
      [
        [0, deep(top, 0.2)],
        [0.55, deep(mid, 0.3)],
        [1, deep(low, 0.42)],
      ],
      24,
    ),
  })
  const h0 = toOklch(mid).h
  for (let i = 0; i < 7; i += 1) {
    const color = oklch(random.between(0.45, 0.62), 0.14, h0 + random.between(-50, 90))
    back += ellipse(
      width * random.between(0, 1),
      height * random.between(0.05, 0.85),
      random.between(220, 520),
      random.between(120, 300),
      {
        fill: canvas.defs.radial([
          [0, color, 0.42],
          [0.5, color, 0.16],
          [1, color, 0],
        ]),
      },
      random.between(-50, 50),
    )
  }
  back += plane('twinkle', 0) + stars(canvas, height, 1.1) + plane('still', 0.2)
  const lone = reading.subjects.length === 0
  const left = random.chance(0.5)
  const big = random.pick(palette.accents)
  back += planet(
    canvas,
    width * (left ? 0.24 : 0.76),
    height * (lone ? 0.42 : 0.24),
    lone ? random.between(170, 220) : random.between(90, 130),
    mix(big, palette.sky[2], 0.25),
    random.chance(0.7),
  )
  back += plane('still', 0.5)
  back += planet(
    canvas,
    width * (left ? 0.82 : 0.16),
    height * random.between(0.5, 0.64),
    random.between(34, 58),
    mix(palette.accents[1], palette.sky[1], 0.2),
    false,
  )
  const r = width * 0.9
  const soil = mix(palette.far, palette.accents[0], 0.18)
  const ground =
    plane('still', 1) +
    circle(width / 2, height * 0.86 + r, r + 26, { fill: palette.glow, alpha: 0.16 }) +
    circle(width / 2, height * 0.86 + r, r, {
      fill: canvas.defs.linear([
        [0, lighten(soil, 0.1)],
        [0.12, soil],
        [0.4, lighten(soil, -0.25)],
      ]),
    }) +
    [0.14, 0.34, 0.62, 0.86]
      .map((k) => {
        const w = random.between(26, 60)
        const [x, y] = [width * k, height * random.between(0.91, 0.97)]
        return (
          ellipse(x, y, w, w * 0.3, { fill: lighten(soil, -0.13) }) +
          ellipse(x + 3, y + 4, w * 0.86, w * 0.22, { fill: lighten(soil, -0.04) })
        )
      })
      .join('')
  return {
    back: back + ground,
    front: '',
    ground: height * 0.9,
    water: height * 0.7,
    air: height * 0.52,
    size: 420,
  }
}

export const indoor: Place = (canvas, reading) => {
  const { random, height, width, palette } = canvas
  const warm = palette.night
    ? mix('#6d5a6e', palette.ambient, 0.3)
    : random.pick(['#f3dcc0', '#e9d8c8', '#d9e2d4', '#f2d9cf'])
  const asked = reading.colors[0]
  const wall = canvas.tone(asked === undefined ? warm : mix(warm, asked, 0.35))
  const wood = canvas.tone(random.pick(['#b98258', '#a8714c', '#c99a6c']))
  const sill = height * 0.79
  const [w, h] = [Math.min(width * 0.72, 820), height * 0.6]
  const [x, y] = [width / 2 - w / 2, sill - h]
  const view = meadow(
    { ...canvas, look: { ...canvas.look, sparse: true } },
    { ...reading, subjects: [], details: new Set([...reading.details].filter((d) => d !== 'birds')) },
  )
  const pane = `M${n(x)} ${n(sill)}V${n(y + 60)}Q${n(x)} ${n(y)} ${n(x + 60)} ${n(y)}H${n(x + w - 60)}Q${n(x + w)} ${n(y)} ${n(x + w)} ${n(y + 60)}V${n(sill)}Z`
  const frame = canvas.tone('#fffaf1')
  const curtain = canvas.tone(mix(palette.accents[2], '#fff4e6', 0.35))
  const drape = (s: number): string => {
    const e = s < 0 ? x - 60 : x + w + 60
    return (
      path(
        `M${n(e)} ${n(y - 34)}H${n(e - s * 190)}C${n(e - s * 180)} ${n(y + h * 0.4)} ${n(e - s * 90)} ${n(y + h * 0.52)} ${n(e - s * 60)} ${n(y + h * 0.62)}C${n(e - s * 80)} ${n(y + h * 0.78)} ${n(e - s * 70)} ${n(sill - 20)} ${n(e - s * 84)} ${n(sill)}H${n(e)}Z`,
        {
          fill: canvas.defs.linear(
            [
              [0, lighten(curtain, -0.04)],
              [0.5, curtain],
              [1, lighten(curtain, -0.1)],
            ],
            90,
          ),
        },
      ) +
      path(
        `M${n(e - s * 130)} ${n(y - 30)}C${n(e - s * 120)} ${n(y + h * 0.36)} ${n(e - s * 70)} ${n(y + h * 0.5)} ${n(e - s * 46)} ${n(y + h * 0.6)}M${n(e - s * 70)} ${n(y - 30)}C${n(e - s * 66)} ${n(y + h * 0.3)} ${n(e - s * 44)} ${n(y + h * 0.5)} ${n(e - s * 34)} ${n(y + h * 0.6)}`,
        { stroke: lighten(curtain, -0.1), width: 4, alpha: 0.5 },
      ) +
      path(`M${n(e)} ${n(y + h * 0.6)}h${n(-s * 70)}`, { stroke: canvas.tone(palette.accents[1]), width: 13 })
    )
  }
  const back =
    rect(-2, -2, width + 4, height + 4, { fill: lit(canvas, wall, 0.09) }) +
    `<g ${canvas.defs.clip(pane)}><g transform="translate(${n(x)} ${n(y)}) scale(${n(1)} 1) translate(${n(-x)} ${n(-height * 0.08)})">${withoutPlanes(view.back)}</g></g>` +
    path(pane, { stroke: frame, width: 24 }) +
    path(`M${n(width / 2)} ${n(y)}V${n(sill)}M${n(x)} ${n(y + h * 0.36)}H${n(x + w)}`, {
      stroke: frame,
      width: 13,
    }) +
    drape(-1) +
    drape(1) +
    path(`M${n(x - 90)} ${n(y - 38)}H${n(x + w + 90)}`, { stroke: wood, width: 13 }) +
    rect(-2, sill, width + 4, height - sill + 4, {
      fill: canvas.look.flat
        ? wood
        : canvas.defs.linear([
            [0, lighten(wood, 0.07)],
            [0.2, wood],
            [1, lighten(wood, -0.1)],
          ]),
    }) +
    rect(-2, sill - 3, width + 4, 12, { fill: lighten(wood, 0.12) }) +
    path(
      [0.3, 0.62]
        .map(
          (k) =>
            `M-2 ${n(sill + (height - sill) * k)}C${n(width * 0.3)} ${n(sill + (height - sill) * k - 8)} ${n(width * 0.6)} ${n(sill + (height - sill) * k + 9)} ${n(width)} ${n(sill + (height - sill) * k)}`,
        )
        .join(''),
      { stroke: lighten(wood, -0.07), width: 3, alpha: 0.5 },
    ) +
    plane('still', 1) +
    pottedPlant(canvas, random.chance(0.5) ? x + 40 : x + w - 40, sill + 34)
  return { back, front: '', ground: height * 0.9, water: height * 0.9, air: height * 0.4, size: 400 }
}

const pottedPlant = (canvas: Canvas, x: number, y: number): string => {
  const { random, palette } = canvas
  const pot = canvas.tone('#c9785a')
  let leaves = ''
  for (let i = 0; i < 11; i += 1)
    leaves += place(
      path('M0 0C-24 -40 -22 -110 0 -150C22 -110 24 -40 0 0Z', {
        fill: palette.leaf[i % 3 === 0 ? 2 : i % 3 === 1 ? 1 : 0],
      }) + path('M0 -8V-130', { stroke: lighten(palette.leaf[1], 0.1), width: 2 }),
      { x, y: y - 92, turn: -78 + i * 15.6 + random.between(-5, 5), scale: random.between(0.7, 1) },
    )
  return (
    leaves +
    path(`M${n(x - 58)} ${n(y - 100)}H${n(x + 58)}L${n(x + 42)} ${n(y)}H${n(x - 42)}Z`, {
      fill: lit(canvas, pot, 0.1),
    }) +
    rect(x - 64, y - 112, 128, 24, { fill: lighten(pot, 0.03) }, 6)
  )
}

/** A quiet backdrop with one big disc, for a portrait of a thing. */
export const studio: Place = (canvas, reading) => {
  const { random, height, width, palette } = canvas
  const asked = reading.colors.find((hex) => toOklch(hex).c > 0.03)
  const hue = asked === undefined ? random.pick([20, 60, 85, 150, 200, 255, 300, 350]) : toOklch(asked).h
  const dim = palette.night ? 0.5 : 0
  const wall = oklch(0.94 - dim, 0.036 + (reading.moods.has('vivid') ? 0.05 : 0), hue)
  const disc = oklch(0.85 - dim * 0.8, 0.09, hue + random.pick([-42, 34, 150]))
  const small = Math.min(width, height)
  const ground = height * 0.83
  const low = reading.subjects.length > 1 ? 0.8 : 1
  const [cx, cy, r] = [width / 2, ground - small * 0.31 * low, small * random.between(0.33, 0.385) * low]
  let back =
    rect(-2, -2, width + 4, height + 4, {
      fill: canvas.look.flat
        ? wall
        : canvas.defs.radial([
            [0, lighten(wall, 0.03)],
            [0.6, wall],
            [1, lighten(wall, -0.03)],
          ]),
    }) +
    (canvas.look.shadows
      ? layer(canvas, dot(cx, cy, r), disc)
      : circle(cx, cy, r, {
          fill: canvas.look.flat
            ? disc
            : canvas.defs.linear(
                [
                  [0, lighten(disc, 0.04)],
                  [1, lighten(disc, -0.03)],
                ],
                20,
              ),
        }))
  if (!canvas.look.sparse) {
    back +=
      plane('sway', 0.5) +
      sprig(canvas, cx - r * 0.98, ground, -13, small / 560, hue) +
      sprig(canvas, cx + r * 0.98, ground, 13, small / 600, hue) +
      sprig(canvas, cx - r * 0.78, ground, -26, small / 820, hue + 30) +
      sprig(canvas, cx + r * 0.8, ground, 24, small / 780, hue - 30)
    back += plane('bob', 0.7)
    for (let i = 0; i < 11; i += 1) {
      const angle = random.between(-Math.PI, 0.1)
      const far = r * random.between(1.12, 1.42)
      back += floater(
        canvas,
        cx + Math.cos(angle) * far,
        cy + Math.sin(angle) * far,
        random.between(7, 17),
        random.pick([
          oklch(0.97 - dim * 0.3, 0.02, hue),
          oklch(0.78 - dim * 0.4, 0.1, hue + 30),
          oklch(0.86 - dim * 0.4, 0.09, hue - 60),
        ] as const),
      )
    }
  }
  const floor = oklch(0.87 - dim, 0.05, hue + 14)
  back += plane('still', 1)
  back += path(
    `M-10 ${n(ground - 8)}Q${n(width / 2)} ${n(ground - 34)} ${n(width + 10)} ${n(ground - 8)}V${n(height + 10)}H-10Z`,
    {
      fill: canvas.look.flat
        ? floor
        : canvas.defs.linear([
            [0, lighten(floor, 0.03)],
            [1, lighten(floor, -0.06)],
          ]),
    },
  )
  return { back, front: '', ground: height * 0.885, water: height * 0.87, air: height * 0.55, size: 600 }
}

const sprig = (canvas: Canvas, x: number, y: number, turn: number, scale: number, hue: number): string => {
  const dim = canvas.palette.night ? 0.28 : 0
  const leaf = oklch(0.62 - dim, 0.075, 140 + (hue - 140) * 0.12)
  let leaves = ''
  for (let i = 0; i < 7; i += 1) {
    const s = i % 2 === 0 ? 1 : -1
    leaves += place(
      path('M0 0C14 -18 44 -22 62 -8C44 10 16 12 0 0Z', { fill: i % 3 === 0 ? lighten(leaf, 0.07) : leaf }),
      { x: 0, y: -46 - i * 33, turn: s > 0 ? -28 : 208, scale: 1 - i * 0.08 },
    )
  }
  return place(path('M0 0C6 -90 -4 -180 0 -280', { stroke: leaf, width: 5 }) + leaves, { x, y, turn, scale })
}

const floater = (canvas: Canvas, x: number, y: number, r: number, color: Hex): string => {
  switch (canvas.random.int(0, 3)) {
    case 0:
      return circle(x, y, r * 0.7, { fill: rounded(canvas, color, 0.05) })
    case 1:
      return path(
        `M${n(x)} ${n(y + r)}C${n(x - r * 1.7)} ${n(y - r * 0.2)} ${n(x - r * 0.8)} ${n(y - r * 1.3)} ${n(x)} ${n(y - r * 0.4)}C${n(x + r * 0.8)} ${n(y - r * 1.3)} ${n(x + r * 1.7)} ${n(y - r * 0.2)} ${n(x)} ${n(y + r)}Z`,
        { fill: color },
      )
    case 2:
      return path(
        `M${n(x)} ${n(y - r)}Q${n(x)} ${n(y)} ${n(x + r)} ${n(y)}Q${n(x)} ${n(y)} ${n(x)} ${n(y + r)}Q${n(x)} ${n(y)} ${n(x - r)} ${n(y)}Q${n(x)} ${n(y)} ${n(x)} ${n(y - r)}z`,
        { fill: color },
      )
    default:
      return circle(x, y, r * 0.6, { stroke: color, width: 3.4 })
  }
}
