/** Puts a scene together: the place, its subjects, and the air before them, as one drawing. */
import type { Random } from '../random.ts'
import type { Reading, Subject } from '../read-prompt.ts'
import { circle, place, rect } from '../svg.ts'
import type { PlaceName, SubjectName } from '../vocabulary.ts'
import { type Canvas, groundShadow } from './canvas.ts'
import { cloudscape, desert, forest, garden, meadow, mountain, snowfield } from './land.ts'
import { plane } from './plane.ts'
import type { Place, Stage } from './stage.ts'
import type { Drawing } from './subjects/drawing.ts'
import { subjectKinds } from './subjects/index.ts'
import { butterfly } from './subjects/winged.ts'
import { city, indoor, space, studio } from './town.ts'
import { lake, sea, underwater } from './water.ts'
import { drawWeather } from './weather.ts'

const places: Record<PlaceName, Place> = {
  garden,
  forest,
  mountain,
  sea,
  underwater,
  lake,
  city,
  desert,
  snowfield,
  space,
  meadow,
  indoor,
  sky: cloudscape,
}

/** Places win over one another when several are named: a house by the lake in the mountains is at the lake. */
const precedence: readonly PlaceName[] = [
  'underwater',
  'space',
  'indoor',
  'desert',
  'lake',
  'sea',
  'city',
  'snowfield',
  'garden',
  'forest',
  'mountain',
  'meadow',
  'sky',
]

const homely = new Set(['cat', 'dog', 'rabbit', 'bouquet', 'cup', 'book'])

/** Where a subject is at home when the prompt names no place. */
const usualPlace = (reading: Reading, random: Random): Place => {
  const lead = reading.subjects[0]?.name
  if (reading.details.has('snow') || lead === 'penguin') return snowfield
  if (lead === undefined) {
    if (reading.details.has('fireworks')) return city
    if (reading.details.has('petals') || reading.details.has('flowers')) return garden
    if (reading.season === 'autumn') return forest
    return random.pick([meadow, mountain, lake])
  }
  if (reading.style === 'ink') return lead === 'fish' || lead === 'boat' || lead === 'crane' ? lake : mountain
  if (reading.style === 'cyberpunk') return city
  if (lead === 'lantern') return random.pick([meadow, lake, city])
  if (lead === 'whale' || lead === 'fish') return underwater
  if (lead === 'boat' || lead === 'lighthouse') return sea
  if (lead === 'astronaut' || lead === 'rocket') return space
  if (lead === 'balloon') return random.pick([mountain, meadow, cloudscape])
  if (lead === 'cactus') return desert
  if (lead === 'deer' || lead === 'owl' || lead === 'mushroom' || lead === 'fox')
    return random.pick([forest, forest, studio])
  if (lead === 'windmill' || lead === 'house') return random.pick([meadow, garden, mountain])
  if (lead === 'castle') return random.pick([mountain, meadow, lake])
  if (lead === 'pagoda') return random.pick([mountain, lake])
  if (lead === 'crane') return lake
  if (lead === 'car') return random.pick([city, meadow])
  if (lead === 'person') return random.pick([meadow, sea, garden, mountain])
  if (reading.details.has('rain') || reading.time !== undefined) return random.pick([meadow, garden, indoor])
  if (homely.has(lead)) return random.pick([studio, studio, indoor, garden])
  return lead === 'cake' || lead === 'fruit' ? random.pick([studio, indoor]) : studio
}

const choosePlace = (reading: Reading, random: Random): Place => {
  const named = precedence.find((name) => reading.places.includes(name))
  if (named === 'meadow' || named === undefined || named === 'sky') {
    if (reading.details.has('snow') && named !== 'sky') return snowfield
  }
  const swims = reading.subjects.some(({ name }) => name === 'fish')
  if (swims && (named === 'sea' || named === 'lake') && reading.style !== 'ink') return underwater
  const sails = reading.subjects.some(({ name }) => name === 'boat')
  if (sails && (named === 'mountain' || named === 'forest' || named === 'meadow')) return lake
  return named === undefined ? usualPlace(reading, random) : places[named]
}

/** Those that breathe while they stand. */
const living = new Set<SubjectName>([
  'cat',
  'dog',
  'rabbit',
  'fox',
  'panda',
  'bear',
  'owl',
  'penguin',
  'deer',
  'crane',
  'bird',
  'person',
])

type Placed = { subject: Subject; drawing: Drawing; size: number }

