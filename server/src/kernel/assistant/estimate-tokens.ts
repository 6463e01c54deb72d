/** What stands around a message on a vendor's wire. */
const TOKENS_PER_MESSAGE = 4
const CHARACTERS_PER_TOKEN = 4
/** Han, kana and hangul, and the marks that stand among them: each is about one token. */
const WIDE = /[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]|[\ud840-\ud87f][\udc00-\udfff]/g

/**
 * How many tokens a message takes, estimated the same way for every model: one for each Chinese, Japanese or Korean
 * character, one for every four others, four around it. Vendors count differently by a fifth or so, and a budget need not
 * be exact.
 */
export function estimateTokens(text: string): number {
  const wide = text.match(WIDE) ?? []
  const others = text.length - wide.join('').length
  return wide.length + Math.ceil(others / CHARACTERS_PER_TOKEN) + TOKENS_PER_MESSAGE
}
