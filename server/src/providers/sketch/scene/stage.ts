/** What a place gives the picture: what lies behind the subjects, what before them, and where they stand. */
import type { Reading } from '../read-prompt.ts'
import type { Canvas } from './canvas.ts'

export type Stage = {
  back: string
  front: string
  /** Where feet stand, boats float and things hang, as y in units. */
  ground: number
  water: number
  air: number
  /** The height of a lone cat-sized subject in units. */
  size: number
}

export type Place = (canvas: Canvas, reading: Reading) => Stage
