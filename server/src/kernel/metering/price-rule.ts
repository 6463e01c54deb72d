import { refusal } from '../errors.ts'
import type { ModelKind } from '../generation/task-input.ts'
import type { Credits } from '../money.ts'
import { credits, toText } from '../money.ts'

/**
 * What a model costs by what is really taken of it, in place of so many credits for one output. Stored as JSON with its
 * price, so amounts are plain integers of 1/10000 credit; the largest is `MOST_RATE`.
 */
export type PriceRule = TokensRule | SizesRule

export type TokensRule = {
  unit: 'tokens'
  inputPer1000: number
  outputPer1000: number
  /** What any use costs at least; 0 for none. */
  minimum: number
} & Rounded

/** Pictures, each by its size; or clips, each second of them by the size of the frame. */
export type SizesRule = { unit: 'pictures' | 'seconds'; sizes: readonly SizePrice[] } & Rounded

type Rounded = {
  /** Every amount is rounded up to a multiple of this. Kept with the rule, so that what was charged stays explicable. */
  roundTo: number
}

/** `credits` for what has at most so many pixels; null for everything larger, and then it is the last. */
export type SizePrice = { mostPixels: number | null; credits: number }

/** How much a task takes of what its rule counts. */
export type Quantities =
  | { unit: 'tokens'; inputTokens: number; outputTokens: number }
  /** The pixels of each picture. */
  | { unit: 'pictures'; pixels: readonly number[] }
  | { unit: 'seconds'; milliseconds: number; pixels: number }

/** 100 million credits: far below what a wallet or a `bigint` can hold, however much is taken. */
export const MOST_RATE = 1_000_000_000_000
const MOST_SIZES = 20

/** What can be counted of a model of a kind; null where a price is for one output and nothing else. */
export function unitOf(kind: ModelKind): PriceRule['unit'] | null {
  const units: Readonly<Record<ModelKind, PriceRule['unit'] | null>> = {
    text: 'tokens',
    deck: 'tokens',
    image: 'pictures',
    video: 'seconds',
    custom: null,
    vision: null,
  }
  return units[kind]
}

/**
 * What these quantities cost under a rule. Never less for more of anything, and always a multiple of `roundTo`.
 * @throws Error when the rule counts something else
 */
export function amountOf(rule: PriceRule, quantities: Quantities): Credits {
  const { parts, per } = exactly(rule, quantities)
  const minimum = rule.unit === 'tokens' ? BigInt(rule.minimum) : 0n
  const whole = ceilTo(parts, per)
  return credits(ceilTo(whole > minimum ? whole : minimum, 1n, BigInt(rule.roundTo)))
}

/** What is paid of a hold: the cost of what was counted, and never more than is held. */
export function chargeOf(rule: PriceRule, counted: Quantities, held: Credits): Credits {
  const amount = amountOf(rule, counted)
  return amount < held ? amount : held
}

/** Whether these quantities are worth all of `budget`, to the last fraction: rounding up makes nothing reach it. */
export function isSpent(rule: PriceRule, quantities: Quantities, budget: Credits): boolean {
  const { parts, per } = exactly(rule, quantities)
  return parts >= budget * per
}

/** The cost before anything is rounded: `parts` of which `per` make 1/10000 credit. */
function exactly(rule: PriceRule, quantities: Quantities): { parts: bigint; per: bigint } {
  if (rule.unit === 'tokens' && quantities.unit === 'tokens') {
    const { inputTokens, outputTokens } = quantities
    const parts =
      BigInt(inputTokens) * BigInt(rule.inputPer1000) + BigInt(outputTokens) * BigInt(rule.outputPer1000)
    return { parts, per: 1_000n }
  }
  if (rule.unit === 'pictures' && quantities.unit === 'pictures') {
    const parts = quantities.pixels.reduce((sum, pixels) => sum + BigInt(priceOf(rule, pixels)), 0n)
    return { parts, per: 1n }
  }
  if (rule.unit === 'seconds' && quantities.unit === 'seconds') {
    const { milliseconds, pixels } = quantities
    return { parts: BigInt(milliseconds) * BigInt(priceOf(rule, pixels)), per: 1_000n }
  }
  throw new Error(`${quantities.unit} are counted, but the price is for ${rule.unit}`)
}

