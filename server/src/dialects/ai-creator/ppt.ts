import { Type } from 'typebox'
import { route } from '../../http/dialect.ts'
import { runTask } from '../../kernel/generation/wait.ts'
import { toNumber } from '../../kernel/money.ts'
import { done } from './envelope.ts'
import { bindKey, ModelId, readModel } from './generation.ts'

const GenerateDeck = Type.Object({
  topic: Type.String({ minLength: 1, maxLength: 500 }),
  outline: Type.Optional(
    Type.Union([Type.Array(Type.String({ maxLength: 500 }), { maxItems: 30 }), Type.Null()]),
  ),
  model_id: ModelId,
})

/** 6.1 生成PPT: `POST /ppt/generate`; held until the file is there. Its address ends after a day; the creation has new ones. */
const generate = route({
  method: 'POST',
  path: '/ppt/generate',
  allow: 'user',
  rate: 'generate',
  body: GenerateDeck,
  run: (context, actor, { body, idempotencyKey, origin }) => {
    const topic = body.topic.trim()
    const outline = (body.outline ?? []).map((item) => item.trim()).filter((item) => item !== '')
    return runTask(context, actor, {
      kind: 'deck',
      model: readModel(body.model_id),
      input: { topic, outline },
      parameters: { topic, outline },
      idempotencyKey: bindKey('ppt/generate', idempotencyKey, body),
      origin,
    })
  },
  reply: (task, view) => {
    const [file] = task.files
    return done(
      {
        ppt_id: Number(task.workId),
        download_url: file ? view.fileUrl(file.storeKey) : null,
        credits_used: toNumber(task.charged),
        task_id: task.handle,
      },
      '生成成功',
    )
  },
})

export const pptRoutes = [generate]
