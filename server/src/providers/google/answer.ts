import type { TextPart, Usage } from '../../kernel/ports/provider.ts'
import { isObject, textOf } from '../shared/json.ts'

/** What one answer of `generateContent`, or one event of its stream, says. */
export type Answer = {
  /** Words, in order; the model's thoughts are left out. */
  texts: readonly string[]
  /** Pictures as base64. */
  pictures: readonly string[]
  /** Empty while it goes on. */
  finishReason: string
  /** Why the prompt itself was refused; empty when it was not. */
  blockReason: string
  usage: { inputTokens: number; outputTokens: number } | null
}

/** Ends that Google's filters make, of texts and of pictures (`@google/genai`, FinishReason). */
const CONTENT_REASONS: ReadonlySet<string> = new Set([
  'SAFETY',
  'RECITATION',
  'BLOCKLIST',
  'PROHIBITED_CONTENT',
  'SPII',
  'IMAGE_SAFETY',
  'IMAGE_PROHIBITED_CONTENT',
  'IMAGE_RECITATION',
  'NO_IMAGE',
])

/** Reads what is known of an answer; null for what is none. */
export function readAnswer(body: unknown): Answer | null {
  if (!isObject(body)) return null
  const candidate: unknown = Array.isArray(body.candidates) ? body.candidates[0] : null
  const feedback = isObject(body.promptFeedback) ? body.promptFeedback : {}
  const isKnown =
    isObject(candidate) || body.usageMetadata !== undefined || textOf(feedback.blockReason) !== ''
  if (!isKnown) return null
  const content = isObject(candidate) && isObject(candidate.content) ? candidate.content : {}
  const parts = (Array.isArray(content.parts) ? content.parts : []).filter(isObject)
  const said = parts.filter((part) => part.thought !== true)
  return {
    texts: said.map(({ text }) => (typeof text === 'string' ? text : '')).filter(Boolean),
    pictures: said.map(pictureOf).filter(Boolean),
    finishReason: isObject(candidate) ? textOf(candidate.finishReason) : '',
    blockReason: textOf(feedback.blockReason),
    usage: readUsage(body.usageMetadata),
  }
}

/** Whether filters, and not the model, made the end. */
export function isContentReason(reason: string): boolean {
  return CONTENT_REASONS.has(reason)
}

export function reasonOf(finishReason: string): Extract<TextPart, { type: 'end' }>['reason'] {
  if (isContentReason(finishReason)) return 'content'
  // Anything else than STOP cut the text short.
  return finishReason === 'STOP' ? 'stop' : 'length'
}

function pictureOf({ inlineData }: Record<string, unknown>): string {
  return isObject(inlineData) && typeof inlineData.data === 'string' ? inlineData.data : ''
}

/** Thoughts are written and paid for like words. */
function readUsage(given: unknown): Required<Pick<Usage, 'inputTokens' | 'outputTokens'>> | null {
  if (!isObject(given) || !isCount(given.promptTokenCount)) return null
  const count = (value: unknown): number => (isCount(value) ? value : 0)
  return {
    inputTokens: given.promptTokenCount + count(given.toolUsePromptTokenCount),
    outputTokens: count(given.candidatesTokenCount) + count(given.thoughtsTokenCount),
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}
