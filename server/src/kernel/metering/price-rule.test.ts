import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { credits } from '../money.ts'
import type { PriceRule, Quantities, SizePrice } from './price-rule.ts'
import {
  amountOf,
  chargeOf,
  checkPriceRule,
  isSpent,
  MOST_RATE,
  ruleInWords,
  unitOf,
  usualPrice,
} from './price-rule.ts'

const WHOLE = 10_000
const rate = fc.oneof(fc.integer({ min: 0, max: 50_000 }), fc.integer({ min: 0, max: MOST_RATE }))
const roundTo = fc.constantFrom(1, 100, WHOLE)
const tokens = fc.record({ inputTokens: fc.nat(200_000), outputTokens: fc.nat(200_000) })
const sizes: fc.Arbitrary<SizePrice[]> = fc
  .tuple(
    fc.uniqueArray(fc.integer({ min: 1, max: 40_000_000 }), { maxLength: 5 }),
    fc.array(rate, { minLength: 6, maxLength: 6 }),
  )
  .map(([bounds, prices]) => {
    const ascending = prices.sort((a, b) => a - b)
    const table = bounds
      .sort((a, b) => a - b)
      .map((mostPixels, at) => ({ mostPixels, credits: ascending[at] ?? 0 }))
    return [...table, { mostPixels: null, credits: ascending[table.length] ?? 0 }]
  })
const tokensRule = fc.record({
  unit: fc.constant('tokens' as const),
  inputPer1000: rate,
  outputPer1000: rate,
  minimum: rate,
  roundTo,
})
const sizesRule = (unit: 'pictures' | 'seconds') => fc.record({ unit: fc.constant(unit), sizes, roundTo })
const pixels = fc.integer({ min: 4_096, max: 50_000_000 })

/** A rule, what was held for, and something that is no more than that in any respect. */
const cases: fc.Arbitrary<{ rule: PriceRule; most: Quantities; less: Quantities }> = fc.oneof(
  fc
    .record({
      rule: tokensRule,
      most: tokens,
      shares: fc.tuple(
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
      ),
    })
    .map(({ rule, most, shares: [a, b] }) => ({
      rule,
      most: { unit: 'tokens' as const, ...most },
      less: {
        unit: 'tokens' as const,
        inputTokens: Math.floor(most.inputTokens * a),
        outputTokens: Math.floor(most.outputTokens * b),
      },
    })),
  fc
    .record({
      rule: sizesRule('pictures'),
      side: pixels,
      count: fc.integer({ min: 1, max: 10 }),
      made: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 10 }),
    })
    .map(({ rule, side, count, made }) => ({
      rule,
      most: { unit: 'pictures' as const, pixels: Array.from({ length: count }, () => side) },
      less: {
        unit: 'pictures' as const,
        pixels: made.slice(0, count).map((share) => Math.floor(side * share)),
      },
    })),
  fc
    .record({
      rule: sizesRule('seconds'),
      side: pixels,
      ms: fc.nat(60_000),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    })
    .map(({ rule, side, ms, share }) => ({
      rule,
      most: { unit: 'seconds' as const, milliseconds: ms, pixels: side },
      less: {
        unit: 'seconds' as const,
        milliseconds: Math.floor(ms * share),
        pixels: Math.floor(side * share),
      },
    })),
)

test('what is less in every respect never costs more, and what is held is always enough for it', () => {
  fc.assert(
    fc.property(cases, ({ rule, most, less }) => {
      const hold = amountOf(rule, most)
      assert.ok(amountOf(rule, less) <= hold)
      assert.equal(chargeOf(rule, less, hold), amountOf(rule, less))
    }),
    { numRuns: 2_000 },
  )
})

test('a charge is never more than is held, nor negative, and shows no fraction that the site does not', () => {
  fc.assert(
    fc.property(cases, fc.bigInt({ min: 0n, max: 10n ** 15n }), ({ rule, most }, held) => {
      const step = BigInt(rule.roundTo)
      const charge = chargeOf(rule, most, credits((held / step) * step))
      assert.ok(charge >= 0n && charge <= held)
      assert.equal(charge % step, 0n)
      assert.equal(amountOf(rule, most) % step, 0n)
    }),
    { numRuns: 2_000 },
  )
})

test('rounding up is by less than one step, and a minimum is the least', () => {
  fc.assert(
    fc.property(tokensRule, tokens, (rule, most) => {
      const amount = amountOf(rule, { unit: 'tokens', ...most })
      const exact =
        BigInt(most.inputTokens) * BigInt(rule.inputPer1000) +
        BigInt(most.outputTokens) * BigInt(rule.outputPer1000)
      assert.ok(amount >= BigInt(rule.minimum))
      if (exact >= BigInt(rule.minimum) * 1_000n) {
        assert.ok(amount * 1_000n >= exact)
        assert.ok((amount - BigInt(rule.roundTo)) * 1_000n < exact || amount === 0n)
      }
    }),
    { numRuns: 2_000 },
  )
})

