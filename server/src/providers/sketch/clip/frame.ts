/** Puts one frame of a clip together. */
import type { Motion } from '../scene/plane.ts'
import { lay } from './lay.ts'
import { cameraAt, poseOf } from './motion.ts'
import { drawParticles, isParticles } from './particles.ts'
import { type Layer, makeLayer } from './planes.ts'
import type { LayerMessage, Shot } from './shot.ts'

type Cloud = { motion: Motion; depth: number; luma?: undefined }

export type Film = {
  add: (message: LayerMessage) => void
  /** Draws frame `index` into `data`: Y, U and V planes, 1.5 bytes a pixel. */
  draw: (data: Uint8Array, index: number) => void
}

export const createFilm = (shot: Shot): Film => {
  const parts: (Layer | Cloud)[] = []
  let below: Uint8Array | undefined
  return {
    add: (message) => {
      const { motion, depth, picture } = message
      if (picture === undefined) {
        parts.push({ motion, depth })
        return
      }
      const made = makeLayer({ ...message, picture }, below, shot.layer)
      below = picture
      if (made !== undefined) parts.push(made)
    },
    draw: (data, index) => {
      below = undefined
      const camera = cameraAt(shot, index / Math.max(1, shot.frames - 1))
      const t = index / shot.fps
      for (const [order, part] of parts.entries()) {
        if (part.luma !== undefined)
          lay(data, shot.width, shot.height, part, poseOf(shot, part, order, camera, t))
        else if (isParticles(part.motion)) drawParticles(data, shot, camera, part.motion, part.depth, t)
      }
    },
  }
}
