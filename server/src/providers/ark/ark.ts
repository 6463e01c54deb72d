import type { Outbound } from '../../kernel/ports/outbound.ts'
import { type Provider, ProviderError } from '../../kernel/ports/provider.ts'
import { writeChat } from '../shared/openai/chat.ts'
import { checkWaiting } from '../shared/wire.ts'
import { readDeployment } from './call.ts'
import { problemWith } from './options.ts'
import { makePictures } from './pictures.ts'
import { ASK_EVERY_MS, cancelTask, checkTask, remoteId, startClip } from './tasks.ts'

/** Calls under way in one process; pictures take up to minutes each. */
const CONCURRENCY = 16

/**
 * Volcengine's Ark: Doubao writes and reads pictures, Seedream makes pictures and pictures from pictures, Seedance makes
 * clips. What `connection.options` means is in this folder's README.
 */
export function createArk(outbound: Outbound): Provider {
  return {
    name: 'ark',
    kinds: ['text', 'vision', 'image', 'image_edit', 'video'],
    defaultModels: {
      text: 'doubao-seed-1-6-251015',
      vision: 'doubao-seed-1-6-251015',
      image: 'doubao-seedream-4-5-251128',
      image_edit: 'doubao-seedream-4-5-251128',
      video: 'doubao-seedance-2-0-260128',
    },
    repeatable: false,
    concurrency: CONCURRENCY,
    limits: { askEveryMs: ASK_EVERY_MS },
    account: {
      keyVariable: 'ARK_API_KEY',
      addressVariable: 'ARK_BASE_URL',
      address: 'https://ark.cn-beijing.volces.com',
      serves: ['doubao', 'seedream', 'seedance', 'ark'],
    },
    problemWith,
    start: async (job, options) => {
      if (job.kind === 'video') return startClip(outbound, job, options)
      if (job.kind === 'image' || job.kind === 'image_edit') return makePictures(outbound, job, options)
      throw new ProviderError('rejected', `ark makes no ${job.kind}`)
    },
    write: async function* (job, options) {
      checkWaiting('ark', options)
      const to = readDeployment(options.connection)
      yield* writeChat(outbound, to, to.options.chat, job, options)
    },
    check: (operation, options) => checkTask(outbound, operation, options),
    cancel: (operation, connection) => cancelTask(outbound, operation, connection),
    remoteId,
  }
}
