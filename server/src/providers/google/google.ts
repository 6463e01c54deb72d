import type { Outbound } from '../../kernel/ports/outbound.ts'
import { type Provider, ProviderError } from '../../kernel/ports/provider.ts'
import { ASK_EVERY_MS, checkClip, remoteId, startClip } from './clips.ts'
import { problemWith } from './options.ts'
import { makePictures } from './pictures.ts'
import { writeText } from './text.ts'

/** Calls under way in one process; Google throttles far earlier than this machine tires. */
const CONCURRENCY = 16

/**
 * Google's Gemini API: text and vision, pictures and pictures from pictures by Gemini itself, clips by Veo. What
 * `connection.options` means is in this folder's README.
 */
export function createGoogle(outbound: Outbound): Provider {
  return {
    name: 'google',
    kinds: ['text', 'vision', 'image', 'image_edit', 'video'],
    defaultModels: {
      text: 'gemini-3.8-flash',
      vision: 'gemini-3.8-flash',
      image: 'gemini-3.1-flash-image',
      image_edit: 'gemini-3.1-flash-image',
      video: 'veo-3.1-fast-generate-preview',
    },
    repeatable: false,
    concurrency: CONCURRENCY,
    limits: { askEveryMs: ASK_EVERY_MS },
    account: {
      keyVariable: 'GEMINI_API_KEY',
      addressVariable: 'GEMINI_BASE_URL',
      address: 'https://generativelanguage.googleapis.com/v1beta',
      serves: ['veo', 'google', 'gemini'],
    },
    problemWith,
    start: async (job, options) => {
      if (job.kind === 'video') return startClip(outbound, job, options)
      if (job.kind === 'image' || job.kind === 'image_edit') return makePictures(outbound, job, options)
      throw new ProviderError('rejected', `google makes no ${job.kind}`)
    },
    write: (job, options) => writeText(outbound, job, options),
    check: (operation, options) => checkClip(outbound, operation, options),
    remoteId,
  }
}
