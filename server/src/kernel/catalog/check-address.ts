import type { Context } from '../context.ts'
import { OutboundError } from '../ports/outbound.ts'

const TIMEOUT_MS = 5_000
const MOST_BYTES = 65_536

/**
 * Whether the way out is closed to an address, by the very rules that hold when it is used: it is asked for, without
 * any key, and what it answers does not matter, nor whether it does.
 *
 * @param isOperators whether it may reach what OUTBOUND_ALLOW names.
 */
export async function isForbidden(
  { outbound }: Pick<Context, 'outbound'>,
  address: string,
  isOperators: boolean,
): Promise<boolean> {
  try {
    await outbound(address, {
      timeoutMs: TIMEOUT_MS,
      maxBytes: MOST_BYTES,
      maxRedirects: 0,
      isOperatorConfigured: isOperators,
    })
    return false
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error
    return error.kind === 'forbidden'
  }
}
