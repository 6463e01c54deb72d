import type { Outbound } from '../../kernel/ports/outbound.ts'
import { type Provider, ProviderError } from '../../kernel/ports/provider.ts'
import { problemWith } from './options.ts'
import { makePictures } from './pictures.ts'

/** Calls under way in one process. */
const CONCURRENCY = 16

/**
 * Stability's Stable Image: pictures, and pictures from pictures. What `connection.options` means is in this folder's
 * README.
 */
export function createStability(outbound: Outbound): Provider {
  return {
    name: 'stability',
    kinds: ['image', 'image_edit'],
    defaultModels: { image: 'core', image_edit: 'sd3.5-large' },
    repeatable: false,
    concurrency: CONCURRENCY,
    // 150 in 10 seconds, and then none for a minute.
    limits: { startsPerMinute: 900 },
    account: {
      keyVariable: 'STABILITY_API_KEY',
      addressVariable: 'STABILITY_BASE_URL',
      address: 'https://api.stability.ai',
      serves: ['stability'],
    },
    problemWith,
    start: async (job, options) => {
      if (job.kind === 'image' || job.kind === 'image_edit') return makePictures(outbound, job, options)
      throw new ProviderError('rejected', `stability makes no ${job.kind}`)
    },
  }
}
