import type { Credits } from '../money.ts'
import { credits } from '../money.ts'
import type { Usage } from '../ports/provider.ts'
import { countTokens, createTokenCounter } from './count-tokens.ts'
import type { Metered } from './explanation.ts'
import { explainCharge } from './explanation.ts'
import { isSpent } from './price-rule.ts'

/** What is charged for a task, and why. */
export type Settlement = ReturnType<typeof explainCharge>

/**
 * Counts a text while it is written. Its vendor's word goes before ours, at the end; until then, and where there is none,
 * what has come is counted here.
 */
export type Meter = {
  /** Counts a piece. */
  take: (text: string) => void
  /** Whether what has come is worth all that the hold was for: then the text ends here, whatever the vendor has left. */
  isSpent: () => boolean
  /** What it costs to end it now. */
  settle: (usage?: Usage | null) => Settlement
}

/**
 * A meter at nothing, of a text that these messages ask for.
 * @param held what is really held: nothing, where the task is free, which ends no text any sooner.
 */
export function createMeter(metered: Metered, messages: readonly string[], held: Credits): Meter {
  const inputTokens = countTokens(messages)
  const output = createTokenCounter()
  const budget = credits(BigInt(metered.hold))
  const counted = () => ({ unit: 'tokens' as const, inputTokens, outputTokens: output.tokens() })
  return {
    take: output.add,
    isSpent: () => isSpent(metered.rule, counted(), budget),
    settle: (usage) => {
      const reported = readTokens(usage, output.tokens() > 0)
      return reported
        ? explainCharge(metered, { unit: 'tokens', ...reported }, 'vendor', held)
        : explainCharge(metered, counted(), 'us', held)
    },
  }
}

/** Some say nothing, and some say nothing was written when it was. */
function readTokens(
  usage: Usage | null | undefined,
  hasText: boolean,
): { inputTokens: number; outputTokens: number } | null {
  const { inputTokens, outputTokens } = usage ?? {}
  if (!isCount(inputTokens) || !isCount(outputTokens) || (hasText && outputTokens === 0)) return null
  return { inputTokens, outputTokens }
}

export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}
