import { googleWire, no } from '../../../test/providers/google-wire.ts'
import { createLoopbackOutbound } from '../../../test/providers/loopback-outbound.ts'
import { type Answer, aPicture, startVendorStandIn } from '../../../test/providers/vendor-stand-in.ts'
import { testVendor, type VendorWords } from '../../../test/providers/vendor-suite.ts'
import type { ImageJob, TextJob, VideoJob } from '../../kernel/ports/provider.ts'
import { isObject } from '../shared/json.ts'
import { createGoogle } from './google.ts'

const PICTURE: ImageJob = {
  kind: 'image',
  model: 'gemini-3.1-flash-image',
  prompt: '一只可爱的小猫',
  width: 640,
  height: 480,
  count: 1,
  seed: 7,
  guidance: 7,
  watermark: false,
}
const TEXT: TextJob = {
  kind: 'text',
  model: 'gemini-3.8-flash',
  system: '你是诗人。',
  messages: [{ role: 'user', text: '写一首诗' }],
  maxTokens: 100,
  temperature: 0.7,
}
const CLIP: VideoJob = {
  kind: 'video',
  model: 'veo-3.1-fast-generate-preview',
  prompt: '海浪',
  width: 1280,
  height: 720,
  seconds: 6,
  fps: 24,
  seed: 7,
}

const common = {
  throttled: no(429, 'RESOURCE_EXHAUSTED', 'You exceeded your current quota.'),
  crashed: no(500, 'INTERNAL', 'An internal error has occurred.'),
}
const candidate = (finishReason: string, parts: object[] = []): Answer => ({
  json: { candidates: [{ content: { parts }, finishReason }] },
})
const TEXT_WORDS: VendorWords = {
  ...common,
  content: { at: 'submit', does: { json: { promptFeedback: { blockReason: 'PROHIBITED_CONTENT' } } } },
  withoutOutputs: { at: 'submit', does: candidate('STOP') },
  usage: { inputTokens: 12, outputTokens: 7 },
}
const PICTURE_WORDS: VendorWords = {
  ...common,
  content: { at: 'submit', does: candidate('IMAGE_SAFETY'), isAccepted: true },
  withoutOutputs: { at: 'submit', does: candidate('STOP') },
  notAFile: { at: 'submit', does: candidate('STOP', [{ inlineData: { data: 'aGVsbG8=' } }]) },
  usage: { inputTokens: 9, outputTokens: 1290, pictures: 1 },
}
const done = (response: object): Answer => ({
  json: { name: 'models/veo/operations/op', done: true, response },
})
const CLIP_WORDS: VendorWords = {
  ...common,
  content: { at: 'poll', does: done({ generateVideoResponse: { raiMediaFilteredCount: 1 } }) },
  withoutOutputs: { at: 'poll', does: done({}) },
  unknownStatus: ({ json }) => ({
    json: { ...(isObject(json) && json), done: undefined, metadata: 'dreaming' },
  }),
  usage: { seconds: 6 },
}

testVendor('google', async () => {
  const standIn = await startVendorStandIn(googleWire())
  const source = { bytes: await aPicture(32, 24), mediaType: 'image/png' }
  const asked = [{ role: 'user' as const, text: '这是什么？', pictures: [source] }]
  return {
    provider: createGoogle(createLoopbackOutbound()),
    standIn,
    connection: (options = {}) => ({ url: standIn.url, secret: standIn.key ?? '', headers: {}, options }),
    jobs: [
      PICTURE,
      { ...PICTURE, kind: 'image_edit', source },
      TEXT,
      { ...TEXT, kind: 'vision', messages: asked },
      CLIP,
      { ...CLIP, source },
    ],
    words: ({ kind }) => {
      if (kind === 'video') return CLIP_WORDS
      return kind === 'text' || kind === 'vision' ? TEXT_WORDS : PICTURE_WORDS
    },
  }
})
