import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { countTokens, createTokenCounter, mostTokensOf } from './count-tokens.ts'

test('the most that a vendor can count is a token for each byte, and what stands around a message', () => {
  assert.equal(mostTokensOf([]), 32)
  assert.equal(mostTokensOf(['abc']), 3 + 16 + 32)
  assert.equal(mostTokensOf(['你好', '𠀀']), 6 + 4 + 2 * 16 + 32)
})

test('the estimate is never above the bound, whatever the text', () => {
  const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }), fc.string())
  fc.assert(
    fc.property(fc.array(text), (texts) => {
      assert.ok(countTokens(texts) <= mostTokensOf(texts))
    }),
    { numRuns: 1_000 },
  )
})

// Counted with the tokenizers of GPT-4o, DeepSeek V3, Gemini and Qwen3 (docs/decisions/0017): each of them counts a text
// like these within the bounds.
test('the estimate is about what vendors count for Chinese and for English', () => {
  const chinese = '春天来了，公司决定调整产品的价格，让每一位用户都能清楚地知道自己为什么付费。'.repeat(50)
  const counted = countTokens([chinese]) / chinese.length
  assert.ok(counted > 0.63 && counted < 0.79, String(counted))
  const english =
    'A reply of the assistant has what every purchase has: a price, a hold, an attempt on record. '.repeat(50)
  const other = countTokens([english]) / english.length
  assert.ok(other > 0.25 && other < 0.3, String(other))
})

test('a text counts the same in pieces, and never less for more', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme' })), (pieces) => {
      const whole = createTokenCounter()
      whole.add(pieces.join(''))
      const inPieces = createTokenCounter()
      let before = 0
      for (const piece of pieces) {
        inPieces.add(piece)
        assert.ok(inPieces.tokens() >= before)
        before = inPieces.tokens()
      }
      // A character that is cut through is two halves, at most.
      assert.ok(Math.abs(inPieces.tokens() - whole.tokens()) <= pieces.length)
    }),
  )
})
