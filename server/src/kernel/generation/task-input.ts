import type { CustomJob, ImageJob, VideoJob } from '../ports/provider.ts'

export type TaskKind = 'image' | 'video' | 'custom'

/** What a model is for: tasks, or text that is written while somebody waits. */
export type ModelKind = TaskKind | 'text' | 'vision'

type JobOnly = 'kind' | 'model' | 'source'

/**
 * What a picture task is made from; stored with the task and given to whichever provider runs it. `source` is the
 * store key of the picture it starts from.
 */
export type ImageInput = Omit<ImageJob, JobOnly> & { source?: string }

/** What a clip task is made from. `source` is the store key of its first picture. */
export type VideoInput = Omit<VideoJob, JobOnly> & { source?: string }

/** What a call of an operator's own is made from: its parameters, checked against the model's declaration. */
export type CustomInput = Omit<CustomJob, JobOnly>

export type TaskInput =
  | { kind: 'image'; input: ImageInput }
  | { kind: 'video'; input: VideoInput }
  | { kind: 'custom'; input: CustomInput }

/** How many outputs a task has: what its price is multiplied by. */
export function outputsOf(what: TaskInput): number {
  return what.kind === 'image' ? what.input.count : 1
}

/** The store key of the picture a task starts from, if it has one. */
export function sourceOf(what: TaskInput): string | undefined {
  return what.kind === 'custom' ? undefined : what.input.source
}
