/** People and everyday things: cups, robots, cars, cakes, books, umbrellas, hearts and plants in pots. */
import { type Hex, lighten, mix } from '../../color.ts'
import type { Random } from '../../random.ts'
import { circle, ellipse, path, place, rect } from '../../svg.ts'
import { type Canvas, lit, rounded } from '../canvas.ts'
import type { Draw } from './drawing.ts'

const steam = (canvas: Canvas, x: number, y: number): string => {
  const color = canvas.palette.night ? '#dfe6f6' : '#ffffff'
  return path(
    `M${x - 22} ${y}c-16 -22 14 -34 0 -60M${x} ${y - 6}c-18 -26 16 -40 0 -72M${x + 22} ${y}c-16 -22 14 -34 0 -58`,
    { stroke: color, width: 6.5, alpha: 0.62 },
  )
}

export const drawCup: Draw = ({ canvas, random, color }) => {
  const body = canvas.tone(color ?? random.pick(['#e8927c', '#6fa0a8', '#f3e3cc', '#7d93c4', '#d9a05a']))
  const pale = canvas.tone('#fff6e6')
  const drink = canvas.tone(random.pick(['#8a5a38', '#b9763a', '#8fa84f']))
  const outline = 'M-66 -122C-66 -60 -54 -24 -36 -14H36C54 -24 66 -60 66 -122Z'
  const svg =
    ellipse(0, -8, 112, 18, { fill: lit(canvas, pale, 0.14) }) +
    ellipse(0, -12, 78, 10, { fill: lighten(pale, -0.1) }) +
    path('M62 -104C112 -114 112 -48 50 -52', { stroke: lighten(body, -0.06), width: 14 }) +
    path(outline, {
      fill: canvas.defs.linear(
        [
          [0, lighten(body, 0.06)],
          [0.6, body],
          [1, lighten(body, -0.13)],
        ],
        80,
      ),
    }) +
    `<g ${canvas.defs.clip(outline)}>` +
    path('M-80 -78Q-40 -62 0 -78T80 -78V-62Q40 -78 0 -62T-80 -62Z', { fill: pale, alpha: 0.85 }) +
    [-40, -14, 12, 38].map((x, i) => circle(x, -40 + (i % 2) * 9, 5, { fill: pale, alpha: 0.85 })).join('') +
    '</g>' +
    ellipse(0, -122, 66, 17, { fill: lighten(body, 0.1) }) +
    ellipse(0, -120, 56, 12.5, { fill: drink }) +
    path(
      'M-20 -119C-24 -127 -8 -129 0 -122C8 -129 24 -127 20 -119C16 -113 4 -111 0 -110C-4 -111 -16 -113 -20 -119Z',
      { fill: '#fff3e0', alpha: 0.9 },
    ) +
    path('M-50 -100C-48 -74 -42 -50 -34 -36', { stroke: '#ffffff', width: 7, alpha: 0.4 }) +
    steam(canvas, 0, -144)
  return { svg, width: 230, height: 222 }
}

export const drawRobot: Draw = ({ canvas, random, color }) => {
  const shell = canvas.tone(color ?? random.pick(['#7fb6c9', '#f0b45a', '#e6eaf0', '#ef8f7a', '#98c08a']))
  const metal = canvas.tone('#5b6578')
  const glow = canvas.palette.accents[1]
  const eye = (x: number): string =>
    circle(x, -160, 13, { fill: '#9ff0ff' }) + circle(x, -160, 8, { fill: '#e9fdff' })
  const svg =
    path('M0 -216V-240', { stroke: metal, width: 6 }) +
    circle(0, -246, 9, { fill: canvas.palette.accents[0] }) +
    path('M-22 -30V-8M22 -30V-8', { stroke: metal, width: 20 }) +
    rect(-46, -16, 40, 17, { fill: lighten(shell, -0.08) }, 8) +
    rect(6, -16, 40, 17, { fill: lighten(shell, -0.08) }, 8) +
    path('M-52 -88C-80 -80 -86 -62 -82 -44', { stroke: metal, width: 13 }) +
    path('M52 -88C78 -94 92 -112 92 -132', { stroke: metal, width: 13 }) +
    circle(-82, -38, 15, { fill: shell }) +
    circle(92, -138, 15, { fill: shell }) +
    rect(-54, -110, 108, 88, { fill: lit(canvas, shell, 0.12) }, 24) +
    rect(-30, -92, 60, 44, { fill: lighten(shell, -0.16) }, 10) +
    path('M0 -56C-24 -70 -18 -86 -8 -84Q-2 -83 0 -78Q2 -83 8 -84C18 -86 24 -70 0 -56Z', { fill: glow }) +
    rect(-16, -124, 32, 16, { fill: metal }, 5) +
    rect(-76, -176, 14, 36, { fill: metal }, 7) +
    rect(62, -176, 14, 36, { fill: metal }, 7) +
    rect(-66, -216, 132, 98, { fill: lit(canvas, lighten(shell, 0.03), 0.1) }, 32) +
    rect(
      -50,
      -194,
      100,
      62,
      {
        fill: canvas.defs.linear([
          [0, '#24304a'],
          [1, '#3a4a6c'],
        ]),
      },
      22,
    ) +
    eye(-23) +
    eye(23) +
    path('M-10 -146q10 8 20 0', { stroke: '#9ff0ff', width: 4 }) +
    path('M-50 -204Q-40 -210 -18 -210', { stroke: '#ffffff', width: 6, alpha: 0.5 })
  return { svg, width: 210, height: 256 }
}

