import type { Outbound } from '../../kernel/ports/outbound.ts'
import { type Provider, ProviderError } from '../../kernel/ports/provider.ts'
import { writeChat } from '../shared/openai/chat.ts'
import { checkWaiting } from '../shared/wire.ts'
import { readDeployment } from './call.ts'
import { cancelClip, checkClip, remoteId, startClip } from './clips.ts'
import { problemWith } from './options.ts'
import { makePictures } from './pictures.ts'

/** Calls under way in one process; Ark throttles by the endpoint's own figures. */
const CONCURRENCY = 16

/**
 * Volcengine Ark: Doubao's texts and eyes, Seedream's pictures, Seedance's clips. What `connection.options` means is in
 * this folder's README.
 */
export function createArk(outbound: Outbound): Provider {
  return {
    name: 'ark',
    kinds: ['text', 'vision', 'image', 'image_edit', 'video'],
    defaultModels: {
      text: 'doubao-seed-1-6-250615',
      vision: 'doubao-seed-1-6-250615',
      image: 'doubao-seedream-4-5-251128',
      image_edit: 'doubao-seedream-4-5-251128',
      video: 'doubao-seedance-2-0-260128',
    },
    repeatable: false,
    concurrency: CONCURRENCY,
    limits: { askEveryMs: 5_000 },
    account: {
      keyVariable: 'ARK_API_KEY',
      addressVariable: 'ARK_BASE_URL',
      address: 'https://ark.cn-beijing.volces.com/api/v3',
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
      yield* writeChat(outbound, to, to.options, job, options)
    },
    check: (operation, options) => checkClip(outbound, operation, options),
    cancel: (operation, connection) => cancelClip(outbound, operation, connection),
    remoteId,
  }
}
