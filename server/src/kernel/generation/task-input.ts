import type { CustomJob, ImageJob, VideoJob } from '../ports/provider.ts'
import type { ToolValues } from '../tools/writing-tool.ts'

export type TaskKind = 'image' | 'video' | 'custom' | 'text' | 'deck'

/** What a model is for: tasks, or looking at a picture while somebody waits. */
export type ModelKind = TaskKind | 'vision'

type JobOnly = 'kind' | 'model' | 'source'

/**
 * `source` is the store key of the picture a task starts from. `style` is how it is to look, in the user's words; whoever
 * runs the task is told so at the end of the prompt, which itself stays as the user wrote it.
 */
type Extras = { source?: string; style?: string }

/** What a picture task is made from; stored with the task and given to whichever provider runs it. */
export type ImageInput = Omit<ImageJob, JobOnly> & Extras

/** What a clip task is made from. */
export type VideoInput = Omit<VideoJob, JobOnly> & Extras

/** What a call of an operator's own is made from: its parameters, checked against the model's declaration. */
export type CustomInput = Omit<CustomJob, JobOnly>

/** What a text is written from: a tool of the site's, and what was filled in (kernel/tools/text-input.ts). */
export type TextInput = {
  tool: string
  /** Of the tool, when it was asked for. */
  toolVersion: number
  /** What the work is called until its owner changes that. */
  title: string
  values: ToolValues
}

/** What a deck is made from. `outline` names what it is to go through, in order; empty leaves that to the model. */
export type DeckInput = { topic: string; outline: readonly string[] }

export type TaskInput =
  | { kind: 'image'; input: ImageInput }
  | { kind: 'video'; input: VideoInput }
  | { kind: 'custom'; input: CustomInput }
  | { kind: 'text'; input: TextInput }
  | { kind: 'deck'; input: DeckInput }

/** How many outputs a task has: what its price is multiplied by. */
export function outputsOf(what: TaskInput): number {
  return what.kind === 'image' ? what.input.count : 1
}

/** The store key of the picture a task starts from, if it has one. */
export function sourceOf(what: TaskInput): string | undefined {
  return what.kind === 'image' || what.kind === 'video' ? what.input.source : undefined
}

/** The subject of the price that a task has before its kind's, where there is one (`Catalog.quote`). */
export function narrowerPriceOf(what: TaskInput): string | undefined {
  if (what.kind === 'text') return `tool:${what.input.tool}`
  return sourceOf(what) === undefined ? undefined : `kind:${what.kind}:source`
}
