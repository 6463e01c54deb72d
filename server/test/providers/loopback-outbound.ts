import { request as send } from 'undici'
import { type Outbound, OutboundError, type OutboundReply } from '../../src/kernel/ports/outbound.ts'

/**
 * The outbound port over loopback, without its address checks: for tests of what is built upon it. As in the real one,
 * a request ends with its signal, its time and its bytes, `readBody` takes the body as it comes, and what follows a
 * redirect to another origin carries none of its headers.
 */
export function createLoopbackOutbound(): Outbound {
  return async function visit(url, request): Promise<OutboundReply> {
    const { method = 'GET', headers = {}, body = null, timeoutMs, maxBytes, signal, readBody } = request
    const { maxRedirects = 0 } = request
    const bounds = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])])
    let isReading = false
    let isBroken = false
    try {
      const answer = await send(url, { method, headers, body, signal: bounds, headersTimeout: 0 })
      const flat = Object.fromEntries(
        Object.entries(answer.headers).map(([name, value]) => [name, String(value)]),
      )
      const head = { status: answer.statusCode, headers: flat, url }
      if (maxRedirects > 0 && method === 'GET' && head.status >= 301 && head.status <= 308 && flat.location) {
        await answer.body.dump()
        const next = new URL(flat.location, url)
        const kept = next.origin === new URL(url).origin ? headers : {}
        return visit(next.href, { ...request, headers: kept, maxRedirects: maxRedirects - 1 })
      }
      const pieces: Uint8Array[] = []
      const bounded = async function* (): AsyncGenerator<Uint8Array> {
        let total = Number(answer.headers['content-length'] ?? 0)
        if (total > maxBytes) throw new OutboundError('too_large', `longer than ${maxBytes} bytes`)
        total = 0
        try {
          for await (const chunk of answer.body) {
            total += chunk.length
            if (total > maxBytes) throw new OutboundError('too_large', `longer than ${maxBytes} bytes`)
            yield chunk
          }
        } catch (error) {
          isBroken = true
          throw error
        }
      }
      isReading = true
      if (readBody) await readBody(bounded(), head)
      else for await (const chunk of bounded()) pieces.push(chunk)
      return { ...head, body: Buffer.concat(pieces) }
    } catch (error) {
      if (error instanceof OutboundError) throw error
      // Its reader threw, not the body: that is for the caller, as it is.
      if (isReading && readBody && !isBroken && !bounds.aborted) throw error
      if (bounds.aborted && !signal?.aborted) throw new OutboundError('too_slow', 'no answer in time')
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'failed'
      const isUnsent = !isReading && ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN'].includes(code)
      throw new OutboundError(isUnsent ? 'unreachable' : 'interrupted', `broke off (${code})`, {
        cause: error,
      })
    }
  }
}