/** Lanterns are rarely alone; a person who has an umbrella holds it. */
const cast = (reading: Reading): { subjects: Subject[]; umbrella: Subject | undefined } => {
  const someone = reading.subjects.some(({ name }) => name === 'person')
  const umbrella = someone ? reading.subjects.find(({ name }) => name === 'umbrella') : undefined
  const subjects = reading.subjects
    .filter((subject) => subject !== umbrella)
    .map((subject) =>
      subject.name === 'lantern' && subject.count === 1 ? { ...subject, count: 5 } : subject,
    )
  return { subjects, umbrella }
}

const withUmbrella = (canvas: Canvas, drawing: Drawing, umbrella: Subject): Drawing => {
  const random = canvas.random.fork('umbrella')
  const open = subjectKinds.umbrella.draw({ canvas, random, color: umbrella.color, action: undefined })
  return {
    ...drawing,
    svg: drawing.svg + place(open.svg, { x: 22, y: -58, scale: 0.96, turn: 7 }),
    height: 300,
    width: 230,
  }
}

const drawAll = (canvas: Canvas, reading: Reading): Placed[] => {
  const { subjects, umbrella } = cast(reading)
  return subjects
    .flatMap((subject) =>
      Array.from({ length: subject.count }, (_, i) => {
        const kind = subjectKinds[subject.name]
        const random = canvas.random.fork(`${subject.name}${i}`)
        const plain = kind.draw({ canvas, random, color: subject.color, action: reading.action })
        const held = subject.name === 'person' && i === 0 ? umbrella : undefined
        return {
          subject,
          drawing: held === undefined ? plain : withUmbrella(canvas, plain, held),
          size: kind.size,
        }
      }),
    )
    .slice(0, 8)
}

/** A pool of light behind the subject, so that it stands out from a dark scene. */
const aura = (canvas: Canvas, stage: Stage, any: boolean): string => {
  if (!any || canvas.look.flat || !canvas.palette.night) return ''
  const { glow } = canvas.palette
  const fill = canvas.defs.radial([
    [0, glow, 0.34],
    [0.5, glow, 0.13],
    [1, glow, 0],
  ])
  const r = stage.size * 1.05
  return plane('still', 1) + circle(canvas.width / 2, stage.ground - stage.size * 0.42, r, { fill })
}

/** Lays ground and table subjects in a row; sizes shrink until the row fits the picture. */
const standing = (canvas: Canvas, stage: Stage, list: Placed[]): string => {
  if (list.length === 0) return ''
  const { random, width } = canvas
  const crowd = list.length === 1 ? 1 : list.length === 2 ? 0.9 : 0.84
  const lift = Math.max(1, 0.92 / Math.max(...list.map(({ size }) => size)))
  const tall = (item: Placed): number =>
    stage.size * crowd * (list.length === 1 ? Math.max(0.82, Math.min(1.25, item.size)) : item.size * lift)
  const wide = (item: Placed): number => (tall(item) / item.drawing.height) * item.drawing.width
  const gap = stage.size * 0.07
  const row = list.reduce((sum, item) => sum + wide(item) + gap, -gap)
  const fit = Math.min(1, (width * 0.9) / row)
  const drift = list.length === 1 ? random.between(-0.09, 0.09) * Math.max(0, width - row) : 0
  let x = width / 2 - (row * fit) / 2 + drift
  const spots = list.map((item, i) => {
    const w = wide(item) * fit
    const spot = {
      item,
      x: x + w / 2,
      y: stage.ground + (list.length > 2 ? (i % 2 === 0 ? 14 : -24) : 0),
      scale: (tall(item) * fit) / item.drawing.height,
    }
    x += w + gap * fit
    return spot
  })
  return spots
    .sort((a, b) => a.y - b.y)
    .map(
      (spot) =>
        plane(living.has(spot.item.subject.name) ? 'breathe' : 'still', 1) +
        groundShadow(canvas, spot.x, spot.y, spot.item.drawing.width * spot.scale) +
        place(spot.item.drawing.svg, {
          x: spot.x,
          y: spot.y,
          scale: spot.scale,
          flip: list.length > 1 ? spot.x > width / 2 : random.chance(0.5),
        }),
    )
    .join('')
}

