import type { Outbound } from '../../kernel/ports/outbound.ts'
import { type Provider, ProviderError } from '../../kernel/ports/provider.ts'
import { problemWith } from './options.ts'
import { LOADED_CHECKPOINT, makePictures } from './pictures.ts'

/** Calls under way in one process, over all servers; each server works on one job after the other. */
const CONCURRENCY = 4

/**
 * A server of AUTOMATIC1111's Stable Diffusion web UI at the operator's own place. What `connection.options` means is
 * in this folder's README.
 */
export function createAutomatic1111(outbound: Outbound): Provider {
  return {
    name: 'automatic1111',
    kinds: ['image', 'image_edit'],
    defaultModels: { image: LOADED_CHECKPOINT, image_edit: LOADED_CHECKPOINT },
    account: {
      keyVariable: null,
      addressVariable: 'AUTOMATIC1111_BASE_URL',
      address: null,
      serves: ['automatic1111'],
    },
    // Its progress and its interruption are of whatever it works on, so that must be ours.
    limits: { jobs: 1 },
    repeatable: true,
    concurrency: CONCURRENCY,
    problemWith,
    start: async (job, options) => {
      if (job.kind !== 'image' && job.kind !== 'image_edit') {
        throw new ProviderError('rejected', `automatic1111 makes no ${job.kind}`)
      }
      return makePictures(outbound, job, options)
    },
  }
}
