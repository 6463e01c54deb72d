import type { View } from '../../http/dialect.ts'
import type { Task, TaskState } from '../../kernel/generation/task.ts'

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
  return {
    images: task.files.map(({ storeKey, width, height }) => ({ url: view.fileUrl(storeKey), width, height })),
  }
}
