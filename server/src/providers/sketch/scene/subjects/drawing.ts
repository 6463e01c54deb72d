/** What a drawn subject is: its SVG in its own small world, standing on y = 0 around x = 0. */
import type { Hex } from '../../color.ts'
import type { Random } from '../../random.ts'
import type { ActionName } from '../../vocabulary.ts'
import type { Canvas } from '../canvas.ts'

export type Drawing = {
  svg: string
  /** Size in its own units; `height` is how far it rises above y = 0. */
  width: number
  height: number
}

/** Where a subject belongs; the scene decides how big and where exactly. */
export type Habitat = 'ground' | 'air' | 'water' | 'table'

export type Request = {
  canvas: Canvas
  random: Random
  color: Hex | undefined
  action: ActionName | undefined
}

export type Draw = (request: Request) => Drawing
