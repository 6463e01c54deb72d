import sharp from 'sharp'
import type { ImageJob } from '../../src/kernel/ports/provider.ts'
import { createSketch } from '../../src/providers/sketch/sketch.ts'
import { testProvider } from './provider-suite.ts'

const PICTURE: ImageJob = {
  kind: 'image',
  model: 'sketch-1',
  prompt: '一只可爱的小猫',
  width: 128,
  height: 96,
  count: 2,
  seed: 7,
  guidance: 7,
  watermark: false,
}

testProvider('sketch', async () => {
  const bytes = await sharp({ create: { width: 96, height: 64, channels: 3, background: '#d97757' } })
    .png()
    .toBuffer()
  return {
    provider: createSketch(),
    connection: null,
    jobs: [
      PICTURE,
      { ...PICTURE, kind: 'image_edit', source: { bytes, mediaType: 'image/png' }, strength: 0.5 },
      {
        kind: 'video',
        model: 'sketch-1',
        prompt: '海边的灯塔',
        width: 128,
        height: 128,
        seconds: 1,
        fps: 8,
        seed: 7,
      },
      {
        kind: 'vision',
        model: 'sketch-1',
        purpose: 'picture-to-sales-clip-prompts',
        system: '',
        messages: [{ role: 'user', text: '描述这张图片', pictures: [{ bytes, mediaType: 'image/png' }] }],
        maxTokens: 1_000,
        temperature: 0.5,
      },
      {
        kind: 'text',
        model: 'sketch-1',
        purpose: 'wechat_article',
        system: '',
        messages: [{ role: 'user', text: '写一篇公众号文章' }],
        values: { topic: '如何提高工作效率', keywords: '时间管理、效率工具', supplement: '' },
        maxTokens: 4_000,
        temperature: 0.5,
      },
    ],
    refused: [{ job: { ...PICTURE, width: 1 }, kind: 'rejected' }],
    unreachable: null,
    holdNext: null,
    calls: null,
    close: async () => {},
  }
})