export const drawCar: Draw = ({ canvas, random, color }) => {
  const body = canvas.tone(color ?? random.pick(['#e0604c', '#4f9aa8', '#f0b64a', '#7fb08a', '#f3e9d6']))
  const glass = canvas.tone('#cfe8ef')
  const wheel = (x: number): string =>
    circle(x, -24, 27, { fill: '#2f2b36' }) +
    circle(x, -24, 15, { fill: '#e8e4dc' }) +
    circle(x, -24, 6, { fill: '#8f8c94' })
  const svg =
    path(
      'M-142 -36C-148 -66 -138 -78 -108 -84C-88 -124 -68 -136 -20 -136H24C62 -136 80 -118 98 -86C132 -82 146 -70 144 -36Q142 -24 130 -24H-130Q-140 -24 -142 -36Z',
      { fill: lit(canvas, body, 0.14) },
    ) +
    path('M-86 -86C-72 -114 -58 -122 -22 -122H-8V-86ZM6 -122H22C52 -122 64 -110 78 -86H6Z', {
      fill: lit(canvas, glass, 0.08),
    }) +
    path('M-62 -92L-40 -118M22 -92L44 -116', { stroke: '#fff', width: 6, alpha: 0.5 }) +
    path('M-142 -52H144V-42H-142Z', { fill: canvas.tone('#fbf3e4'), alpha: 0.9 }) +
    path('M-1 -84V-34', { stroke: lighten(body, -0.14), width: 3 }) +
    rect(12, -74, 20, 6, { fill: lighten(body, -0.18) }, 3) +
    circle(-132, -62, 9, { fill: '#fff2b8' }) +
    rect(132, -70, 12, 16, { fill: '#d8453a' }, 4) +
    rect(-150, -34, 300, 11, { fill: '#d9d5cc' }, 5) +
    wheel(-80) +
    wheel(82) +
    rect(-40, -152, 84, 16, { fill: canvas.tone('#a8754a') }, 4) +
    rect(-26, -176, 56, 25, { fill: lit(canvas, canvas.tone('#c98f5a'), 0.1) }, 5) +
    path('M-10 -176V-152M14 -176V-152', { stroke: canvas.tone('#6b4c3a'), width: 3.4 })
  return { svg, width: 300, height: 180 }
}

