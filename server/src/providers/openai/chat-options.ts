import type { ChatOptions } from '../shared/openai/chat.ts'
import type { OpenAiOptions } from './options.ts'

/** Models that think before they write: they refuse a temperature, and count their thoughts as what they write. */
const THINKING = /(^|\/)(o\d|gpt-5)(?!.*chat)/

/** How one model of a deployment wants to be asked for text. */
export function chatOptions(options: OpenAiOptions, model: string): ChatOptions {
  const isThinking = THINKING.test(model)
  const { temperatureSent, reasoningEffort, extraBody } = options
  const effort = reasoningEffort === 'model' ? (isThinking ? 'low' : 'off') : reasoningEffort
  return {
    ...options,
    isTemperatureSent: temperatureSent === 'on' || (temperatureSent === 'model' && !isThinking),
    extraBody: effort === 'off' ? extraBody : { reasoning_effort: effort, ...extraBody },
  }
}
