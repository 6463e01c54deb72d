import { Type } from 'typebox'
import type { TaskState } from '../../kernel/generation/task.ts'
import type { IdempotencyKey } from '../../kernel/idempotency.ts'
import { bindIdempotencyKey } from '../../kernel/idempotency.ts'

// What the four kinds of generation share.

/** `model_id`: the number of a model; absent or null for the default of the kind, an unknown one is 404. */
export const ModelId = Type.Optional(Type.Union([Type.Integer(), Type.Null()]))

export function readModel(id: number | null | undefined): bigint | null {
  return id == null ? null : BigInt(id)
}

export function bindKey(scope: string, key: string | null, body: unknown): IdempotencyKey | null {
  return key === null ? null : bindIdempotencyKey(scope, key, body)
}

export type Status = 'processing' | 'completed' | 'failed'

/** The document's `status`; a task that still waits for its turn is on its way too (5.1). */
export const STATUS: Readonly<Record<TaskState, Status>> = {
  awaiting_approval: 'processing',
  queued: 'processing',
  running: 'processing',
  unknown: 'processing',
  succeeded: 'completed',
  failed: 'failed',
  canceled: 'failed',
}
