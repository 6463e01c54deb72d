/** Writes about a picture from what can be measured in it, and says that this is all it does. */
import { ProviderError, type TextJob, type TextPart } from '../../../kernel/ports/provider.ts'
import { type Form, forms } from './forms.ts'
import { type Measurement, measure } from './measure.ts'
import { type Phrases, phrase } from './phrase.ts'

const HONEST = [
  '【来源】本结果由内置渲染器 sketch 测量得出，不是 AI 模型的识别结果。它能量出颜色、光线、清晰度和构图，认不出画面里的人物、物品和文字。',
  '提示词中方括号 [ ] 的部分请按原图填写或删改，其余可直接使用；站点接入视觉模型后，将由模型直接描述画面。',
]

const report = (phrases: Phrases): string =>
  ['画面测量', ...phrases.report.map((line) => `- ${line}`)].join('\n')

const variants = (form: Form, measured: Measurement, phrases: Phrases): string[] =>
  form
    .variants(measured, phrases)
    .map(({ title, positive, negative, why }, index) =>
      [
        `变体 ${index + 1} · ${title}`,
        `正向提示词：${positive.join(', ')}`,
        `反向提示词：${[...new Set(negative)].join(', ')}`,
        `说明：${why}`,
      ].join('\n'),
    )

/** Throws `ProviderError('rejected')` for a job without a picture, or with one that cannot be read. */
export async function* describe(job: TextJob, signal: AbortSignal): AsyncIterable<TextPart> {
  const picture = job.messages.at(-1)?.pictures?.[0]
  if (job.kind !== 'vision' || !picture)
    throw new ProviderError('rejected', 'sketch writes about a picture, and none came with the last message')
  signal.throwIfAborted()
  const measured = await measure(picture.bytes)
  signal.throwIfAborted()
  const phrases = phrase(measured)
  const form = job.purpose !== undefined && Object.hasOwn(forms, job.purpose) ? forms[job.purpose] : undefined
  const parts = [
    [...HONEST, ...(form?.notes ?? [])].join('\n'),
    report(phrases),
    ...(form ? variants(form, measured, phrases) : []),
  ]
  for (const [index, part] of parts.entries()) {
    signal.throwIfAborted()
    yield { type: 'text', text: index === 0 ? part : `\n\n${part}` }
  }
  yield { type: 'end', reason: 'stop', usage: null }
}
