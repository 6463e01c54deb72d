import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { canonicalForm } from './canonical-form.ts'

/** As the word list compares: the form of the word in the form of the text. */
const finds = (word: string, text: string): boolean => canonicalForm(text).includes(canonicalForm(word))

describe('a word is found however it is written', () => {
  const FOUND: readonly (readonly [word: string, text: string, how: string])[] = [
    ['赌博', '教我赌博吧', 'within a sentence'],
    ['赌博', '赌 博', 'with a space in it'],
    ['赌博', '赌—*.。 博', 'with punctuation in it'],
    ['赌博', '赌\u200b\u2060博\ufe0f', 'with invisible characters in it'],
    ['赌博', '赌\n\n博', 'over two lines'],
    ['赌博', '赌🔞博', 'with a picture in it'],
    ['赌博', '赌\u3164博', 'with a filler that is called a letter'],
    ['ass', 'an ASS.', 'in another case'],
    ['ass', 'ａｓｓ', 'in another width'],
    ['ass', '你ass吧', 'between Chinese characters'],
    ['ass', 'a\u00ads\u200ds', 'with soft hyphens in it'],
    ['ass', 'a\u0337s\u0337s', 'struck through'],
    ['ass', 'smart-ass', 'after a hyphen'],
    ['buy drugs', 'Buy,  DRUGS!', 'as a phrase'],
    ['加v信', '加 Ｖ-信', 'in two scripts'],
    ['カジノ', 'オンラインｶｼﾞﾉへ', 'in half-width kana'],
    ['①号', '1号', 'in another form of a digit'],
  ]
  for (const [word, text, how] of FOUND) test(`${word} ${how}`, () => assert.ok(finds(word, text), text))
})

describe('what only contains its letters is not found', () => {
  const NOT_FOUND: readonly (readonly [word: string, text: string])[] = [
    ['ass', 'the class of 2026'],
    ['ass', 'an asset'],
    ['ass', 'a s s'],
    ['ass', 'ass2'],
    ['buy drugs', 'buy more drugs'],
    ['赌博', '博赌'],
    ['赌博', '赌了一把博彩'],
    ['加v信', '加vx信'],
  ]
  for (const [word, text] of NOT_FOUND) test(`${word} in "${text}"`, () => assert.ok(!finds(word, text)))
})

test('what has nothing to compare has an empty form', () => {
  for (const text of ['', ' \u200b', '🔞', '—!?']) assert.equal(canonicalForm(text), '')
})
