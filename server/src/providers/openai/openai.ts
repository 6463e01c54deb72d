import type { Outbound } from '../../kernel/ports/outbound.ts'
import { type Provider, ProviderError } from '../../kernel/ports/provider.ts'
import { writeChat } from '../shared/openai/chat.ts'
import { checkWaiting } from '../shared/wire.ts'
import { readDeployment } from './call.ts'
import { chatOptions } from './chat-options.ts'
import { makePictures } from './images.ts'
import { problemWith } from './options.ts'
import { cancelClip, checkClip, readClip, startClip } from './videos.ts'

/** Calls under way in one process; vendors throttle far earlier than this machine tires. */
const CONCURRENCY = 16

/**
 * Any deployment that speaks OpenAI's wire: chat, vision, pictures, pictures from pictures and, at some gateways,
 * clips, by base address and key. What `connection.options` means is in this folder's README.
 */
export function createOpenAiCompatible(outbound: Outbound): Provider {
  return {
    name: 'openai',
    kinds: ['text', 'vision', 'image', 'image_edit', 'video'],
    defaultModels: {
      text: 'gpt-5-mini',
      vision: 'gpt-5-mini',
      image: 'gpt-image-1.5',
      image_edit: 'gpt-image-1.5',
    },
    account: {
      keyVariable: 'OPENAI_API_KEY',
      addressVariable: 'OPENAI_BASE_URL',
      address: 'https://api.openai.com/v1',
      serves: ['openai', 'gpt', 'dalle'],
    },
    repeatable: false,
    concurrency: CONCURRENCY,
    problemWith,
    start: async (job, options) => {
      switch (job.kind) {
        case 'image':
        case 'image_edit':
          return makePictures(outbound, job, options)
        case 'video':
          return startClip(outbound, job, options)
        default:
          throw new ProviderError('rejected', `openai makes no ${job.kind}`)
      }
    },
    write: async function* (job, options) {
      checkWaiting('openai', options)
      const to = readDeployment(options.connection)
      yield* writeChat(outbound, to, chatOptions(to.options, job.model), job, options)
    },
    check: (operation, options) => checkClip(outbound, operation, options),
    cancel: (operation, connection) => cancelClip(outbound, operation, connection),
    remoteId: (operation) => readClip(operation)?.id ?? null,
  }
}
