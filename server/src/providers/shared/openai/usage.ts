import { isObject } from '../json.ts'

/**
 * The tokens that an answer says it took, under the names that chat gives them (`prompt_tokens`) or that pictures do
 * (`input_tokens`); null where one of the two is not told.
 */
export function readTokens(usage: unknown): { inputTokens: number; outputTokens: number } | null {
  if (!isObject(usage)) return null
  const inputTokens = usage.prompt_tokens ?? usage.input_tokens
  const outputTokens = usage.completion_tokens ?? usage.output_tokens
  return isCount(inputTokens) && isCount(outputTokens) ? { inputTokens, outputTokens } : null
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}