/** Scatters things that fly or float: the first is big, the others further away. */
const floating = (canvas: Canvas, list: Placed[], center: number, size: number, alone: boolean): string => {
  const { random, width, height } = canvas
  return list
    .map((item, i) => {
      const share = i === 0 ? (alone ? (list.length === 1 ? 1.12 : 0.86) : 0.62) : random.between(0.34, 0.62)
      const scale = Math.min(
        (size * share * Math.max(0.4, item.size)) / item.drawing.height,
        (width * 0.86) / item.drawing.width,
      )
      const spread =
        list.length === 1
          ? alone
            ? random.between(-0.1, 0.1)
            : random.pick([-0.26, 0.26])
          : i === 0
            ? random.between(-0.2, -0.05)
            : (i % 2 === 0 ? -1 : 1) * random.between(0.2, 0.38)
      const reach = item.drawing.height * scale
      const y = Math.max(reach + 34, center + reach / 2 + (i === 0 ? 0 : random.between(-0.2, 0.16) * height))
      const svg = place(item.drawing.svg, {
        x: width * (0.5 + spread),
        y,
        scale,
        turn: random.between(-4, 4),
      })
      const motion = item.subject.name === 'butterfly' ? 'flutter' : 'bob'
      return { svg: plane(motion, 0.9 + i / 100) + svg, reach }
    })
    .sort((a, b) => a.reach - b.reach)
    .map(({ svg }) => svg)
    .join('')
}

const waterborne = (canvas: Canvas, stage: Stage, list: Placed[], below: boolean): string => {
  if (below) return floating(canvas, list, canvas.height * 0.52, stage.size * 1.15, true)
  const { random, width, palette } = canvas
  return list
    .map((item, i) => {
      const scale = (stage.size * (i === 0 ? 1 : random.between(0.4, 0.7)) * item.size) / item.drawing.height
      const x = width * (list.length === 1 ? random.between(0.4, 0.6) : (i + 0.6) / (list.length + 0.2))
      const y = stage.water + (i === 0 ? 12 : -random.between(10, 60))
      const mirror = `<g opacity="0.22">${place(item.drawing.svg, { x, y: y + 2, scale, squash: -0.55 })}</g>`
      const ripple = rect(
        x - item.drawing.width * scale * 0.6,
        y - 2,
        item.drawing.width * scale * 1.2,
        5,
        { fill: palette.water[1], alpha: 0.7 },
        3,
      )
      return plane('float', 1) + mirror + place(item.drawing.svg, { x, y, scale }) + ripple
    })
    .join('')
}

const visitors = (canvas: Canvas, reading: Reading, stage: Stage): string => {
  const { random, width } = canvas
  const wanted =
    reading.action === 'play' || (reading.places.includes('garden') && reading.season !== 'winter')
  if (
    !wanted ||
    canvas.palette.night ||
    reading.style === 'ink' ||
    reading.subjects.some(({ name }) => name === 'butterfly')
  )
    return ''
  let svg = ''
  for (let i = 0; i < random.int(2, 3); i += 1) {
    const side = i % 2 === 0 ? 1 : -1
    svg += plane('flutter', 1.15 + i / 100)
    svg += place(butterfly(canvas, canvas.tone(random.pick(canvas.palette.accents))), {
      x: width / 2 + side * random.between(0.29, 0.42) * Math.min(width, 1300),
      y: stage.ground - stage.size * random.between(0.55, 1.05),
      scale: random.between(0.4, 0.62),
      turn: random.between(-40, 40),
    })
  }
  return svg
}

/** The whole picture as SVG body text (definitions are in `canvas.defs`). */
export const composeScene = (canvas: Canvas, reading: Reading): string => {
  const where = choosePlace(reading, canvas.random.fork('place'))
  const stage = where(canvas, reading)
  const all = drawAll(canvas, reading)
  const of = (...habitats: string[]): Placed[] =>
    all.filter(({ subject }) => habitats.includes(subjectKinds[subject.name].habitat))
  const below = where === underwater
  const water = where === sea || where === lake || below
  const onGround = water ? of('ground', 'table') : of('ground', 'table', 'water')
  const afloat = water ? of('water') : []
  const aloft = of('air')
  return (
    stage.back +
    aura(canvas, stage, onGround.length > 0) +
    floating(canvas, aloft, stage.air, stage.size, onGround.length === 0 && afloat.length === 0) +
    waterborne(canvas, stage, afloat, below) +
    standing(canvas, stage, onGround) +
    visitors(canvas, reading, stage) +
    stage.front +
    drawWeather(canvas, reading)
  )
}
