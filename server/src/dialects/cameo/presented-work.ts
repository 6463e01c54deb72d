import type { View } from '../../http/dialect.ts'
import { refusal } from '../../kernel/errors.ts'
import type { TaskState } from '../../kernel/generation/task.ts'
import type { Work } from '../../kernel/works/work.ts'
import { FAILURE_MESSAGES } from '../shared/sibling-refusals.ts'

// What tasks and works have in common here: both are known by the number of the work, so that `/works/5` and
// `/generate/tasks/5` are the same thing (decided reading *cameo*).

export type TaskType = 'text2img' | 'img2img' | 'text2video' | 'img2video'
export type Status = 'pending' | 'processing' | 'completed' | 'failed'

/** `status` of a task; a canceled one has failed, the front-end knows no other word (facts/cameo.md, 1 Generate). */
export const STATUS: Readonly<Record<TaskState, Status>> = {
  awaiting_approval: 'pending',
  queued: 'pending',
  running: 'processing',
  unknown: 'processing',
  succeeded: 'completed',
  failed: 'failed',
  canceled: 'failed',
}

/** Which of the four ways a work is made. */
export function typeOf({ kind, madeFrom }: Work): TaskType {
  const hasSource = madeFrom?.source !== undefined
  if (kind === 'video') return hasSource ? 'img2video' : 'text2video'
  return hasSource ? 'img2img' : 'text2img'
}

/** A malformed id names nothing. @throws work_not_found */
export function readWorkId(text = ''): bigint {
  if (!/^[1-9]\d{0,17}$/.test(text)) throw refusal('work_not_found', { id: text })
  return BigInt(text)
}

/** Why it has come to nothing, in the user's language; null for any other. */
export function presentError({ state, failure }: Work): string | null {
  if (state === 'canceled') return '用户取消'
  return failure === null || STATUS[state] !== 'failed' ? null : FAILURE_MESSAGES[failure]
}

export function presentResultUrl({ files: [file] }: Work, view: View): string | null {
  return file ? view.fileUrl(file.storeKey) : null
}

/** Our own copy of the picture it starts from. */
export function presentSourceUrl({ madeFrom }: Work, view: View): string | null {
  return madeFrom?.source === undefined ? null : view.fileUrl(madeFrom.source)
}
