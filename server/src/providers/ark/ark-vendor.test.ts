import { arkWire, no } from '../../../test/providers/ark-wire.ts'
import { createLoopbackOutbound } from '../../../test/providers/loopback-outbound.ts'
import { CHAT_WORDS } from '../../../test/providers/openai-wire.ts'
import { type Answer, aPicture, startVendorStandIn } from '../../../test/providers/vendor-stand-in.ts'
import { testVendor, type VendorWords } from '../../../test/providers/vendor-suite.ts'
import type { ImageJob, TextJob, VideoJob } from '../../kernel/ports/provider.ts'
import { isObject } from '../shared/json.ts'
import { createArk } from './ark.ts'

const TEXT: TextJob = {
  kind: 'text',
  model: 'doubao-seed-1-6-250615',
  system: '',
  messages: [{ role: 'user', text: '写一首诗' }],
  maxTokens: 100,
  temperature: 0.7,
}
const PICTURE: ImageJob = {
  kind: 'image',
  model: 'doubao-seedream-4-5-251128',
  prompt: '一只猫',
  width: 1_280,
  height: 720,
  count: 1,
  seed: 7,
  guidance: 7,
  watermark: false,
}
const CLIP: VideoJob = {
  kind: 'video',
  model: 'doubao-seedance-2-0-260128',
  prompt: '海浪',
  width: 1_280,
  height: 720,
  seconds: 5,
  fps: 24,
  seed: 7,
}

const changed =
  (changes: object) =>
  ({ json }: Answer): Answer => ({ json: { ...(isObject(json) && json), ...changes } })
const common = {
  throttled: no(429, 'RateLimitExceeded.EndpointRPMExceeded', 'The requests per minute limit is exceeded.'),
  crashed: no(500, 'InternalServiceError', 'The service encountered an unexpected internal error.'),
  content: {
    at: 'submit',
    does: no(400, 'InputTextSensitiveContentDetected', 'The input text may contain sensitive information.'),
  },
} as const
const PICTURE_WORDS: VendorWords = {
  ...common,
  withoutOutputs: { at: 'submit', does: changed({ data: [] }) },
  notAFile: { at: 'submit', does: changed({ data: [{ b64_json: 'bm8gcGljdHVyZQ==' }] }) },
  usage: { pictures: 1, outputTokens: 16_384 },
}
const CLIP_WORDS: VendorWords = {
  ...common,
  content: {
    at: 'poll',
    does: changed({
      status: 'failed',
      error: { code: 'OutputVideoSensitiveContentDetected', message: 'no' },
    }),
  },
  withoutOutputs: { at: 'poll', does: changed({ status: 'succeeded', content: {} }) },
  unknownStatus: changed({ status: 'dreaming' }),
  usage: { seconds: 5, outputTokens: 108_900 },
}

for (const responseFormat of ['b64_json', 'url']) {
  testVendor(`ark (${responseFormat})`, async () => {
    const standIn = await startVendorStandIn(arkWire())
    const source = { bytes: await aPicture(32, 24), mediaType: 'image/png' }
    const { notAFile: _inside, ...outside } = PICTURE_WORDS
    const pictureWords = responseFormat === 'url' ? outside : PICTURE_WORDS
    const asked = [{ role: 'user' as const, text: '这是什么？', pictures: [source] }]
    const pictures: ImageJob[] = [PICTURE, { ...PICTURE, kind: 'image_edit', source }]
    return {
      provider: createArk(createLoopbackOutbound()),
      standIn,
      connection: (options = {}) => ({
        url: standIn.url,
        secret: standIn.key ?? '',
        headers: {},
        options: { response_format: responseFormat, ...options },
      }),
      jobs:
        responseFormat === 'url'
          ? pictures
          : [...pictures, TEXT, { ...TEXT, kind: 'vision', messages: asked }, CLIP, { ...CLIP, source }],
      words: ({ kind }) => {
        if (kind === 'video') return CLIP_WORDS
        return kind === 'text' || kind === 'vision' ? CHAT_WORDS : pictureWords
      },
    }
  })
}
