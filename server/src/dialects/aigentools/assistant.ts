import { Type } from 'typebox'
import type { Route } from '../../http/dialect.ts'
import { route } from '../../http/dialect.ts'
import type { Failure } from '../../kernel/errors.ts'
import { refusal } from '../../kernel/errors.ts'
import { analyzePicture } from '../../kernel/tools/analyze-picture.ts'
import { done, refuse } from './envelope.ts'
import { describeIssue } from './faults.ts'

const Analyze = Type.Object({
  imageUrl: Type.String({ minLength: 1 }),
  template: Type.String({ minLength: 1 }),
})

/** 模板说明: the document's names of what the kernel can write about a picture. */
const TEMPLATES: Readonly<Record<string, string>> = {
  nsfw: 'picture-to-glamour-prompts',
  ecommerce: 'picture-to-sales-clip-prompts',
}

/** HTTP status and sentence; never the vendor's own, and the body always says the same status (B23). */
const FAILURES: Readonly<Record<Failure, readonly [status: number, message: string]>> = {
  content: [400, 'This picture was refused by content moderation, please use another one'],
  rejected: [400, 'The model cannot work with this picture, please use another one'],
  unavailable: [502, 'The analysis service is not available at the moment, please try again later'],
  deadline: [502, 'The analysis took too long and was given up, please try again'],
  unknown: [502, 'The analysis service gave no whole answer, please try again'],
}

/** 6.1 分析图片生成提示词: `POST /ai-assistant/analyze`; free, and limited by account. */
const analyze = route({
  method: 'POST',
  path: '/ai-assistant/analyze',
  allow: 'user',
  rate: 'generate',
  body: Analyze,
  refusals: {
    input_invalid: ({ field, problem }) => {
      if (field === 'template') return refuse(400, 'Invalid template')
      if (field !== 'address') return refuse(400, describeIssue({ field, problem }))
      return refuse(
        400,
        problem === 'too_large'
          ? 'The picture at imageUrl is too large'
          : 'imageUrl must lead to a PNG, JPEG, WebP or GIF picture that can be fetched',
      )
    },
    analysis_failed: ({ reason }) => refuse(...FAILURES[reason]),
  },
  run: (context, actor, { body }) => {
    const template = Object.hasOwn(TEMPLATES, body.template) ? TEMPLATES[body.template] : undefined
    if (template === undefined) throw refusal('input_invalid', { field: 'template', problem: 'format' })
    return analyzePicture(context, actor, { address: body.imageUrl.trim(), template })
  },
  reply: ({ text }) => done('Success', { result: text }),
})

export const assistantRoutes: readonly Route[] = [analyze]
