import { type Json, ProviderError, type Step } from '../../kernel/ports/provider.ts'
import { isObject } from '../shared/json.ts'
import type { Server } from './call.ts'
import type { ComfyKind } from './options.ts'

/** A job in the server's queue. */
export type Operation = {
  /** The server's number of it. */
  id: string
  kind: ComfyKind
  /** How many outputs were asked for. */
  count: number
}

export function pendingOf(
  job: { kind: ComfyKind; count?: number },
  id: string,
  { options }: Pick<Server, 'options'>,
): Step & { state: 'pending' } {
  const operation: Operation = { id, kind: job.kind, count: job.count ?? 1 }
  return { state: 'pending', operation, checkAfterMs: options.checkEveryMs }
}

/** Reads what a task row stores. Throws `ProviderError('ambiguous')`. */
export function readOperation(operation: Json): Operation {
  if (isObject(operation)) {
    const { id, kind, count } = operation
    const isKind = kind === 'image' || kind === 'image_edit' || kind === 'video'
    if (typeof id === 'string' && isKind && typeof count === 'number') return { id, kind, count }
  }
  throw new ProviderError('ambiguous', 'comfyui: the operation names no job')
}
