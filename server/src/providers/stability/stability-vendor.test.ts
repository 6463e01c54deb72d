import { createLoopbackOutbound } from '../../../test/providers/loopback-outbound.ts'
import { no, stabilityWire } from '../../../test/providers/stability-wire.ts'
import { aPicture, startVendorStandIn } from '../../../test/providers/vendor-stand-in.ts'
import { testVendor, type VendorWords } from '../../../test/providers/vendor-suite.ts'
import type { ImageJob } from '../../kernel/ports/provider.ts'
import { createStability } from './stability.ts'

const PICTURE: ImageJob = {
  kind: 'image',
  model: 'core',
  prompt: 'a small cat',
  width: 640,
  height: 480,
  count: 1,
  seed: 7,
  guidance: 7,
  watermark: false,
}
const common = {
  throttled: no(429, 'rate_limit_exceeded', 'You have exceeded the rate limit.'),
  crashed: no(500, 'internal_error', 'An unexpected server error has occurred.'),
  usage: { pictures: 1 },
}
const JSON_WORDS: VendorWords = {
  ...common,
  content: {
    at: 'submit',
    does: { json: { image: 'x', finish_reason: 'CONTENT_FILTERED' } },
    isAccepted: true,
  },
  withoutOutputs: { at: 'submit', does: { json: { finish_reason: 'SUCCESS', seed: 1 } } },
  notAFile: { at: 'submit', does: { json: { image: 'aGVsbG8=', finish_reason: 'SUCCESS' } } },
}
const png = { 'content-type': 'image/png' }
const IMAGE_WORDS: VendorWords = {
  ...common,
  content: { at: 'submit', does: no(403, 'content_moderation', 'Your request was flagged.') },
  withoutOutputs: { at: 'submit', does: { headers: png, body: '' } },
  notAFile: { at: 'submit', does: { headers: png, body: 'hello' } },
}

for (const [accept, words] of [
  ['json', JSON_WORDS],
  ['image', IMAGE_WORDS],
] as const) {
  testVendor(`stability that answers with ${accept}`, async () => {
    const standIn = await startVendorStandIn(stabilityWire)
    const source = { bytes: await aPicture(64, 64), mediaType: 'image/png' }
    const edit = { ...PICTURE, kind: 'image_edit' as const, source }
    return {
      provider: createStability(createLoopbackOutbound()),
      standIn,
      connection: (options = {}) => ({
        url: standIn.url,
        secret: standIn.key ?? '',
        headers: {},
        options: { accept, ...options },
      }),
      jobs: [PICTURE, { ...edit, model: 'sd3.5-large' }, { ...edit, model: 'ultra' }],
      words: () => words,
    }
  })
}
