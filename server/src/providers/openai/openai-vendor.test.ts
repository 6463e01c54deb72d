import { createLoopbackOutbound } from '../../../test/providers/loopback-outbound.ts'
import { CHAT_WORDS, openAiWire, refusal } from '../../../test/providers/openai-wire.ts'
import { testProvider } from '../../../test/providers/provider-suite.ts'
import { aPicture, startVendorStandIn } from '../../../test/providers/vendor-stand-in.ts'
import { testVendor, type VendorBench, type VendorWords } from '../../../test/providers/vendor-suite.ts'
import type { ImageJob, TextJob, VideoJob } from '../../kernel/ports/provider.ts'
import { createOpenAiCompatible } from './openai.ts'

const PICTURE: ImageJob = {
  kind: 'image',
  model: 'gpt-image-1.5',
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
  model: 'gpt-x',
  system: '你是诗人。',
  messages: [{ role: 'user', text: '写一首诗' }],
  maxTokens: 100,
  temperature: 0.7,
}
const CLIP: VideoJob = {
  kind: 'video',
  model: 'sora-2',
  prompt: '海边的灯塔',
  width: 1280,
  height: 720,
  seconds: 5,
  fps: 24,
  seed: 7,
}
const CLIP_WORDS: VendorWords = {
  throttled: CHAT_WORDS.throttled,
  crashed: CHAT_WORDS.crashed,
  content: {
    at: 'poll',
    does: { json: { status: 'failed', ...refusal('no', { code: 'moderation_blocked' }) } },
  },
  withoutOutputs: { at: 'submit', does: { json: { object: 'video', status: 'queued' } } },
  unknownStatus: ({ json }) => ({ json: { ...(json as object), status: 'thinking_about_it' } }),
  usage: { seconds: 4 },
}
const PICTURE_WORDS: VendorWords = {
  throttled: CHAT_WORDS.throttled,
  crashed: CHAT_WORDS.crashed,
  content: { at: 'submit', does: { status: 400, json: refusal('no', { code: 'moderation_blocked' }) } },
  withoutOutputs: { at: 'submit', does: { json: { created: 1, data: [] } } },
  notAFile: { at: 'submit', does: { json: { created: 1, data: [{ b64_json: 'aGVsbG8=' }] } } },
  usage: { inputTokens: 10, outputTokens: 1_056, pictures: 1 },
}

async function setUp(areFilesInside: boolean): Promise<VendorBench> {
  const standIn = await startVendorStandIn(openAiWire({ areFilesInside }))
  const source = { bytes: await aPicture(32, 24), mediaType: 'image/png' }
  const pictures = [PICTURE, { ...PICTURE, kind: 'image_edit' as const, source }]
  const asked = [{ role: 'user' as const, text: '这是什么？', pictures: [source] }]
  return {
    provider: createOpenAiCompatible(createLoopbackOutbound()),
    standIn,
    connection: (options = {}) => ({
      url: standIn.url,
      secret: standIn.key ?? '',
      headers: {},
      options: { videos: 'on', ...options },
    }),
    jobs: areFilesInside
      ? [...pictures, TEXT, { ...TEXT, kind: 'vision', messages: asked }]
      : [...pictures, CLIP, { ...CLIP, source }],
    words: ({ kind }) => {
      if (kind === 'video') return CLIP_WORDS
      return kind === 'text' || kind === 'vision' ? CHAT_WORDS : PICTURE_WORDS
    },
  }
}

testProvider('openai', async () => {
  const { provider, standIn, connection, jobs } = await setUp(true)
  return {
    provider,
    connection: connection(),
    jobs: [...jobs, CLIP],
    refused: [
      { job: { ...PICTURE, count: 11 }, kind: 'rejected' },
      { job: { ...PICTURE, prompt: ' ' }, kind: 'rejected' },
      { job: { ...CLIP, prompt: ' ' }, kind: 'rejected' },
      { job: { ...TEXT, messages: [], system: '' }, kind: 'rejected' },
    ],
    unreachable: { ...connection(), url: 'http://127.0.0.1:1/v1' },
    holdNext: () => standIn.next.submit.push({ does: 'silence' }),
    calls: () => standIn.seen.length,
    close: standIn.close,
  }
})

testVendor('openai', () => setUp(true))
testVendor('a gateway of the openai wire that answers with addresses', () => setUp(false))
