import type { Outbound } from '../../kernel/ports/outbound.ts'
import { type Provider, ProviderError } from '../../kernel/ports/provider.ts'
import { writeChat } from '../shared/openai/chat.ts'
import { checkWaiting } from '../shared/wire.ts'
import { chatOf, readDeployment } from './call.ts'
import { problemWith } from './options.ts'
import { makePictures } from './pictures.ts'
import { cancelTasks, checkTasks, remoteId, startClip } from './tasks.ts'

/** Calls under way in one process; synchronous pictures take minutes each. */
const CONCURRENCY = 16
/** Qwen takes temperatures below 2 only. */
const MOST_TEMPERATURE = 1.99

/**
 * Alibaba's DashScope: Qwen writes and reads pictures, wan and qwen-image make pictures and pictures from pictures, wan
 * makes clips. What `connection.options` means is in this folder's README.
 */
export function createDashScope(outbound: Outbound): Provider {
  return {
    name: 'dashscope',
    kinds: ['text', 'vision', 'image', 'image_edit', 'video'],
    defaultModels: {
      text: 'qwen-plus',
      vision: 'qwen3-vl-plus',
      image: 'wan2.6-t2i',
      image_edit: 'qwen-image-edit-plus',
      video: 'wan2.6-t2v',
    },
    repeatable: false,
    concurrency: CONCURRENCY,
    limits: { asksPerSecond: 20 },
    account: {
      keyVariable: 'DASHSCOPE_API_KEY',
      addressVariable: 'DASHSCOPE_BASE_URL',
      address: 'https://dashscope.aliyuncs.com',
      serves: ['qwen', 'wan', 'alibaba', 'dashscope'],
    },
    problemWith,
    start: async (job, options) => {
      if (job.kind === 'video') return startClip(outbound, job, options)
      if (job.kind === 'image' || job.kind === 'image_edit') return makePictures(outbound, job, options)
      throw new ProviderError('rejected', `dashscope makes no ${job.kind}`)
    },
    write: async function* (job, options) {
      checkWaiting('dashscope', options)
      const to = readDeployment(options.connection)
      const temperature = Math.min(job.temperature, MOST_TEMPERATURE)
      yield* writeChat(outbound, chatOf(to), to.options.chat, { ...job, temperature }, options)
    },
    check: (operation, options) => checkTasks(outbound, operation, options),
    cancel: (operation, connection) => cancelTasks(outbound, operation, connection),
    remoteId,
  }
}
