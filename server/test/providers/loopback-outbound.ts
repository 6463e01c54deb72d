import { request } from 'undici'
import { type Outbound, OutboundError } from '../../src/kernel/ports/outbound.ts'

/**
 * The outbound port over loopback, without its address checks: for tests of what is built upon it. As in the real one,
 * a request ends with its signal, its time and its bytes, and `readBody` takes the body as it comes.
 */
export function createLoopbackOutbound(): Outbound {
  return async (
    url,
    { method = 'GET', headers = {}, body = null, timeoutMs, maxBytes, signal, readBody },
  ) => {
    const bounds = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])])
    let isReading = false
    try {
      const answer = await request(url, { method, headers, body, signal: bounds, headersTimeout: 0 })
      const flat = Object.fromEntries(
        Object.entries(answer.headers).map(([name, value]) => [name, String(value)]),
      )
      const head = { status: answer.statusCode, headers: flat, url }
      const pieces: Uint8Array[] = []
      const bounded = async function* (): AsyncGenerator<Uint8Array> {
        let total = 0
        for await (const chunk of answer.body) {
          total += chunk.length
          if (total > maxBytes) throw new OutboundError('too_large', `longer than ${maxBytes} bytes`)
          yield chunk
        }
      }
      isReading = true
      if (readBody) await readBody(bounded(), head)
      else for await (const chunk of bounded()) pieces.push(chunk)
      return { ...head, body: Buffer.concat(pieces) }
    } catch (error) {
      if (error instanceof OutboundError) throw error
      if (bounds.aborted && !signal?.aborted) throw new OutboundError('too_slow', 'no answer in time')
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'failed'
      const isUnsent = !isReading && ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN'].includes(code)
      throw new OutboundError(isUnsent ? 'unreachable' : 'interrupted', `broke off (${code})`, {
        cause: error,
      })
    }
  }
}