function priceOf({ sizes }: SizesRule, pixels: number): number {
  const size = sizes.find(({ mostPixels }) => mostPixels === null || pixels <= mostPixels) ?? sizes.at(-1)
  if (!size) throw new Error('a table of sizes has at least one')
  return size.credits
}

function ceilTo(parts: bigint, per: bigint, step = 1n): bigint {
  const whole = (parts + per - 1n) / per
  return ((whole + step - 1n) / step) * step
}

/** About what people ask for: what a price is said to be where there is room for one number. */
const USUAL: Readonly<Record<PriceRule['unit'], Quantities>> = {
  tokens: { unit: 'tokens', inputTokens: 1_000, outputTokens: 1_000 },
  pictures: { unit: 'pictures', pixels: [1_024 * 1_024] },
  seconds: { unit: 'seconds', milliseconds: 5_000, pixels: 1_280 * 720 },
}

/**
 * What one usual output costs: a text of 1,000 tokens after a request of as many, a picture of 1024 × 1024, a clip of
 * five seconds at 1280 × 720.
 */
export function usualPrice(rule: PriceRule): Credits {
  return amountOf(rule, USUAL[rule.unit])
}

/** @throws input_invalid for a rule that no model of this kind can have, or that has a gap */
export function checkPriceRule(kind: ModelKind, rule: PriceRule): void {
  if (unitOf(kind) !== rule.unit) throw refusal('input_invalid', { field: 'unit', problem: 'format' })
  if (rule.unit === 'tokens') {
    for (const field of ['inputPer1000', 'outputPer1000', 'minimum'] as const) checkRate(field, rule[field])
    if (rule.inputPer1000 + rule.outputPer1000 + rule.minimum === 0)
      throw refusal('input_invalid', { field: 'outputPer1000', problem: 'too_small' })
    return
  }
  const { sizes } = rule
  if (sizes.length > MOST_SIZES) throw refusal('input_invalid', { field: 'sizes', problem: 'too_long' })
  // Without a price for whatever is larger, somebody would find out what it costs by asking for it.
  if (sizes.at(-1)?.mostPixels !== null)
    throw refusal('input_invalid', { field: 'sizes', problem: 'missing' })
  for (const [index, { mostPixels, credits: price }] of sizes.entries()) {
    checkRate('sizes', price)
    const before = sizes[index - 1]
    const isLast = index === sizes.length - 1
    if (mostPixels === null ? !isLast : !Number.isSafeInteger(mostPixels) || mostPixels < 1)
      throw refusal('input_invalid', { field: 'sizes', problem: 'format' })
    // What is larger never costs less: a hold for what was asked is then enough for whatever smaller comes.
    const isAscending =
      !before || (before.credits <= price && (mostPixels === null || (before.mostPixels ?? 0) < mostPixels))
    if (!isAscending) throw refusal('input_invalid', { field: 'sizes', problem: 'format' })
  }
}

function checkRate(field: string, rate: number): void {
  if (!Number.isSafeInteger(rate)) throw refusal('input_invalid', { field, problem: 'type' })
  if (rate < 0) throw refusal('input_invalid', { field, problem: 'too_small' })
  if (rate > MOST_RATE) throw refusal('input_invalid', { field, problem: 'too_large' })
}

/** A rule in a sentence, for operators. */
export function ruleInWords(rule: PriceRule): string {
  const amount = (stored: number): string => toText(BigInt(stored))
  const rounded = `rounded up to ${rule.roundTo === 10_000 ? 'whole credits' : `multiples of ${amount(rule.roundTo)}`}`
  if (rule.unit === 'tokens') {
    const least = rule.minimum === 0 ? '' : `, at least ${amount(rule.minimum)}`
    return `${amount(rule.inputPer1000)} credits per 1,000 tokens of input and ${amount(rule.outputPer1000)} per 1,000 of output${least}, ${rounded}`
  }
  const each = rule.unit === 'pictures' ? 'a picture' : 'a second'
  const prices = rule.sizes.map(({ mostPixels, credits: price }, index) => {
    if (index === 0)
      return `${amount(price)} credits for ${each}${mostPixels === null ? '' : ` of up to ${mostPixels} pixels`}`
    return `${amount(price)} ${mostPixels === null ? 'above that' : `up to ${mostPixels}`}`
  })
  return `${prices.join(', ')}, ${rounded}`
}
