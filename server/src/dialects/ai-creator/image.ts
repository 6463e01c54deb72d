import { Type } from 'typebox'
import { route } from '../../http/dialect.ts'
import { refusal } from '../../kernel/errors.ts'
import { runTask } from '../../kernel/generation/wait.ts'
import { toNumber } from '../../kernel/money.ts'
import { done } from './envelope.ts'
import { bindKey, ModelId, readModel } from './generation.ts'

const GenerateImage = Type.Object({
  prompt: Type.String({ minLength: 1, maxLength: 8_000 }),
  size: Type.Optional(Type.Union([Type.String({ maxLength: 20 }), Type.Null()])),
  model_id: ModelId,
  negative_prompt: Type.Optional(Type.Union([Type.String({ maxLength: 2_000 }), Type.Null()])),
})

const LARGEST_SEED = 2_147_483_647
const GUIDANCE = 2.5

/** 4.1 文本生成图片: `POST /image/generate`; held until the picture is there. */
const generate = route({
  method: 'POST',
  path: '/image/generate',
  allow: 'user',
  rate: 'generate',
  body: GenerateImage,
  run: async (context, actor, { body, idempotencyKey, origin }) => {
    const { width, height } = parseSize(body.size || '1024x1024')
    const seed = context.ids.integer(1, LARGEST_SEED)
    const { prompt, negative_prompt: negative } = body
    const input = { prompt, width, height, count: 1, seed, guidance: GUIDANCE, watermark: false }
    return runTask(context, actor, {
      kind: 'image',
      model: readModel(body.model_id),
      input: { ...input, ...(negative ? { negativePrompt: negative } : {}) },
      parameters: { prompt, size: `${width}x${height}`, ...(negative ? { negative_prompt: negative } : {}) },
      idempotencyKey: bindKey('image/generate', idempotencyKey, body),
      origin,
    })
  },
  reply: (task, view) => {
    const images = task.files.map(({ storeKey }) => view.fileUrl(storeKey))
    return done(
      {
        image_url: images[0] ?? null,
        credits_used: toNumber(task.charged),
        creation_id: Number(task.workId),
        task_id: task.handle,
        status: 'completed',
        images,
        progress: 100,
      },
      '生成成功',
    )
  },
})

function parseSize(text: string): { width: number; height: number } {
  const match = /^(\d{1,5})[x×*](\d{1,5})$/i.exec(text.trim())
  if (!match) throw refusal('input_invalid', { field: 'size', problem: 'format' })
  return { width: Number(match[1]), height: Number(match[2]) }
}

export const imageRoutes = [generate]