test('a text is spent when it is worth the hold to the last fraction, not when rounding makes it so', () => {
  const rule: PriceRule = {
    unit: 'tokens',
    inputPer1000: 0,
    outputPer1000: 10_000,
    minimum: 0,
    roundTo: WHOLE,
  }
  const wrote = (outputTokens: number): Quantities => ({ unit: 'tokens', inputTokens: 10, outputTokens })
  const budget = amountOf(rule, wrote(2_500))
  assert.equal(budget, 30_000n)
  assert.equal(amountOf(rule, wrote(2_001)), 30_000n)
  assert.equal(isSpent(rule, wrote(2_001), budget), false)
  assert.equal(isSpent(rule, wrote(2_999), budget), false)
  assert.equal(isSpent(rule, wrote(3_000), budget), true)
})

test('prices of the three units, by hand', () => {
  const text: PriceRule = {
    unit: 'tokens',
    inputPer1000: 5_000,
    outputPer1000: 20_000,
    minimum: 10_000,
    roundTo: 1,
  }
  // 1.234 × 0.5 + 0.567 × 2 = 1.751
  assert.equal(amountOf(text, { unit: 'tokens', inputTokens: 1_234, outputTokens: 567 }), 17_510n)
  assert.equal(amountOf(text, { unit: 'tokens', inputTokens: 1, outputTokens: 1 }), 10_000n)
  assert.equal(amountOf({ ...text, minimum: 0 }, { unit: 'tokens', inputTokens: 1, outputTokens: 0 }), 5n)
  assert.equal(
    amountOf({ ...text, roundTo: WHOLE }, { unit: 'tokens', inputTokens: 1_234, outputTokens: 567 }),
    20_000n,
  )
  const table = [
    { mostPixels: 1_048_576, credits: 100_000 },
    { mostPixels: null, credits: 250_000 },
  ]
  const pictures: PriceRule = { unit: 'pictures', sizes: table, roundTo: 1 }
  assert.equal(amountOf(pictures, { unit: 'pictures', pixels: [1_048_576, 1_048_577, 64] }), 450_000n)
  assert.equal(amountOf(pictures, { unit: 'pictures', pixels: [] }), 0n)
  const seconds: PriceRule = { unit: 'seconds', sizes: table, roundTo: 1 }
  assert.equal(amountOf(seconds, { unit: 'seconds', milliseconds: 5_042, pixels: 1_280 * 720 }), 504_200n)
  assert.throws(() => amountOf(seconds, { unit: 'pictures', pixels: [] }), /pictures are counted/)
  assert.equal(usualPrice(text), 25_000n)
  assert.equal(usualPrice(pictures), 100_000n)
  assert.equal(usualPrice(seconds), 500_000n)
})

test('a rule has to fit its model, and its table to go up to everything', () => {
  const size = (mostPixels: number | null, price: number): SizePrice => ({ mostPixels, credits: price })
  const pictures = (...table: SizePrice[]): PriceRule => ({ unit: 'pictures', sizes: table, roundTo: 1 })
  checkPriceRule('image', pictures(size(100, 1), size(200, 1), size(null, 2)))
  const text: PriceRule = { unit: 'tokens', inputPer1000: 1, outputPer1000: 0, minimum: 0, roundTo: 1 }
  checkPriceRule('text', text)
  checkPriceRule('deck', text)
  for (const [kind, rule] of [
    ['image', text],
    ['custom', text],
    ['vision', text],
    ['video', pictures(size(null, 1))],
    ['text', { ...text, inputPer1000: 0 }],
    ['text', { ...text, outputPer1000: -1 }],
    ['text', { ...text, minimum: 0.5 }],
    ['text', { ...text, inputPer1000: MOST_RATE + 1 }],
    ['image', pictures()],
    ['image', pictures(size(100, 1))],
    ['image', pictures(size(null, 1), size(100, 2))],
    ['image', pictures(size(200, 1), size(100, 2), size(null, 3))],
    ['image', pictures(size(100, 5), size(null, 3))],
    ['image', pictures(size(0, 1), size(null, 3))],
    ['image', pictures(...Array.from({ length: 20 }, (_, at) => size(at + 1, 1)), size(null, 1))],
  ] as const)
    assert.throws(() => checkPriceRule(kind, rule), { code: 'input_invalid' }, JSON.stringify(rule))
  assert.equal(unitOf('video'), 'seconds')
})

test('a rule in words', () => {
  assert.equal(
    ruleInWords({
      unit: 'tokens',
      inputPer1000: 5_000,
      outputPer1000: 20_000,
      minimum: 10_000,
      roundTo: WHOLE,
    }),
    '0.5 credits per 1,000 tokens of input and 2 per 1,000 of output, at least 1, rounded up to whole credits',
  )
  assert.equal(
    ruleInWords({
      unit: 'seconds',
      sizes: [
        { mostPixels: 921_600, credits: 60_000 },
        { mostPixels: null, credits: 120_000 },
      ],
      roundTo: 1,
    }),
    '6 credits for a second of up to 921600 pixels, 12 above that, rounded up to multiples of 0.0001',
  )
})
