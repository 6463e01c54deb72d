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
    // More than 150 in 10 seconds shut a key out for a minute. Starts are counted by the minute, so that a burst of all of
    // them keeps the rule too; an operator whose starts come evenly may set six times as many.
    limits: { startsPerMinute: 150 },
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