export const drawCake: Draw = ({ canvas, random, color }) => {
  const cream = canvas.tone('#fff6ea')
  const berry = canvas.tone(color ?? random.pick(['#f0889c', '#b98ad0', '#f0b06a', '#8fc4a8']))
  const drip =
    'M-92 -118H92V-86Q84 -68 74 -86Q62 -58 48 -84Q36 -66 24 -86Q8 -50 -8 -84Q-22 -66 -34 -86Q-50 -56 -62 -84Q-76 -66 -92 -88Z'
  const svg =
    ellipse(0, -8, 130, 20, { fill: lit(canvas, canvas.tone('#f7ece0'), 0.12) }) +
    rect(-92, -112, 184, 102, { fill: lit(canvas, canvas.tone('#f6d9b0'), 0.1) }, 10) +
    path('M-92 -58H92V-44H-92Z', { fill: cream }) +
    path(drip, { fill: berry }) +
    ellipse(0, -118, 92, 22, { fill: lighten(berry, 0.05) }) +
    [-62, -31, 0, 31, 62]
      .map(
        (x, i) =>
          circle(x, -124 - (i % 2) * 8, 16, { fill: cream }) +
          circle(x, -140 - (i % 2) * 8, 11, { fill: rounded(canvas, canvas.tone('#e2474a'), 0.12) }),
      )
      .join('') +
    [-30, 0, 30]
      .map(
        (x, i) =>
          rect(x - 4, -208 + (i % 2) * 8, 8, 60, { fill: canvas.palette.accents[1] }, 3) +
          path(`M${x} ${-232 + (i % 2) * 8}q9 12 0 22q-9 -10 0 -22z`, { fill: '#ffb84a' }),
      )
      .join('')
  return { svg, width: 260, height: 236 }
}

export const drawFruit: Draw = ({ canvas, random, color }) => {
  const red = canvas.tone(color ?? random.pick(['#dd4b45', '#f0943f', '#f39a8a', '#a9c25a']))
  const svg =
    path(
      'M0 -124C-20 -140 -84 -134 -84 -70C-84 -26 -46 0 -24 0C-12 0 -8 -5 0 -5C8 -5 12 0 24 0C46 0 84 -26 84 -70C84 -134 20 -140 0 -124Z',
      { fill: rounded(canvas, red, 0.15) },
    ) +
    path('M0 -122C2 -140 -2 -156 -10 -166', { stroke: canvas.tone('#6b4c3a'), width: 7 }) +
    path('M2 -142C14 -172 52 -176 66 -160C54 -138 24 -132 2 -142Z', {
      fill: lit(canvas, canvas.tone('#7fae4f'), 0.1),
    }) +
    ellipse(-46, -92, 13, 24, { fill: '#fff', alpha: 0.42 }, 24)
  return { svg, width: 172, height: 172 }
}

export const drawBook: Draw = ({ canvas, random, color }) => {
  const cover = canvas.tone(color ?? random.pick(['#c8574a', '#4f7f94', '#6f8f5a']))
  const page = canvas.tone('#fdf6e6')
  const lines = [0, 1, 2, 3, 4]
    .map(
      (i) =>
        `M-112 ${-74 + i * 13}Q-66 ${-88 + i * 13} -20 ${-70 + i * 13}M20 ${-70 + i * 13}Q66 ${-88 + i * 13} 112 ${-74 + i * 13}`,
    )
    .join('')
  const svg =
    path('M-146 -92V-4Q-70 -22 0 2Q70 -22 146 -4V-92Z', { fill: lit(canvas, cover, 0.1) }) +
    path('M-136 -104V-16Q-66 -34 0 -8V-92Q-66 -122 -136 -104Z', {
      fill: canvas.defs.linear(
        [
          [0, page],
          [1, lighten(page, -0.13)],
        ],
        90,
      ),
    }) +
    path('M136 -104V-16Q66 -34 0 -8V-92Q66 -122 136 -104Z', {
      fill: canvas.defs.linear(
        [
          [0, lighten(page, -0.13)],
          [1, page],
        ],
        90,
      ),
    }) +
    path(lines, { stroke: lighten(page, -0.24), width: 3.4 }) +
    path('M64 -112V-40l10 -9l10 9V-110Z', { fill: canvas.palette.accents[0] }) +
    [
      [-50, -150],
      [10, -176],
      [60, -146],
      [-6, -132],
    ]
      .map(([x, y], i) =>
        circle(x ?? 0, y ?? 0, 5 - (i % 3), { fill: canvas.palette.accents[1], alpha: 0.85 }),
      )
      .join('')
  return { svg, width: 292, height: 180 }
}

