import type { TextPart } from '../ports/provider.ts'
import { ProviderError } from '../ports/provider.ts'

export type Written = {
  text: string
  reason: 'stop' | 'length' | 'content'
  usage: { inputTokens: number; outputTokens: number } | null
}

/**
 * Collects what a provider writes. A text longer than `mostCharacters` is cut there and its end not waited for.
 * Ends with the signal even when the provider does not heed it.
 *
 * @throws ProviderError of the provider, or ambiguous when the text broke off; the signal's reason
 */
export async function collectText(
  parts: AsyncIterable<TextPart>,
  bounds: {
    signal: AbortSignal
    mostCharacters: number
    /** Told of the text so far, and of its last piece. */
    onText?: (text: string, piece: string) => void
    /** Asked after each piece: whether the text is to end there, as one that is too long does. */
    isEnough?: () => boolean
  },
): Promise<Written> {
  const { signal, mostCharacters, onText, isEnough } = bounds
  signal.throwIfAborted()
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
  const iterator = parts[Symbol.asyncIterator]()
  let text = ''
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), aborted])
      if (next.done) throw new ProviderError('ambiguous', 'the text broke off')
      const part = next.value
      if (part.type === 'end') return { text, reason: part.reason, usage: part.usage }
      text += part.text
      onText?.(text, part.text)
      if (text.length > mostCharacters || isEnough?.()) {
        // Never through the middle of a character.
        const cut = text.slice(0, mostCharacters).replace(/[\uD800-\uDBFF]$/, '')
        return { text: cut, reason: 'length', usage: null }
      }
    }
  } finally {
    // One that never ends its current piece never answers this either.
    iterator.return?.().catch(() => {})
    aborted.catch(() => {})
  }
}
