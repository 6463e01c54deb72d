import type { Static } from 'typebox'
import { Type } from 'typebox'
import { route } from '../../http/dialect.ts'
import type { Context } from '../../kernel/context.ts'
import { KernelError, refusal } from '../../kernel/errors.ts'
import type { TaskInput } from '../../kernel/generation/task-input.ts'
import { runTask } from '../../kernel/generation/wait.ts'
import { toNumber } from '../../kernel/money.ts'
import { listWritingTools } from '../../kernel/tools/list-tools.ts'
import { findWritingTool, inputsOf, toTextInput } from '../../kernel/tools/text-input.ts'
import { done } from './envelope.ts'
import { bindKey, ModelId, readModel } from './generation.ts'

const Words = Type.Union([Type.String({ maxLength: 20_000 }), Type.Number(), Type.Null()])

const GenerateText = Type.Object({
  title: Type.Optional(Type.Union([Type.String({ maxLength: 20_000 }), Type.Null()])),
  keywords: Type.Optional(
    Type.Union([
      Type.Array(Type.String({ maxLength: 500 }), { maxItems: 50 }),
      Type.String({ maxLength: 500 }),
      Type.Null(),
    ]),
  ),
  requirements: Type.Optional(Type.Union([Type.String({ maxLength: 20_000 }), Type.Null()])),
  model_id: ModelId,
  // The tool's own inputs, as `GET /writing/tools` lists them; the document's three fields go before them.
  parameters: Type.Optional(
    Type.Union([
      Type.Record(Type.String(), Type.Union([Words, Type.Array(Words, { maxItems: 50 })])),
      Type.Null(),
    ]),
  ),
})

type GenerateBody = Static<typeof GenerateText>

/** 3.1 生成内容: `POST /writing/{tool_type}/generate`; held until the text is there. */
const generate = route({
  method: 'POST',
  path: '/writing/:tool_type/generate',
  allow: 'user',
  rate: 'generate',
  body: GenerateText,
  run: (context, actor, { params, body, idempotencyKey, origin }) => {
    const name = params.tool_type ?? ''
    return runTask(context, actor, {
      ...readText(context, name, body),
      model: readModel(body.model_id),
      parameters: {
        ...(body.parameters ?? {}),
        title: body.title ?? null,
        keywords: body.keywords ?? null,
        requirements: body.requirements ?? null,
      },
      // One key may serve one text of each tool.
      idempotencyKey: bindKey(`writing/${name}`, idempotencyKey, body),
      origin,
    })
  },
  reply: (task) =>
    done(
      {
        creation_id: Number(task.workId),
        content: task.text ?? '',
        credits_used: toNumber(task.charged),
        title: task.title,
        task_id: task.handle,
      },
      '生成成功',
    ),
})

/** Of the document's `title`, `keywords` and `requirements` what the tool takes. */
function readText(context: Context, name: string, body: GenerateBody): Extract<TaskInput, { kind: 'text' }> {
  const tool = findWritingTool(context.preset, name)
  const values: Record<string, string> = {}
  for (const { name: input } of inputsOf(tool)) {
    const value = body.parameters && Object.hasOwn(body.parameters, input) ? body.parameters[input] : null
    if (value != null) values[input] = join(value)
  }
  const sent = { [tool.subject]: body.title, keywords: body.keywords, supplement: body.requirements }
  for (const [input, value] of Object.entries(sent)) if (value != null) values[input] = join(value)
  try {
    return toTextInput(context.preset, name, values)
  } catch (error) {
    throw inTheDocumentsWords(error, tool.subject)
  }
}

const join = (value: string | number | null | readonly (string | number | null)[]): string =>
  Array.isArray(value) ? value.filter((one) => one != null && one !== '').join('、') : String(value)

/** What is wrong with an input, under the name that the client gave it. */
function inTheDocumentsWords(error: unknown, subject: string): unknown {
  if (!(error instanceof KernelError) || !('problem' in error.details) || !('field' in error.details))
    return error
  const { field, problem } = error.details
  const names: Readonly<Record<string, string>> = { [subject]: 'title', supplement: 'requirements' }
  return refusal('input_invalid', { field: names[field] ?? field, problem })
}

/** 3.2 获取写作工具列表: `GET /writing/tools`. */
const tools = route({
  method: 'GET',
  path: '/writing/tools',
  allow: 'public',
  rate: 'read',
  run: async (context) => listWritingTools(context),
  reply: (listed) =>
    done(
      listed.map(({ tool, cost }) => ({
        type: tool.name,
        name: tool.title,
        description: tool.description,
        credits_cost: toNumber(cost),
        inputs: inputsOf(tool).map((input) => ({
          name: input.name,
          label: input.label,
          required: input.required,
          default: input.default ?? null,
          max_length: input.maxLength,
        })),
      })),
    ),
})

export const writingRoutes = [generate, tools]
