import type { Outbound } from '../../kernel/ports/outbound.ts'
import { type Provider, ProviderError } from '../../kernel/ports/provider.ts'
import { problemWith } from './options.ts'
import { ASK_EVERY_MS, cancelTasks, checkTasks, remoteId, startClip, startPictures } from './tasks.ts'

/** Calls under way in one process; what Runway has too much of it queues itself (THROTTLED). */
const CONCURRENCY = 16

/**
 * Runway: clips from words and from a first picture, and pictures. What `connection.options` means is in this folder's
 * README.
 */
export function createRunway(outbound: Outbound): Provider {
  return {
    name: 'runway',
    kinds: ['video', 'image', 'image_edit'],
    defaultModels: { video: 'gen4.5', image: 'gen4_image', image_edit: 'gen4_image' },
    repeatable: false,
    concurrency: CONCURRENCY,
    limits: { askEveryMs: ASK_EVERY_MS },
    account: {
      keyVariable: 'RUNWAYML_API_SECRET',
      addressVariable: 'RUNWAYML_BASE_URL',
      address: 'https://api.dev.runwayml.com',
      serves: ['runway'],
    },
    problemWith,
    start: async (job, options) => {
      if (job.kind === 'video') return startClip(outbound, job, options)
      if (job.kind === 'image' || job.kind === 'image_edit') return startPictures(outbound, job, options)
      throw new ProviderError('rejected', `runway makes no ${job.kind}`)
    },
    check: (operation, options) => checkTasks(outbound, operation, options),
    cancel: (operation, connection) => cancelTasks(outbound, operation, connection),
    remoteId,
  }
}