const canopy = (canvas: Canvas, color: Hex): string => {
  const shade = lighten(color, -0.08)
  return (
    path(
      'M-120 -130C-110 -210 -50 -240 0 -240C50 -240 110 -210 120 -130Q92 -152 62 -130Q30 -154 0 -132Q-30 -154 -62 -130Q-92 -152 -120 -130Z',
      { fill: lit(canvas, color, 0.09) },
    ) +
    path(
      'M-62 -130C-58 -186 -30 -226 0 -240C-14 -214 -24 -170 0 -132Q-30 -154 -62 -130ZM62 -130C62 -186 32 -226 0 -240C60 -230 108 -200 120 -130Q92 -152 62 -130Z',
      { fill: shade, alpha: 0.7 },
    ) +
    path('M0 -240v-14', { stroke: '#6b4c3a', width: 6 })
  )
}

export const drawUmbrella: Draw = ({ canvas, color }) => {
  const svg =
    path('M0 -140V-24C0 2 34 2 34 -20', { stroke: canvas.tone('#6b4c3a'), width: 8 }) +
    canopy(canvas, canvas.tone(color ?? canvas.palette.accents[0]))
  return { svg, width: 240, height: 254 }
}

export const drawHeart: Draw = ({ canvas, color }) => {
  const red = canvas.tone(color ?? '#e6566a')
  const heart =
    'M0 -20C-60 -64 -116 -100 -112 -158C-108 -206 -40 -224 0 -168C40 -224 108 -206 112 -158C116 -100 60 -64 0 -20Z'
  const small = (x: number, y: number, scale: number, fill: Hex): string =>
    place(path(heart, { fill, alpha: 0.8 }), { x, y, scale, turn: x / 6 })
  const svg =
    small(-112, -176, 0.22, canvas.palette.accents[1]) +
    small(122, -186, 0.28, canvas.palette.accents[2]) +
    small(116, -40, 0.16, canvas.palette.accents[0]) +
    small(-120, -46, 0.2, canvas.palette.accents[2]) +
    path(heart, { fill: rounded(canvas, red, 0.12) }) +
    path('M-84 -160C-84 -186 -56 -196 -40 -188', { stroke: '#ffffff', width: 12, alpha: 0.55 })
  return { svg, width: 270, height: 230 }
}

export const drawMushroom: Draw = ({ canvas, color }) => {
  const cap = canvas.tone(color ?? '#d8483c')
  const stem = canvas.tone('#fbeedb')
  const one = (): string =>
    path('M-24 0C-32 -30 -26 -60 -20 -92H20C26 -60 32 -30 24 0Z', {
      fill: canvas.defs.linear(
        [
          [0, stem],
          [1, lighten(stem, -0.14)],
        ],
        80,
      ),
    }) +
    ellipse(0, -92, 62, 14, { fill: lighten(stem, -0.12) }) +
    path('M-92 -88C-92 -142 -50 -178 0 -178C50 -178 92 -142 92 -88Q0 -70 -92 -88Z', {
      fill: rounded(canvas, cap, 0.12),
    }) +
    [
      [-44, -124, 14],
      [6, -148, 12],
      [46, -118, 15],
      [-10, -104, 11],
      [-66, -98, 8],
      [72, -96, 7],
    ]
      .map(([x, y, r]) => ellipse(x ?? 0, y ?? 0, r ?? 9, (r ?? 9) * 0.82, { fill: '#fff8ee', alpha: 0.92 }))
      .join('')
  const svg =
    place(one(), { x: 66, y: 2, scale: 0.58, turn: 9 }) +
    place(one(), { x: -20, y: 0, turn: -4 }) +
    place(one(), { x: -96, y: 4, scale: 0.4, turn: -10 })
  return { svg, width: 230, height: 184 }
}

export const drawCactus: Draw = ({ canvas, color }) => {
  const green = canvas.tone(color ?? '#5f9a6a')
  const rib = { stroke: lighten(green, 0.1), width: 3, alpha: 0.7 }
  const svg =
    path('M-4 -96H-52Q-72 -96 -72 -122V-150', { stroke: lighten(green, -0.03), width: 34 }) +
    path('M4 -70H54Q74 -70 74 -98V-134', { stroke: lighten(green, -0.06), width: 32 }) +
    path('M-36 0V-190C-36 -236 36 -236 36 -190V0Z', {
      fill: canvas.defs.linear(
        [
          [0, lighten(green, 0.05)],
          [1, lighten(green, -0.12)],
        ],
        90,
      ),
    }) +
    path('M-16 -4V-198M4 -4V-206M22 -4V-196M-72 -104V-150M74 -90V-134', rib) +
    [0, 72, 144, 216, 288]
      .map((turn) =>
        place(ellipse(0, -11, 7, 12, { fill: canvas.palette.accents[0] }), { x: 8, y: -226, turn }),
      )
      .join('') +
    circle(8, -226, 6, { fill: '#f7cf5a' })
  return { svg, width: 190, height: 244 }
}

