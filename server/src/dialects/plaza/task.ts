import type { View } from '../../http/dialect.ts'
import type { Task, TaskFile, TaskState } from '../../kernel/generation/task.ts'
import type { Json } from '../../kernel/ports/provider.ts'
import { FAILURE_MESSAGES } from '../shared/sibling-refusals.ts'

export type Status = 'processing' | 'completed' | 'failed'

/** The document's `status`; a task that still waits for its turn is on its way too (facts/plaza.md, 1 Generation). */
export const STATUS: Readonly<Record<TaskState, Status>> = {
  awaiting_approval: 'processing',
  queued: 'processing',
  running: 'processing',
  unknown: 'processing',
  succeeded: 'completed',
  failed: 'failed',
  canceled: 'failed',
}

/** The `result` of a task: its pictures, or its clip; null until it is completed. */
export function presentResult(task: Task, view: View) {
  if (task.state !== 'succeeded') return null
  if (task.kind === 'video') return { video: presentClip(task, view) }
  if (task.kind === 'image') return { images: presentPictures(task, view) }
  return null
}

export function presentPictures(task: Task, view: View) {
  return task.files.map((file) => ({
    url: view.fileUrl(file.storeKey),
    thumbnail: view.thumbnailUrl(file) ?? '',
    width: file.width,
    height: file.height,
  }))
}

function presentClip(task: Task, view: View) {
  const [file] = task.files
  if (!file) return null
  return {
    url: view.fileUrl(file.storeKey),
    thumbnail: view.thumbnailUrl(file) ?? '',
    duration: secondsOf(file),
    resolution: askedText(task, 'resolution') ?? `${file.width}x${file.height}`,
    fileSize: file.bytes,
  }
}

/** The length of a clip in seconds, to a tenth. */
export function secondsOf({ durationMs }: TaskFile): number | null {
  return durationMs === null ? null : Math.round(durationMs / 100) / 10
}

/** What the client asked for under a name, in its own words. */
export function asked(task: Task, name: string): Json {
  const { parameters } = task
  const isObject = typeof parameters === 'object' && parameters !== null && !Array.isArray(parameters)
  return isObject && Object.hasOwn(parameters, name) ? (parameters[name] ?? null) : null
}

export function askedText(task: Task, name: string): string | null {
  const value = asked(task, name)
  return typeof value === 'string' ? value : null
}

/** Why a task has come to nothing, in the user's language; null for any other. */
export function presentError(task: Task): string | null {
  if (task.state === 'canceled') return '任务已取消，算力已退还'
  return task.failure === null || STATUS[task.state] !== 'failed' ? null : FAILURE_MESSAGES[task.failure]
}
