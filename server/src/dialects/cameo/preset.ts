import { fen } from '../../kernel/fen.ts'
import { units } from '../../kernel/money.ts'
import type { Preset } from '../../kernel/preset.ts'
import { characters } from './house-characters.ts'

const DAY_MS = 86_400_000

/**
 * What specs/cameo.md and its front-end fix, by the decided readings: new users have 100 power; a picture costs 10, from
 * a picture 15, a clip 50, from a picture 60; no quotas.
 */
export const preset: Preset = {
  signUpBonus: units(100),
  signUpBonusReason: '注册赠送',
  sessionMs: 7 * DAY_MS,
  emailDomains: [],
  codeMail: null,
  models: [
    {
      name: 'stable-diffusion-xl',
      title: 'Stable Diffusion XL',
      description: '',
      kind: 'image',
      vendor: 'stability',
    },
    { name: 'dall-e-3', title: 'DALL-E 3', description: '', kind: 'image', vendor: 'openai' },
    { name: 'sora', title: 'SORA', description: '', kind: 'video', vendor: 'openai', isDrawn: true },
    { name: 'veo', title: 'VEO', description: '', kind: 'video', vendor: 'google' },
    { name: 'gpt-4', title: 'GPT-4', description: '', kind: 'text', vendor: 'openai' },
  ],
  vendors: [
    { name: 'stability', title: 'Stability AI' },
    { name: 'openai', title: 'OpenAI' },
    { name: 'google', title: 'Google' },
  ],
  prices: { image: units(10), video: units(50), text: units(1), chat: units(1) },
  chargeStep: units(1),
  sourcePrices: { image: units(15), video: units(60) },
  packages: [],
  methods: ['alipay', 'wechat'],
  gatewayOptions: {},
  orderHandle: (_item, nowMs, random) =>
    `C${new Date(nowMs).toISOString().slice(0, 10).replaceAll('-', '')}${random.digits(12)}`,
  // What its front-end shows (facts/cameo.md, 3).
  plans: [
    {
      ...{ id: 'monthly', name: '月度会员', priceFen: fen(1_998n), days: 30 },
      ...{ level: 1, credits: units(2_000), vouchers: 1 },
    },
    {
      ...{ id: 'yearly', name: '年度会员', priceFen: fen(9_998n), days: 365 },
      ...{ level: 2, credits: units(2_000), vouchers: 1 },
    },
    {
      ...{ id: 'lifetime', name: '永久会员', priceFen: fen(29_998n), days: null },
      ...{ level: 2, credits: units(2_000), vouchers: 1 },
    },
  ],
  notifyPath: (channelUuid) => `/api/v1/payment/notify/${channelUuid}`,
  needsApproval: false,
  mostAttempts: 3,
  taskMs: 15 * 60_000,
  maxSide: 2_048,
  analysisLimit: { points: 20, perSeconds: 3_600 },
  templatesOff: [],
  characters,
  limits: {
    auth: { points: 20, perSeconds: 60 },
    generate: { points: 60, perSeconds: 60 },
    read: { points: 600, perSeconds: 60 },
    write: { points: 120, perSeconds: 60 },
  },
  taskHandle: (_kind, _nowMs, random) => `task_${random}`,
}
