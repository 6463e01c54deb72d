/**
 * Marks between the parts of a scene, so that a clip can move each part by itself. They are comments in the
 * SVG text: a still picture is drawn as if they were not there.
 */

/** How a part of a scene moves in a clip. */
export type Motion =
  | 'still'
  /** Stars and windows: each spot grows brighter and dimmer by itself. */
  | 'twinkle'
  /** Light on water: twinkles and slides. */
  | 'glint'
  | 'drift'
  | 'flock'
  | 'aurora'
  /** Beams of light that come and go. */
  | 'rays'
  | 'swell'
  /** Grass and weed, rooted at the bottom. */
  | 'sway'
  | 'breathe'
  /** Hanging in the air. */
  | 'bob'
  /** Afloat on water. */
  | 'float'
  | 'flutter'
  /** Silk: the whole part waves (abstract pictures). */
  | 'flow'
  /** Light that crosses the picture once. */
  | 'sweep'
  /** Belongs to the screen and not to the scene: a frame, a vignette. */
  | 'fixed'
  /** Not moved but replaced by particles. */
  | Particles

/** What is drawn anew in every frame of a clip. */
export type Particles =
  | 'snow'
  | 'rain'
  | 'petals'
  | 'leaves'
  | 'fireflies'
  | 'bubbles'
  | 'fireworks'
  | 'motes'

/** One part of a scene. `depth` is 0 at the horizon, 1 where the subjects stand, more in front of them. */
export type Plane = { motion: Motion; depth: number; svg: string }

/** What follows lies at this depth and moves this way. */
export const plane = (motion: Motion, depth: number): string => `<!--${motion} ${depth}-->`

const mark = /<!--([a-z]+) ([0-9.]+)-->/

/** The drawing without marks, for a scene inside a scene. */
export const withoutPlanes = (svg: string): string => svg.replaceAll(new RegExp(mark, 'g'), '')

/** Cuts a drawing at its marks, from back to front; neighbours that move alike stay together. */
export const splitPlanes = (body: string, first: Motion): Plane[] => {
  const [head = '', ...rest] = body.split(new RegExp(mark, 'g'))
  const planes: Plane[] = [{ motion: first, depth: 0, svg: head }]
  for (let i = 0; i < rest.length; i += 3) {
    const [motion, depth, svg = ''] = [rest[i] as Motion, Number(rest[i + 1]), rest[i + 2]]
    const last = planes.at(-1)
    if (svg === '') continue
    if (last !== undefined && last.motion === motion && last.depth === depth) last.svg += svg
    else planes.push({ motion, depth, svg })
  }
  return planes.filter(({ svg }) => svg !== '')
}
