import { startHttpModelStandIn } from '../../../test/providers/http-model-stand-in.ts'
import { testProvider } from '../../../test/providers/provider-suite.ts'
import { createOutbound } from '../../files/fetch-remote.ts'
import { createHttpModel } from './http-model.ts'

testProvider('http', async () => {
  const vendor = await startHttpModelStandIn()
  const gone = await startHttpModelStandIn()
  await gone.close()
  let isHeld = false
  vendor.onStart(({ body }) => {
    if (isHeld) {
      isHeld = false
      return { hang: true }
    }
    const { prompt } = JSON.parse(body) as { prompt?: string }
    if (prompt === undefined) return { status: 422, json: { message: 'a prompt is needed' } }
    if (prompt === 'forbidden') return { status: 400, json: { message: 'refused by content policy' } }
    return { json: { task_id: prompt } }
  })
  let looks = 0
  vendor.onQuery(() => {
    looks += 1
    if (looks % 3 !== 0) return { json: { status: 'running', progress: (looks % 3) * 30 } }
    return { json: { status: 'succeeded', images: [`data:image/png;base64,${vendor.picture.base64}`] } }
  })
  const options = { body: { prompt: '{prompt}', size: '{width}x{height}', n: '{count}', image: '{image}' } }
  const connection = { url: vendor.url, secret: 'sk-suite-0123456789', headers: {}, options }
  const picture = { model: 'm', prompt: 'job', width: 64, height: 64, seed: 1 }
  const source = { bytes: vendor.picture.bytes, mediaType: 'image/png' }
  return {
    provider: createHttpModel(createOutbound({ allow: ['127.0.0.0/8'] })),
    connection,
    jobs: [
      { kind: 'custom', model: '', arguments: { prompt: 'job' } },
      { kind: 'image', ...picture, count: 1, guidance: 5, watermark: false },
      { kind: 'image_edit', ...picture, count: 1, guidance: 5, watermark: false, source, strength: 0.5 },
      { kind: 'video', ...picture, seconds: 5, fps: 24 },
    ],
    refused: [
      { job: { kind: 'custom', model: '', arguments: {} }, kind: 'rejected' },
      { job: { kind: 'custom', model: '', arguments: { prompt: 'forbidden' } }, kind: 'content' },
    ],
    unreachable: { ...connection, url: gone.url },
    holdNext: () => {
      isHeld = true
    },
    calls: () => vendor.starts.length + vendor.queries.length,
    close: vendor.close,
  }
})
