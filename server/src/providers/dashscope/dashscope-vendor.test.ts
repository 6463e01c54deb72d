import { dashScopeWire, no } from '../../../test/providers/dashscope-wire.ts'
import { createLoopbackOutbound } from '../../../test/providers/loopback-outbound.ts'
import { CHAT_WORDS } from '../../../test/providers/openai-wire.ts'
import { type Answer, aPicture, startVendorStandIn } from '../../../test/providers/vendor-stand-in.ts'
import { testVendor, type VendorWords } from '../../../test/providers/vendor-suite.ts'
import type { ImageJob, TextJob, VideoJob } from '../../kernel/ports/provider.ts'
import { isObject } from '../shared/json.ts'
import { createDashScope } from './dashscope.ts'

const PICTURE: ImageJob = {
  kind: 'image',
  model: 'wan2.6-t2i',
  prompt: '一只可爱的小猫',
  width: 1024,
  height: 768,
  count: 1,
  seed: 7,
  guidance: 7,
  watermark: false,
}
const CLIP: VideoJob = {
  kind: 'video',
  model: 'wan2.6-t2v',
  prompt: '海浪',
  width: 1280,
  height: 720,
  seconds: 5,
  fps: 24,
  seed: 7,
}
const TEXT: TextJob = {
  kind: 'text',
  model: 'qwen-plus',
  system: '你是诗人。',
  messages: [{ role: 'user', text: '写一首诗' }],
  maxTokens: 100,
  temperature: 0.7,
}

const task = (output: object): Answer => ({ json: { request_id: 'r-1', output } })
const changed =
  (changes: object) =>
  ({ json }: Answer): Answer =>
    task({ ...(isObject(json) && isObject(json.output) && json.output), ...changes })

const COMMON = {
  throttled: no(429, 'Throttling.RateQuota', 'Requests rate limit exceeded'),
  crashed: no(500, 'InternalError', 'Internal server error'),
}
const REFUSED = no(400, 'DataInspectionFailed', 'Input data may contain inappropriate content.')
const AT_ONCE: VendorWords = {
  ...COMMON,
  content: { at: 'submit', does: REFUSED },
  withoutOutputs: { at: 'submit', does: { json: { output: { choices: [] }, usage: { image_count: 0 } } } },
  notAFile: {
    at: 'submit',
    does: {
      json: {
        output: { choices: [{ message: { content: [{ image: 'data:image/png;base64,aGVsbG8=' }] } }] },
      },
    },
  },
  usage: { pictures: 1 },
}
const BY_TASK: VendorWords = {
  ...COMMON,
  content: { at: 'poll', does: task({ task_status: 'FAILED', code: 'DataInspectionFailed', message: 'no' }) },
  withoutOutputs: { at: 'poll', does: task({ task_status: 'SUCCEEDED' }) },
  unknownStatus: changed({ task_status: 'DREAMING' }),
}

testVendor('dashscope', async () => {
  const standIn = await startVendorStandIn(dashScopeWire())
  const source = { bytes: await aPicture(64, 64), mediaType: 'image/png' }
  const asked = [{ role: 'user' as const, text: '这是什么？', pictures: [source] }]
  return {
    provider: createDashScope(createLoopbackOutbound()),
    standIn,
    connection: (options = {}) => ({ url: standIn.url, secret: standIn.key ?? '', headers: {}, options }),
    jobs: [
      PICTURE,
      { ...PICTURE, model: 'wan2.2-t2i-plus' },
      { ...PICTURE, kind: 'image_edit', model: 'qwen-image-edit-plus', source },
      CLIP,
      { ...CLIP, source },
      TEXT,
      { ...TEXT, kind: 'vision', messages: asked },
    ],
    words: (job) => {
      if (job.kind === 'text' || job.kind === 'vision') return CHAT_WORDS
      if (job.kind === 'video') return { ...BY_TASK, usage: { seconds: 5 } }
      return job.model.startsWith('wan2.2') ? { ...BY_TASK, usage: { pictures: 1 } } : AT_ONCE
    },
  }
})
