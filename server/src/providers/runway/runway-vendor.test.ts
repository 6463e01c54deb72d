import { createLoopbackOutbound } from '../../../test/providers/loopback-outbound.ts'
import { no, runwayWire } from '../../../test/providers/runway-wire.ts'
import { type Answer, aPicture, startVendorStandIn } from '../../../test/providers/vendor-stand-in.ts'
import { testVendor, type VendorWords } from '../../../test/providers/vendor-suite.ts'
import type { ImageJob, VideoJob } from '../../kernel/ports/provider.ts'
import { isObject } from '../shared/json.ts'
import { createRunway } from './runway.ts'

const CLIP: VideoJob = {
  kind: 'video',
  model: 'gen4.5',
  prompt: 'waves',
  width: 1280,
  height: 720,
  seconds: 5,
  fps: 24,
  seed: 7,
}
const PICTURE: ImageJob = {
  kind: 'image',
  model: 'gen4_image',
  prompt: 'a small cat',
  width: 1280,
  height: 720,
  count: 1,
  seed: 7,
  guidance: 7,
  watermark: false,
}
const changed =
  (changes: object) =>
  ({ json }: Answer): Answer => ({ json: { ...(isObject(json) && json), ...changes } })
const WORDS: VendorWords = {
  throttled: no(429, 'You have reached your daily limit.'),
  crashed: no(500, 'Internal server error'),
  content: {
    at: 'poll',
    does: changed({
      status: 'FAILED',
      failure: 'no',
      failureCode: 'SAFETY.INPUT.TEXT',
      cost: { credits: 0 },
    }),
  },
  withoutOutputs: { at: 'poll', does: changed({ status: 'SUCCEEDED', output: [], cost: { credits: 60 } }) },
  unknownStatus: changed({ status: 'DREAMING' }),
}

testVendor('runway', async () => {
  const standIn = await startVendorStandIn(runwayWire())
  const source = { bytes: await aPicture(64, 64), mediaType: 'image/png' }
  return {
    provider: createRunway(createLoopbackOutbound()),
    standIn,
    connection: (options = {}) => ({ url: standIn.url, secret: standIn.key ?? '', headers: {}, options }),
    jobs: [CLIP, { ...CLIP, source }, PICTURE, { ...PICTURE, kind: 'image_edit', source }],
    words: ({ kind }) => ({ ...WORDS, usage: kind === 'video' ? { seconds: 5 } : { pictures: 1 } }),
  }
})
