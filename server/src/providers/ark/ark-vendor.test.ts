import { arkWire, no } from '../../../test/providers/ark-wire.ts'
import { createLoopbackOutbound } from '../../../test/providers/loopback-outbound.ts'
import { CHAT_WORDS } from '../../../test/providers/openai-wire.ts'
import { type Answer, aPicture, startVendorStandIn } from '../../../test/providers/vendor-stand-in.ts'
import { testVendor, type VendorBench, type VendorWords } from '../../../test/providers/vendor-suite.ts'
import type { ImageJob, TextJob, VideoJob } from '../../kernel/ports/provider.ts'
import { isObject } from '../shared/json.ts'
import { createArk } from './ark.ts'

const PICTURE: ImageJob = {
  kind: 'image',
  model: 'doubao-seedream-4-5-251128',
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
  model: 'doubao-seedance-2-0-260128',
  prompt: '海浪',
  width: 1280,
  height: 720,
  seconds: 5,
  fps: 24,
  seed: 7,
}
const TEXT: TextJob = {
  kind: 'text',
  model: 'doubao-seed-1-6-251015',
  system: '你是诗人。',
  messages: [{ role: 'user', text: '写一首诗' }],
  maxTokens: 100,
  temperature: 0.7,
}

const changed =
  (changes: object) =>
  ({ json }: Answer): Answer => ({ json: { ...(isObject(json) && json), ...changes } })
const COMMON = {
  throttled: no(429, 'RateLimitExceeded.EndpointRPMExceeded', 'Too many requests'),
  crashed: no(500, 'InternalServiceError', 'The service encountered an internal error'),
}
const SENSITIVE = { code: 'OutputVideoSensitiveContentDetected', message: 'no' }
const PICTURE_WORDS: VendorWords = {
  ...COMMON,
  content: { at: 'submit', does: no(400, 'InputTextSensitiveContentDetected', 'no') },
  withoutOutputs: { at: 'submit', does: { json: { created: 1, data: [] } } },
  notAFile: { at: 'submit', does: { json: { created: 1, data: [{ b64_json: 'aGVsbG8=' }] } } },
  usage: { outputTokens: 16_384, pictures: 1 },
}
const CLIP_WORDS: VendorWords = {
  ...COMMON,
  content: { at: 'poll', does: changed({ status: 'failed', error: SENSITIVE }) },
  withoutOutputs: { at: 'poll', does: { json: { id: 'cgt-1', status: 'succeeded', content: {} } } },
  unknownStatus: changed({ status: 'dreaming' }),
  usage: { outputTokens: 108_900, seconds: 5 },
}

async function setUp(more: object, isAll: boolean): Promise<VendorBench> {
  const standIn = await startVendorStandIn(arkWire())
  const source = { bytes: await aPicture(64, 64), mediaType: 'image/png' }
  const asked = [{ role: 'user' as const, text: '这是什么？', pictures: [source] }]
  const pictures = [PICTURE, { ...PICTURE, kind: 'image_edit' as const, source }]
  return {
    provider: createArk(createLoopbackOutbound()),
    standIn,
    connection: (options = {}) => ({
      url: standIn.url,
      secret: standIn.key ?? '',
      headers: {},
      options: { ...more, ...options },
    }),
    jobs: isAll
      ? [...pictures, CLIP, { ...CLIP, source }, TEXT, { ...TEXT, kind: 'vision', messages: asked }]
      : pictures,
    words: ({ kind }) => {
      if (kind === 'text' || kind === 'vision') return CHAT_WORDS
      return kind === 'video' ? CLIP_WORDS : PICTURE_WORDS
    },
  }
}

testVendor('ark', () => setUp({}, true))
testVendor('ark when it answers with addresses', () => setUp({ response_format: 'url' }, false))
