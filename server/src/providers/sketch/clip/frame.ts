/** Puts one frame of a clip together. */
import type { Motion } from '../scene/plane.ts'
import { hiddenBy, lay, type Pose } from './lay.ts'
import { cameraAt, poseOf } from './motion.ts'
import { drawParticles, isParticles } from './particles.ts'
import { type Layer, makeLayer } from './planes.ts'
import type { LayerMessage, Shot } from './shot.ts'

type Cloud = { motion: Motion; depth: number; luma?: undefined }

/** For every part the row from which later parts cover it. */
const hiddenRows = (shot: Shot, parts: (Layer | Cloud)[], poses: (Pose | undefined)[]): number[] => {
  const rows: number[] = []
  let row = shot.height
  for (let order = parts.length - 1; order >= 0; order -= 1) {
    rows[order] = row
    const [part, pose] = [parts[order], poses[order]]
    if (part?.luma !== undefined && pose !== undefined) row = Math.min(row, Math.max(0, hiddenBy(part, pose)))
  }
  return rows
}

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
      const made = makeLayer({ ...message, picture }, below, { ...shot.layer, shines: shot.shines })
      below = picture
      if (made !== undefined) parts.push(made)
    },
    draw: (data, index) => {
      below = undefined
      const camera = cameraAt(shot, index / Math.max(1, shot.frames - 1))
      const t = index / shot.fps
      const poses = parts.map((part, order) =>
        part.luma === undefined ? undefined : poseOf(shot, part, order, camera, t),
      )
      const hidden = hiddenRows(shot, parts, poses)
      for (const [order, part] of parts.entries()) {
        const pose = poses[order]
        if (part.luma !== undefined && pose !== undefined)
          lay(
            data,
            { width: shot.width, height: shot.height, hidden: hidden[order] ?? shot.height },
            part,
            pose,
          )
        else if (isParticles(part.motion)) drawParticles(data, shot, camera, part.motion, part.depth, t)
      }
    },
  }
}
