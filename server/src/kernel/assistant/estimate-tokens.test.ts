import assert from 'node:assert/strict'
import { test } from 'node:test'
import { estimateTokens } from './estimate-tokens.ts'

test('a wide character is a token, four others are one, and each message has four around it', () => {
  const cases: [string, number][] = [
    ['', 4],
    ['你好', 6],
    ['你好，世界。', 10],
    ['abcd', 5],
    ['abcde', 6],
    ['用 abc 写', 4 + 2 + 2],
    ['こんにちは', 9],
    ['안녕', 6],
    ['𠀀', 5],
  ]
  for (const [text, tokens] of cases) assert.equal(estimateTokens(text), tokens, text)
})
