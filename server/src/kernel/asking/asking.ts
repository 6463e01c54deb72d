import type { Channel } from '../catalog/catalog.ts'
import type { Context } from '../context.ts'
import type { AskLine } from '../ports/ask-pace.ts'
import type { Step } from '../ports/provider.ts'
import { ProviderError } from '../ports/provider.ts'
import type { ClaimedCheck } from './claim-checks.ts'

/** How the vendor of a job is asked after it, and where the job was sent. */
export type Asking = {
  channel: Channel | null
  ask: (call: () => Promise<Step>) => Promise<Step>
}

/** A lost worker's lease has this much left at least when it dies: what it asked after last is that long ago. */
const LEASE_LEFT_MS = 7_500
/** For a vendor that is asked too often and does not say for how long to stop. */
const QUIET_MS = 5_000

/**
 * Asks in a place that is planned at the pace of the line. Whoever is told there that the vendor is asked too often has
 * everybody who shares the credential wait.
 *
 * @param onAsk called at the moment the vendor is asked.
 * @param signal aborted when the lease is lost or the worker stops.
 */
export function askInLine(
  context: Context,
  check: ClaimedCheck,
  line: AskLine,
  onAsk: () => void,
  signal: AbortSignal,
): Asking['ask'] {
  return (call) => {
    const { askEveryMs = 0 } = line.limits
    if (check.is_lapsed && askEveryMs > LEASE_LEFT_MS) {
      const retryAfterMs = askEveryMs
      throw new ProviderError('throttled', 'a lost worker may just have asked', { retryAfterMs })
    }
    const job = { name: `${context.site} ${check.id}`, inMs: check.due_in_ms }
    const told = async (): Promise<Step> => {
      onAsk()
      try {
        return await call()
      } catch (error) {
        if (error instanceof ProviderError && error.kind === 'throttled')
          context.askPace.quieten(line.credential, error.retryAfterMs ?? QUIET_MS)
        throw error
      }
    }
    return context.askPace.ask(line, job, told, signal)
  }
}
