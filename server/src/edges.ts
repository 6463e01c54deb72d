import { createEpay } from './gateways/epay/epay.ts'
import { createSandbox } from './gateways/sandbox/sandbox.ts'
import type { Gateway } from './kernel/ports/gateway.ts'
import type { Outbound } from './kernel/ports/outbound.ts'
import type { Provider } from './kernel/ports/provider.ts'
import { createHttpModel } from './providers/http-model/http-model.ts'
import { createOpenAiCompatible } from './providers/openai/openai.ts'
import { createSketch } from './providers/sketch/sketch.ts'

/** Every vendor and gateway this version knows; the server and the command line are handed the same. */
export function createEdges(outbound: Outbound): { providers: Provider[]; gateways: Gateway[] } {
  return {
    providers: [createSketch(), createOpenAiCompatible(outbound), createHttpModel(outbound)],
    gateways: [createEpay(outbound), createSandbox()],
  }
}
