/** Houses, lighthouses, pagodas and windmills. */
import { lighten, mix } from '../../color.ts'
import { circle, ellipse, path, place, rect } from '../../svg.ts'
import { type Canvas, lit } from '../canvas.ts'
import type { Draw } from './drawing.ts'

const windowGlow = (canvas: Canvas): string =>
  canvas.palette.night || canvas.palette.ambience > 0.15 ? '#ffd98a' : canvas.tone('#bfe0ea')

const smoke = (canvas: Canvas, x: number, y: number): string =>
  [0, 1, 2, 3]
    .map((i) =>
      circle(x + i * 9 + (i % 2) * 6, y - i * 20, 8 + i * 4, {
        fill: mix('#ffffff', canvas.palette.sky[1], 0.25),
        alpha: 0.55 - i * 0.1,
      }),
    )
    .join('')

export const drawHouse: Draw = ({ canvas, random, color }) => {
  const wall = canvas.tone(color ?? random.pick(['#fbf0dc', '#f6dcc4', '#e8e3d4']))
  const roof = canvas.tone(
    color === undefined ? random.pick(['#c8574a', '#b8683f', '#5f7f94']) : lighten(color, -0.2),
  )
  const wood = canvas.tone('#8a5f45')
  const pane = windowGlow(canvas)
  const window = (x: number, y: number, w = 34, h = 40): string =>
    rect(x - w / 2 - 5, y - 5, w + 10, h + 10, { fill: canvas.tone('#fffaf0') }, 4) +
    rect(x - w / 2, y, w, h, { fill: pane }, 2) +
    path(`M${x} ${y}v${h}M${x - w / 2} ${y + h / 2}h${w}`, { stroke: canvas.tone('#fffaf0'), width: 3.4 }) +
    rect(x - w / 2 - 8, y + h + 4, w + 16, 9, { fill: wood }, 3) +
    [-14, -4, 6, 15]
      .map((dx, i) =>
        circle(x + dx, y + h + 1, 5.5, {
          fill: i % 2 === 0 ? canvas.palette.accents[0] : canvas.palette.leaf[2],
        }),
      )
      .join('')
  const svg =
    rect(48, -216, 24, 60, { fill: lit(canvas, canvas.tone('#a8705a'), 0.1) }, 3) +
    smoke(canvas, 60, -232) +
    rect(-92, -112, 184, 112, { fill: lit(canvas, wall, 0.08) }) +
    path('M-92 -112H92V-94H-92Z', { fill: lighten(wall, -0.22), alpha: 0.35 }) +
    path('M-116 -104L-4 -206Q0 -209 4 -206L116 -104Q120 -96 110 -96H-110Q-120 -96 -116 -104Z', {
      fill: lit(canvas, roof, 0.12),
    }) +
    path('M-84 -124h38M-28 -124h38M30 -124h38M-58 -146h34M-6 -146h34M-34 -168h30', {
      stroke: lighten(roof, -0.09),
      width: 4,
      alpha: 0.8,
    }) +
    circle(0, -142, 14, { fill: canvas.tone('#fffaf0') }) +
    circle(0, -142, 10, { fill: pane }) +
    window(-54, -78) +
    window(56, -78) +
    path('M-19 0V-48C-19 -74 19 -74 19 -48V0Z', { fill: lit(canvas, wood, 0.1) }) +
    circle(11, -28, 3, { fill: '#f2c14e' }) +
    ellipse(-84, -4, 28, 17, { fill: canvas.palette.leaf[1] }) +
    ellipse(84, -4, 32, 20, { fill: canvas.palette.leaf[1] }) +
    ellipse(64, -2, 20, 12, { fill: canvas.palette.leaf[2] }) +
    ellipse(-60, -1, 16, 9, { fill: canvas.palette.leaf[2] })
  return { svg, width: 236, height: 216 }
}

