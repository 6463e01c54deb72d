import { createPptxRenderer } from './decks/pptx/pptx-renderer.ts'
import { createAlipay } from './gateways/alipay/alipay.ts'
import { createEpay } from './gateways/epay/epay.ts'
import { createSandbox } from './gateways/sandbox/sandbox.ts'
import { createWechatPay } from './gateways/wechat-pay/wechat-pay.ts'
import type { DeckRenderer } from './kernel/ports/deck-renderer.ts'
import type { Gateway } from './kernel/ports/gateway.ts'
import type { Outbound } from './kernel/ports/outbound.ts'
import type { Platform } from './kernel/ports/platform.ts'
import type { Provider } from './kernel/ports/provider.ts'
import { createDouyin } from './platforms/douyin/douyin.ts'
import { createXiaohongshu } from './platforms/handoff/xiaohongshu.ts'
import { createKuaishou } from './platforms/kuaishou/kuaishou.ts'
import { createToutiao } from './platforms/toutiao/toutiao.ts'
import { createWechat } from './platforms/wechat/wechat.ts'
import { createArk } from './providers/ark/ark.ts'
import { createAutomatic1111 } from './providers/automatic1111/automatic1111.ts'
import { createComfyUi } from './providers/comfyui/comfyui.ts'
import { createDashScope } from './providers/dashscope/dashscope.ts'
import { createHttpModel } from './providers/http-model/http-model.ts'
import { createOpenAiCompatible } from './providers/openai/openai.ts'
import { createSketch } from './providers/sketch/sketch.ts'

/** Every vendor, gateway and platform this version knows; the server and the command line are handed the same. */
export function createEdges(outbound: Outbound): {
  providers: Provider[]
  gateways: Gateway[]
  platforms: Platform[]
  decks: DeckRenderer
} {
  return {
    providers: [
      createSketch(),
      createOpenAiCompatible(outbound),
      createDashScope(outbound),
      createArk(outbound),
      createComfyUi(outbound),
      createAutomatic1111(outbound),
      createHttpModel(outbound),
    ],
    gateways: [createEpay(outbound), createAlipay(outbound), createWechatPay(outbound), createSandbox()],
    platforms: [
      createWechat(outbound),
      createXiaohongshu(),
      createDouyin(outbound),
      createKuaishou(outbound),
      createToutiao(outbound),
    ],
    decks: createPptxRenderer(),
  }
}
