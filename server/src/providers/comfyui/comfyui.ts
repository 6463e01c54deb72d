import type { Outbound } from '../../kernel/ports/outbound.ts'
import { type Provider, ProviderError } from '../../kernel/ports/provider.ts'
import { isObject, textOf } from '../shared/json.ts'
import { cancelGraph, checkGraph, findGraph } from './check.ts'
import { problemWith } from './options.ts'
import { FIRST_CHECKPOINT, startGraph } from './start.ts'

/** Starts under way in one process: each is an upload and a line in the server's queue. */
const CONCURRENCY = 8

/**
 * A ComfyUI server at the operator's own place: pictures by built-in graphs or the operator's, clips by the operator's.
 * What `connection.options` means is in this folder's README.
 */
export function createComfyUi(outbound: Outbound): Provider {
  return {
    name: 'comfyui',
    kinds: ['image', 'image_edit', 'video'],
    defaultModels: { image: FIRST_CHECKPOINT, image_edit: FIRST_CHECKPOINT },
    account: {
      keyVariable: null,
      addressVariable: 'COMFYUI_BASE_URL',
      address: null,
      serves: ['comfyui'],
    },
    // One job on the card and one that is ready: the others wait where they can be canceled by a row.
    limits: { jobs: 2, askEveryMs: 1_000 },
    // Nobody is paid, but a card is busy for minutes; and it can be asked what became of a job.
    repeatable: false,
    concurrency: CONCURRENCY,
    problemWith,
    start: async (job, options) => {
      if (job.kind === 'custom') throw new ProviderError('rejected', 'comfyui makes no custom')
      return startGraph(outbound, job, options)
    },
    check: (operation, options) => checkGraph(outbound, operation, options),
    find: async (job, options) => {
      if (job.kind === 'custom') return { state: 'not_done' }
      return findGraph(outbound, job, options)
    },
    cancel: (operation, connection) => cancelGraph(outbound, operation, connection),
    remoteId: (operation) => (isObject(operation) && textOf(operation.id)) || null,
  }
}
