import { refusal } from '../errors.ts'
import type { TaskInput } from '../generation/task-input.ts'
import type { Preset } from '../preset.ts'
import type { ToolInput, ToolValues, WritingTool } from './writing-tool.ts'
import { COMMON_INPUTS } from './writing-tool.ts'

const MOST_TITLE_CHARACTERS = 200

/** A tool that the site offers. @throws tool_not_found */
export function findWritingTool(preset: Pick<Preset, 'writingTools'>, name: string): WritingTool {
  const tool = preset.writingTools?.find((one) => one.name === name)
  if (!tool) throw refusal('tool_not_found', { tool: name })
  return tool
}

/** All that a tool takes, in the order a form shows it. */
export function inputsOf(tool: WritingTool): readonly ToolInput[] {
  return [...tool.inputs, ...COMMON_INPUTS]
}

/**
 * What a text task is made from: the tool's inputs as filled in, trimmed, with its defaults for what is missing. What
 * the tool does not take is left out.
 *
 * @throws tool_not_found; input_invalid, naming the input
 */
export function toTextInput(
  preset: Pick<Preset, 'writingTools'>,
  name: string,
  given: ToolValues,
): Extract<TaskInput, { kind: 'text' }> {
  const tool = findWritingTool(preset, name)
  const values: Record<string, string> = {}
  for (const input of inputsOf(tool)) {
    const value =
      (Object.hasOwn(given, input.name) ? given[input.name] : undefined)?.trim() || (input.default ?? '')
    if (value === '' && input.required)
      throw refusal('input_invalid', { field: input.name, problem: 'missing' })
    if (value.length > input.maxLength)
      throw refusal('input_invalid', { field: input.name, problem: 'too_long' })
    values[input.name] = value
  }
  const title = toTitle(values[tool.subject] ?? '')
  return { kind: 'text', input: { tool: tool.name, toolVersion: tool.version, title, values } }
}

/** The first line of what somebody wrote, short enough to name a work; never cut through a character. */
export function toTitle(text: string): string {
  const line = text.trim().split(/[\r\n]/, 1)[0] ?? ''
  return line.slice(0, MOST_TITLE_CHARACTERS).replace(/[\uD800-\uDBFF]$/, '')
}