export const drawCastle: Draw = ({ canvas, random, color }) => {
  const wall = canvas.tone(color ?? random.pick(['#efe4d6', '#d9d3e4', '#f2d9cf']))
  const roof = canvas.tone(canvas.palette.accents[random.chance(0.5) ? 0 : 2])
  const cap = lighten(roof, -0.12)
  const pane = windowGlow(canvas)
  const side = canvas.defs.linear(
    [
      [0, lighten(wall, 0.03)],
      [0.6, wall],
      [1, lighten(wall, -0.12)],
    ],
    90,
  )
  const slit = (x: number, y: number, w = 9): string =>
    path(`M${x - w} ${y}v${-w * 1.6}a${w} ${w} 0 0 1 ${2 * w} 0v${w * 1.6}z`, { fill: pane })
  const battlements = (x: number, y: number, w: number): string =>
    path(
      Array.from({ length: Math.floor(w / 22) }, (_, i) => `M${x + i * 22} ${y + 4}v-16h12v16z`).join(''),
      { fill: wall },
    )
  const tower = (x: number, w: number, h: number): string =>
    rect(x - w / 2, -h, w, h, { fill: side }) +
    rect(x - w / 2 - 5, -h, w + 10, 12, { fill: lighten(wall, -0.07) }, 3) +
    path(
      `M${x - w / 2 - 12} ${-h}L${x} ${-h - w * 1.5}L${x + w / 2 + 12} ${-h}Q${x} ${-h + 14} ${x - w / 2 - 12} ${-h}Z`,
      {
        fill: canvas.look.flat
          ? roof
          : canvas.defs.linear(
              [
                [0, lighten(roof, 0.06)],
                [1, cap],
              ],
              70,
            ),
      },
    ) +
    path(`M${x} ${-h - w * 1.5}v-26`, { stroke: canvas.tone('#8a6a4a'), width: 3.4 }) +
    path(`M${x} ${-h - w * 1.5 - 26}q16 -5 32 4q-14 4 -32 10z`, {
      fill: canvas.tone(canvas.palette.accents[1]),
    }) +
    slit(x, -h + 52)
  const svg =
    tower(-54, 42, 196) +
    tower(58, 46, 214) +
    tower(2, 60, 232) +
    rect(-96, -120, 192, 120, { fill: side }) +
    battlements(-96, -120, 200) +
    tower(-104, 50, 148) +
    tower(106, 50, 140) +
    slit(-44, -66, 11) +
    slit(46, -66, 11) +
    path('M-27 0V-48C-27 -84 27 -84 27 -48V0Z', { fill: lighten(wall, -0.12) }) +
    path('M-21 0V-46C-21 -76 21 -76 21 -46V0Z', { fill: lit(canvas, canvas.tone('#8a5f45'), 0.1) }) +
    path('M-7 0V-64M7 0V-64', { stroke: lighten(canvas.tone('#8a5f45'), -0.1), width: 2.6 }) +
    ellipse(-70, -3, 46, 17, { fill: canvas.palette.leaf[1] }) +
    ellipse(78, -3, 52, 20, { fill: canvas.palette.leaf[1] }) +
    ellipse(46, -1, 24, 10, { fill: canvas.palette.leaf[2] })
  return { svg, width: 290, height: 348 }
}

export const drawLighthouse: Draw = ({ canvas, color }) => {
  const white = canvas.tone('#fbf6ee')
  const red = canvas.tone(color ?? '#d8503f')
  const rock = canvas.tone('#6f6a70')
  const tower = 'M-30 -248H30L46 -18H-46Z'
  const beam = (s: number): string =>
    path(`M0 -282L${360 * s} -350V-226Z`, {
      fill: canvas.defs.linear(
        [
          [0, '#fff2b8', s > 0 ? 0.65 : 0],
          [1, '#fff2b8', s > 0 ? 0 : 0.65],
        ],
        90,
      ),
    })
  const svg =
    (canvas.palette.ambience > 0.1 ? beam(1) + beam(-1) : '') +
    path('M-120 0C-104 -34 -70 -30 -52 -40C-20 -52 34 -50 56 -36C82 -34 108 -30 124 0Z', {
      fill: lit(canvas, rock, 0.1),
    }) +
    path(tower, {
      fill: canvas.defs.linear(
        [
          [0, white],
          [0.6, white],
          [1, lighten(white, -0.2)],
        ],
        90,
      ),
    }) +
    `<g ${canvas.defs.clip(tower)}>` +
    rect(-60, -212, 120, 46, { fill: red }) +
    rect(-60, -124, 120, 50, { fill: red }) +
    rect(14, -260, 40, 260, { fill: '#1a1030', alpha: 0.14 }) +
    '</g>' +
    rect(-40, -258, 80, 12, { fill: lighten(red, -0.12) }, 4) +
    rect(-24, -304, 48, 46, { fill: '#ffe9a8' }) +
    path('M-24 -304v46M-8 -304v46M8 -304v46M24 -304v46', { stroke: lighten(red, -0.16), width: 3.4 }) +
    path('M-32 -304Q0 -346 32 -304Z', { fill: red }) +
    circle(0, -328, 6, { fill: red }) +
    path('M-12 -24V-50C-12 -66 12 -66 12 -50V-24Z', { fill: canvas.tone('#6b4c3a') })
  return { svg, width: 250, height: 336 }
}

