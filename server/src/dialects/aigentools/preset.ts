import { credits, units } from '../../kernel/money.ts'
import type { Preset } from '../../kernel/preset.ts'

const HOUR_MS = 3_600_000

/**
 * What specs/aigentools.md fixes: tokens of 72 hours, tasks that wait for approval and are tried four times
 * (`max_retries` 3). Money is yuan, one unit each; every model has its own price.
 */
export const preset: Preset = {
  signUpBonus: units(0),
  signUpBonusReason: '',
  sessionMs: 72 * HOUR_MS,
  emailDomains: [],
  codeMail: null,
  models: [{ name: 'vision_model', title: 'Picture analysis', description: '图片分析', kind: 'vision' }],
  prices: {},
  chargeStep: credits(1n),
  packages: [],
  methods: ['alipay', 'wxpay'],
  // The document's jump_url is a signed submit.php, made here without asking the gateway.
  gatewayOptions: { epay: { mode: 'submit' } },
  orderHandle: (_item, nowMs, random) => `order_${nowMs}${random.token(9)}`,
  notifyPath: (channelUuid) => `/api/v1/payment/notify/${channelUuid}`,
  needsApproval: true,
  mostAttempts: 4,
  taskMs: HOUR_MS,
  maxSide: 4_096,
  takesUploads: true,
  limits: {
    auth: { points: 60, perSeconds: 60 },
    generate: { points: 120, perSeconds: 60 },
    read: { points: 1_200, perSeconds: 60 },
    write: { points: 120, perSeconds: 60 },
  },
  analysisLimit: { points: 20, perSeconds: 3_600 },
  templatesOff: [],
  taskHandle: (_kind, nowMs, random) => `task_${nowMs}_${random}`,
}
