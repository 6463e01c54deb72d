import type { Credits } from '../money.ts'
import type { PriceRule, Quantities } from './price-rule.ts'
import { amountOf, chargeOf } from './price-rule.ts'

/**
 * Why a task costs what it costs, kept with it: from its submission on where its price is a rule, from its end on where
 * it is fixed. Amounts are integers of 1/10000 credit. SQL adds `charged` where no worker has counted: to what was
 * canceled, failed or passed its deadline.
 */
export type Explanation = {
  /** Whose price it is, and which version of it. */
  subject: string
  version: number
  /** Null for a fixed price. */
  rule: PriceRule | null
  /** The most it could take, which the hold was for. */
  most: Quantities | Outputs
  /** What that comes to, before anything is free. */
  hold: number
  /** What it really took; absent while it runs, and where nothing was delivered. */
  counted?: Quantities | Outputs
  by?: CountedBy
  /** What was paid, at most what was held: nothing, where the hold was free. Absent while it runs. */
  charged?: number
}

/** `vendor`: as it reported; `us`: what was written is estimated, what was made is measured. */
export type CountedBy = 'vendor' | 'us'

/** A fixed price is for one. */
export type Outputs = { unit: 'outputs'; outputs: number }

export type Metered = Explanation & { rule: PriceRule; most: Quantities }

/** What a task under a rule holds, and what it says until it ends. */
export function explainHold(subject: string, version: number, rule: PriceRule, most: Quantities): Metered {
  return { subject, version, rule, most, hold: Number(amountOf(rule, most)) }
}

/** What a task under a rule is charged for what was counted, of what is held for it. */
export function explainCharge(
  { subject, version, rule, most, hold }: Metered,
  counted: Quantities,
  by: CountedBy,
  held: Credits,
): { charge: Credits; explanation: Metered } {
  const charge = chargeOf(rule, counted, held)
  return {
    charge,
    explanation: { subject, version, rule, most, hold, counted, by, charged: Number(charge) },
  }
}
