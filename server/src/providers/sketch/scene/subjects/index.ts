/** Every subject: how it is drawn and where it belongs. The map is total, so a new word needs a drawing. */
import type { SubjectName } from '../../vocabulary.ts'
import {
  drawBear,
  drawCrane,
  drawDeer,
  drawDog,
  drawFox,
  drawOwl,
  drawPanda,
  drawPenguin,
  drawRabbit,
} from './animals.ts'
import { drawCastle, drawHouse, drawLighthouse, drawPagoda, drawWindmill } from './buildings.ts'
import { drawCat } from './cat.ts'
import type { Draw, Habitat } from './drawing.ts'
import {
  drawBook,
  drawBouquet,
  drawCactus,
  drawCake,
  drawCar,
  drawCup,
  drawFruit,
  drawHeart,
  drawMushroom,
  drawPerson,
  drawRobot,
  drawUmbrella,
} from './things.ts'
import { drawBoat, drawFish, drawWhale } from './water-life.ts'
import { drawAstronaut, drawBalloon, drawBird, drawButterfly, drawLantern, drawRocket } from './winged.ts'

/** `size` is the usual height relative to a cat's, when several things share a picture. */
export type SubjectKind = { draw: Draw; habitat: Habitat; size: number }

export const subjectKinds: Record<SubjectName, SubjectKind> = {
  cat: { draw: drawCat, habitat: 'ground', size: 1 },
  dog: { draw: drawDog, habitat: 'ground', size: 1 },
  rabbit: { draw: drawRabbit, habitat: 'ground', size: 1.05 },
  fox: { draw: drawFox, habitat: 'ground', size: 1 },
  panda: { draw: drawPanda, habitat: 'ground', size: 1.05 },
  bear: { draw: drawBear, habitat: 'ground', size: 1.1 },
  owl: { draw: drawOwl, habitat: 'ground', size: 0.9 },
  penguin: { draw: drawPenguin, habitat: 'ground', size: 0.95 },
  deer: { draw: drawDeer, habitat: 'ground', size: 1.3 },
  crane: { draw: drawCrane, habitat: 'ground', size: 1.1 },
  bird: { draw: drawBird, habitat: 'ground', size: 0.75 },
  butterfly: { draw: drawButterfly, habitat: 'air', size: 0.45 },
  whale: { draw: drawWhale, habitat: 'water', size: 0.85 },
  fish: { draw: drawFish, habitat: 'water', size: 0.6 },
  person: { draw: drawPerson, habitat: 'ground', size: 1.15 },
  robot: { draw: drawRobot, habitat: 'ground', size: 1.15 },
  astronaut: { draw: drawAstronaut, habitat: 'air', size: 1.1 },
  rocket: { draw: drawRocket, habitat: 'air', size: 1.1 },
  balloon: { draw: drawBalloon, habitat: 'air', size: 1.05 },
  car: { draw: drawCar, habitat: 'ground', size: 0.85 },
  boat: { draw: drawBoat, habitat: 'water', size: 0.8 },
  castle: { draw: drawCastle, habitat: 'ground', size: 1.5 },
  lighthouse: { draw: drawLighthouse, habitat: 'ground', size: 1.6 },
  pagoda: { draw: drawPagoda, habitat: 'ground', size: 1.5 },
  windmill: { draw: drawWindmill, habitat: 'ground', size: 1.4 },
  house: { draw: drawHouse, habitat: 'ground', size: 1.25 },
  lantern: { draw: drawLantern, habitat: 'air', size: 0.8 },
  cup: { draw: drawCup, habitat: 'table', size: 0.8 },
  cake: { draw: drawCake, habitat: 'table', size: 0.9 },
  fruit: { draw: drawFruit, habitat: 'table', size: 0.6 },
  book: { draw: drawBook, habitat: 'table', size: 0.6 },
  umbrella: { draw: drawUmbrella, habitat: 'ground', size: 1 },
  heart: { draw: drawHeart, habitat: 'air', size: 1 },
  mushroom: { draw: drawMushroom, habitat: 'ground', size: 0.7 },
  cactus: { draw: drawCactus, habitat: 'ground', size: 1.1 },
  bouquet: { draw: drawBouquet, habitat: 'table', size: 1.05 },
}