/** One flower on its stem, of a few kinds; the bloom is around (0, 0). */
export const bloom = (canvas: Canvas, kind: number, color: Hex): string => {
  const petals = (count: number, rx: number, ry: number, lift: number, fill: string): string =>
    Array.from(
      { length: count },
      (_, i) =>
        `<g transform="rotate(${Math.round((360 / count) * i)})">${ellipse(0, -lift, rx, ry, { fill })}</g>`,
    ).join('')
  const heart = canvas.tone('#f7c648')
  switch (kind % 4) {
    case 0:
      return petals(5, 12, 15, 14, lit(canvas, color, 0.07)) + circle(0, 0, 8, { fill: heart })
    case 1:
      return petals(10, 5.6, 16, 16, color) + circle(0, 0, 9.5, { fill: rounded(canvas, heart, 0.1) })
    case 2:
      return path('M-18 -26Q-9 -14 0 -30Q9 -14 18 -26C26 -4 16 14 0 14C-16 14 -26 -4 -18 -26Z', {
        fill: lit(canvas, color, 0.12),
      })
    default:
      return (
        petals(6, 13, 13, 12, lighten(color, -0.04)) +
        petals(5, 9, 9, 7, lighten(color, 0.06)) +
        circle(0, 0, 5, { fill: heart })
      )
  }
}

export const drawBouquet: Draw = ({ canvas, random, color }) => {
  const pot = canvas.tone(random.pick(['#6f9fb0', '#f3e3cc', '#d98a6a', '#8a8fc0']))
  const [a, b, c] = canvas.palette.accents
  const colors: readonly [Hex, ...Hex[]] =
    color === undefined
      ? [canvas.tone(a), canvas.tone(b), canvas.tone(c), canvas.tone('#fff3e6')]
      : [canvas.tone(color), canvas.tone(mix(color, '#fff3e6', 0.5)), canvas.tone('#fff3e6')]
  let stems = ''
  let heads = ''
  for (let i = 0; i < 17; i += 1) {
    const angle = -76 + i * 9.5 + random.between(-4, 4)
    const reach = random.between(84, 150)
    const x = Math.sin((angle * Math.PI) / 180) * reach
    const y = -96 - Math.cos((angle * Math.PI) / 180) * reach
    stems += path(
      `M0 -90Q${Math.round(x * 0.3)} ${Math.round(y * 0.7 - 20)} ${Math.round(x)} ${Math.round(y)}`,
      { stroke: canvas.palette.leaf[1], width: 4 },
    )
    heads +=
      i % 3 === 2
        ? place(
            path('M0 0C14 -18 44 -20 60 -4C44 12 14 14 0 0Z', {
              fill: canvas.palette.leaf[i % 2 === 0 ? 1 : 2],
            }),
            { x: x * 0.7, y: y * 0.86, turn: angle - 90 },
          )
        : place(bloom(canvas, random.int(0, 3), random.pick(colors)), {
            x,
            y,
            scale: random.between(1.1, 1.6),
            turn: angle,
          })
  }
  const svg =
    stems +
    heads +
    path(
      'M-34 -104H34C30 -88 58 -66 56 -36C54 -10 34 0 24 0H-24C-34 0 -54 -10 -56 -36C-58 -66 -30 -88 -34 -104Z',
      {
        fill: canvas.defs.linear(
          [
            [0, lighten(pot, 0.06)],
            [0.5, pot],
            [1, lighten(pot, -0.14)],
          ],
          90,
        ),
      },
    ) +
    path('M-54 -44Q0 -26 54 -44', { stroke: lighten(pot, 0.14), width: 6, alpha: 0.8 }) +
    ellipse(-30, -52, 7, 18, { fill: '#fff', alpha: 0.3 }, 12)
  return { svg, width: 290, height: 262 }
}

const outfits: readonly [Hex, ...Hex[]] = ['#e2604c', '#f0b64a', '#4f86a8', '#c87a9a', '#5f9478']

