import type { ModelState, Quote } from '../catalog/catalog.ts'
import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { TaskInput } from '../generation/task-input.ts'
import { narrowerPriceOf, outputsOf } from '../generation/task-input.ts'
import { credits } from '../money.ts'
import { deckTemplate } from '../tools/deck/deck-template.ts'
import { findWritingTool } from '../tools/text-input.ts'
import { mostTokensOf } from './count-tokens.ts'
import type { Metered } from './explanation.ts'
import { explainHold } from './explanation.ts'
import type { Quantities } from './price-rule.ts'

/** What a task holds: `cost`, and why, where that is a matter of how much it may take. */
export type TaskQuote = Quote & { metered: Metered | null }

/** The fault of a deck's first attempt, told to the second, in more words than any has. */
const LONGEST_FAULT = 'x'.repeat(400)

/**
 * What a task is to hold now: the price of its outputs, or, where its model has a rule, the worst that it can come to.
 *
 * @throws model_not_found, tool_not_found; unavailable when the rule is for another kind of model
 */
export function quoteTask(
  context: Context,
  what: TaskInput,
  model: string | bigint | null,
  states: readonly ModelState[],
): TaskQuote {
  const quote = context.catalog.quote(what.kind, model, outputsOf(what), states, narrowerPriceOf(what))
  return withHold(context, quote, () => mostOf(context, what))
}

/** A quote with the hold for the most that can be taken, where its price is a rule. @throws unavailable */
export function withHold(context: Context, quote: Quote, most: () => Quantities | null): TaskQuote {
  const { rule, subject, version } = quote
  if (rule === null) return { ...quote, metered: null }
  const quantities = most()
  if (quantities?.unit !== rule.unit) {
    context.log.error({ subject, version }, 'the price of a model is for what it does not make')
    throw refusal('unavailable')
  }
  const metered = explainHold(subject, version, rule, quantities)
  return { ...quote, cost: credits(BigInt(metered.hold)), metered }
}

/** The most that a task can take of what is counted; null when that is nothing. */
function mostOf(context: Context, what: TaskInput): Quantities | null {
  switch (what.kind) {
    case 'text': {
      const tool = findWritingTool(context.preset, what.input.tool)
      const inputTokens = mostTokensOf([tool.system, tool.user(what.input.values)])
      return { unit: 'tokens', inputTokens, outputTokens: tool.maxTokens }
    }
    case 'deck': {
      const { topic, outline } = what.input
      const asked = deckTemplate.user({ topic, outline, fault: LONGEST_FAULT })
      const inputTokens = mostTokensOf([deckTemplate.system, asked])
      return { unit: 'tokens', inputTokens, outputTokens: deckTemplate.maxTokens }
    }
    case 'image': {
      const { width, height, count } = what.input
      return { unit: 'pictures', pixels: Array.from({ length: count }, () => width * height) }
    }
    case 'video': {
      const { width, height, seconds } = what.input
      return { unit: 'seconds', milliseconds: Math.ceil(seconds * 1_000), pixels: width * height }
    }
    case 'custom':
      return null
  }
}
