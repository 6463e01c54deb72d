/** Chooses the camera's path: what the prompt asks for, or else one of a few calm ones by seed. */
import type { Random } from '../random.ts'
import type { Move } from './shot.ts'

type MoveName = 'push' | 'pull' | 'left' | 'right' | 'rise' | 'sink'

const moves: Record<MoveName, Move> = {
  push: { from: { x: -0.25, y: 0.15, zoom: 0 }, to: { x: 0.25, y: -0.1, zoom: 1 } },
  pull: { from: { x: 0.25, y: -0.1, zoom: 1 }, to: { x: -0.25, y: 0.15, zoom: 0 } },
  left: { from: { x: -1, y: 0, zoom: 0.25 }, to: { x: 1, y: 0, zoom: 0.55 } },
  right: { from: { x: 1, y: 0, zoom: 0.25 }, to: { x: -1, y: 0, zoom: 0.55 } },
  rise: { from: { x: 0.1, y: -0.8, zoom: 0.35 }, to: { x: -0.1, y: 0.8, zoom: 0.5 } },
  sink: { from: { x: -0.1, y: 0.8, zoom: 0.5 }, to: { x: 0.1, y: -0.8, zoom: 0.35 } },
}

const words: readonly [MoveName, RegExp][] = [
  ['pull', /拉远|拉开|后退|zoom(?:s|ing)? out|pull(?:s|ing)? back/i],
  ['push', /推近|推进|拉近|特写|zoom(?:s|ing)? in|push(?:es|ing)? in|close-up/i],
  ['left', /(?:向左|左移|左摇)|pan(?:s|ning)? left|moves? left/i],
  ['right', /(?:向右|右移|右摇)|pan(?:s|ning)? right|moves? right/i],
  ['rise', /上升|升起|上摇|航拍|tilt(?:s|ing)? up|crane up|rising|aerial/i],
  ['sink', /下降|下摇|tilt(?:s|ing)? down|descend/i],
]

export const chooseMove = (prompt: string, random: Random): Move => {
  const text = prompt.slice(0, 2000)
  const asked = words.find(([, pattern]) => pattern.test(text))
  const usual = random.pick(['push', 'push', 'left', 'right', 'pull'] as const)
  return moves[asked?.[0] ?? usual]
}