export const drawPagoda: Draw = ({ canvas, color }) => {
  const red = canvas.tone(color ?? '#b8473a')
  const roof = canvas.tone('#3f4a57')
  const pane = windowGlow(canvas)
  const tier = (y: number, w: number): string =>
    rect(-w * 0.62, y - 44, w * 1.24, 46, { fill: lit(canvas, red, 0.1) }) +
    [-0.36, 0, 0.36].map((k) => rect(w * k - 8, y - 32, 16, 28, { fill: pane }, 2)).join('') +
    path(
      `M${-w * 1.12} ${y - 54}Q${-w * 0.8} ${y - 42} ${-w * 0.6} ${y - 66}Q0 ${y - 84} ${w * 0.6} ${y - 66}Q${w * 0.8} ${y - 42} ${w * 1.12} ${y - 54}Q${w * 0.86} ${y - 28} ${w * 0.64} ${y - 34}H${-w * 0.64}Q${-w * 0.86} ${y - 28} ${-w * 1.12} ${y - 54}Z`,
      { fill: lit(canvas, roof, 0.1) },
    )
  const svg =
    rect(-96, -18, 192, 18, { fill: lit(canvas, canvas.tone('#b9ae9e'), 0.1) }, 3) +
    tier(-16, 92) +
    tier(-84, 76) +
    tier(-150, 61) +
    tier(-212, 47) +
    path('M0 -322V-286', { stroke: canvas.tone('#d8a84a'), width: 6 }) +
    circle(0, -306, 8, { fill: canvas.tone('#e8b84a') })
  return { svg, width: 210, height: 324 }
}

export const drawWindmill: Draw = ({ canvas, random, color }) => {
  const wall = canvas.tone(color ?? '#f6ead6')
  const roof = canvas.tone('#a8554a')
  const wood = canvas.tone('#7a5a45')
  const blade = (turn: number): string =>
    place(
      path('M0 0V-118', { stroke: wood, width: 6 }) +
        path('M4 -28H34V-116H4Z', { fill: canvas.tone('#fffaf0'), stroke: wood, width: 3 }) +
        path('M4 -50H34M4 -72H34M4 -94H34M19 -28V-116', { stroke: wood, width: 2 }),
      { x: 0, y: -176, turn },
    )
  const start = random.between(10, 70)
  const svg =
    path('M-40 -168H40L62 0H-62Z', {
      fill: canvas.defs.linear(
        [
          [0, wall],
          [1, lighten(wall, -0.16)],
        ],
        90,
      ),
    }) +
    path('M-48 -164Q0 -250 48 -164Z', { fill: lit(canvas, roof, 0.1) }) +
    path('M-16 0V-40C-16 -60 16 -60 16 -40V0Z', { fill: wood }) +
    rect(-12, -118, 24, 30, { fill: windowGlow(canvas), stroke: wood, width: 4 }, 4) +
    [0, 90, 180, 270].map((turn) => blade(start + turn)).join('') +
    circle(0, -176, 9, { fill: wood })
  return { svg, width: 240, height: 290 }
}