/** A person seen from behind, looking into the scene: it needs no face and gives the place its scale. */
export const drawPerson: Draw = ({ canvas, random, color, action }) => {
  const coat = canvas.tone(color ?? random.pick(outfits))
  const hair = canvas.tone(random.pick(['#3a2f38', '#5b4033', '#7a4f38']))
  const skin = canvas.tone('#f3c9a8')
  return { svg: figure(canvas, { coat, hair, skin }, random, action === 'walk'), width: 120, height: 226 }
}

const figure = (
  canvas: Canvas,
  colors: { coat: Hex; hair: Hex; skin: Hex },
  random: Random,
  walking: boolean,
): string => {
  const { coat, hair, skin } = colors
  const long = random.chance(0.6)
  const hat = random.chance(0.45)
  const scarf = canvas.tone(canvas.palette.accents[1])
  const straw = canvas.tone('#f0d39a')
  const stride = walking ? 13 : 3
  const strand = { stroke: lighten(hair, 0.12), width: 2.6, alpha: 0.55 }
  return (
    path(`M-13 -64L${-13 - stride} -12M13 -64L${13 + stride * 0.4} -12`, { stroke: skin, width: 14 }) +
    path(`M${-13 - stride} -22V-12M${13 + stride * 0.4} -22V-12`, {
      stroke: canvas.tone('#fffaf2'),
      width: 15,
    }) +
    ellipse(-15 - stride, -6, 14, 8, { fill: canvas.tone('#5a4238') }) +
    ellipse(15 + stride * 0.4, -6, 14, 8, { fill: canvas.tone('#5a4238') }) +
    path('M-24 -130C-40 -116 -46 -96 -44 -78M24 -130C40 -116 46 -96 44 -78', {
      stroke: lighten(coat, -0.05),
      width: 16,
    }) +
    circle(-44, -71, 7.6, { fill: skin }) +
    circle(44, -71, 7.6, { fill: skin }) +
    path('M-20 -142C-32 -124 -34 -96 -48 -54Q0 -40 48 -54C34 -96 32 -124 20 -142Q0 -150 -20 -142Z', {
      fill: lit(canvas, coat, 0.12),
    }) +
    path('M-47 -60Q0 -46 47 -60', { stroke: lighten(coat, 0.12), width: 5, alpha: 0.7 }) +
    path('M-18 -56C-13 -80 -12 -96 -10 -112M18 -56C14 -78 12 -92 10 -108', {
      stroke: lighten(coat, -0.12),
      width: 3,
      alpha: 0.6,
    }) +
    path('M0 -150v14', { stroke: skin, width: 14 }) +
    (long ? '' : path('M-20 -138Q0 -126 20 -138', { stroke: scarf, width: 13 })) +
    ellipse(-33, -172, 5, 7, { fill: skin }) +
    ellipse(33, -172, 5, 7, { fill: skin }) +
    circle(0, -178, 34, { fill: rounded(canvas, hair, 0.1) }) +
    path(
      long
        ? 'M-34 -182C-40 -150 -38 -126 -30 -104Q-16 -110 0 -102Q16 -110 30 -104C38 -126 40 -150 34 -182Z'
        : 'M-34 -180C-36 -156 -24 -146 0 -146C24 -146 36 -156 34 -180Z',
      { fill: lit(canvas, hair, 0.08) },
    ) +
    path(
      long
        ? 'M-16 -200C-22 -170 -20 -140 -16 -116M8 -202C12 -168 12 -140 8 -112M24 -190C28 -166 26 -140 22 -118'
        : 'M-16 -202C-22 -184 -20 -168 -14 -156M10 -204C16 -184 14 -168 10 -154',
      strand,
    ) +
    (hat
      ? ellipse(0, -194, 56, 13, { fill: straw }) +
        path('M-33 -196C-32 -230 32 -230 33 -196Z', { fill: lit(canvas, straw, 0.1) }) +
        path('M-33 -198Q0 -189 33 -198', { stroke: scarf, width: 8 })
      : long
        ? path(
            'M0 -196C-14 -212 -26 -206 -24 -196C-22 -188 -10 -190 0 -196C10 -190 22 -188 24 -196C26 -206 14 -212 0 -196Z',
            { fill: scarf },
          )
        : '')
  )
}
