import type { ImageJob, VideoJob } from '../ports/provider.ts'

export type TaskKind = 'image' | 'video'

/** What a picture task is made from; stored with the task and given to whichever provider runs it. */
export type ImageInput = Omit<ImageJob, 'kind' | 'model' | 'source' | 'strength'>

/** What a clip task is made from. `source` is the store key of its first picture. */
export type VideoInput = Omit<VideoJob, 'kind' | 'model' | 'source'> & { source?: string }

export type TaskInput = { kind: 'image'; input: ImageInput } | { kind: 'video'; input: VideoInput }

/** How many outputs a task has: what its price is multiplied by. */
export function outputsOf(what: TaskInput): number {
  return what.kind === 'image' ? what.input.count : 1
}
