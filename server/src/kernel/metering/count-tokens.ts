/** What stands around a message on a vendor's wire, and around all of them; more than any tokenizer puts there. */
export const MOST_TOKENS_AROUND_A_MESSAGE = 16
const MOST_TOKENS_AROUND_ALL = 32

/**
 * More tokens than any vendor counts for these messages. Every tokenizer in use falls back to bytes, so none makes more
 * tokens than there are bytes of UTF-8 (measured with four of them: docs/decisions/0017); nothing tighter holds for a text
 * that was written to be expensive.
 */
export function mostTokensOf(messages: readonly string[]): number {
  const bytes = messages.reduce((sum, text) => sum + Buffer.byteLength(text, 'utf8'), 0)
  return bytes + messages.length * MOST_TOKENS_AROUND_A_MESSAGE + MOST_TOKENS_AROUND_ALL
}

/** Counts tokens of a text that comes piece by piece, about as a vendor would. */
export type TokenCounter = { add: (text: string) => void; tokens: () => number }

/** Han, kana and hangul, and the marks that stand among them. Whoever is cut through counts as two others. */
const WIDE = /[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]|[\ud840-\ud87f][\udc00-\udfff]/g
// Measured on our own texts with the tokenizers of GPT-4o, DeepSeek V3, Gemini and Qwen3 (docs/decisions/0017): 0.63 to
// 0.79 a Chinese character, 0.25 to 0.30 any other.
const PER_WIDE = 0.7
const PER_OTHER = 0.27

/** A counter at nothing. */
export function createTokenCounter(): TokenCounter {
  let wide = 0
  let others = 0
  return {
    add: (text) => {
      const found = text.match(WIDE) ?? []
      wide += found.length
      others += text.length - found.reduce((sum, one) => sum + one.length, 0)
    },
    tokens: () => Math.ceil(wide * PER_WIDE + others * PER_OTHER),
  }
}

/** About how many tokens a vendor counts for these messages. */
export function countTokens(messages: readonly string[]): number {
  const counter = createTokenCounter()
  for (const text of messages) counter.add(text)
  return counter.tokens() + messages.length * 4
}
