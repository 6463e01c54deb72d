import { fen } from '../../kernel/fen.ts'
import { units } from '../../kernel/money.ts'
import type { Preset } from '../../kernel/preset.ts'
import { WRITING_TOOLS } from '../../kernel/tools/writing/index.ts'
import { presentTime } from './time.ts'

const DAY_MS = 86_400_000

/**
 * What specs/ai-creator.md fixes, by the decided readings: 1 yuan is 10 credits, members generate free, new users
 * have nothing, whoever invites a paying user gets 50; limits of appendix H.
 */
export const preset: Preset = {
  signUpBonus: units(0),
  signUpBonusReason: '',
  sessionMs: 7 * DAY_MS,
  accessMs: 2 * 3_600_000,
  emailDomains: [],
  codeMail: null,
  // In this order: the sample ids of the document, 1 to 4, exist from the start (3.1, 4.1, 5.1, 6.1).
  models: [
    { name: 'text_model', title: '通义千问Max', description: '文字写作', kind: 'text' },
    { name: 'image_model', title: '图片生成', description: '文字生成图片', kind: 'image' },
    { name: 'video_model', title: '视频生成', description: '脚本生成视频', kind: 'video' },
    { name: 'deck_model', title: 'PPT生成', description: '主题和大纲生成演示文稿', kind: 'deck' },
  ],
  prices: { text: units(10), image: units(20), video: units(50), deck: units(30) },
  chargeStep: units(1),
  writingTools: WRITING_TOOLS,
  packages: [],
  methods: ['alipay', 'wechat', 'balance'],
  gatewayOptions: {},
  // R202601221000001: the day in UTC+8, then at least seven digits; nobody can guess twelve.
  orderHandle: (item, nowMs, random) =>
    `${item === 'credits' ? 'R' : 'M'}${presentTime(new Date(nowMs)).slice(0, 10).replaceAll('-', '')}${random.digits(12)}`,
  creditsPerYuan: units(10),
  notifyPath: (channelUuid) => `/api/v1/credit/payment/notify/${channelUuid}`,
  plans: [
    { id: 'monthly', name: '月度会员', priceFen: fen(990n), days: 30 },
    { id: 'quarterly', name: '季度会员', priceFen: fen(2_500n), days: 90 },
    { id: 'yearly', name: '年度会员', priceFen: fen(9_900n), days: 365 },
  ],
  membersGenerateFree: true,
  referralReward: units(50),
  platforms: ['wechat', 'xiaohongshu', 'douyin', 'kuaishou', 'toutiao'],
  needsApproval: false,
  mostAttempts: 3,
  taskMs: 15 * 60_000,
  maxSide: 2_048,
  analysisLimit: { points: 20, perSeconds: 3_600 },
  templatesOff: [],
  limits: {
    auth: { points: 10, perSeconds: 60 },
    generate: { points: 20, perSeconds: 3_600, membersUnlimited: true },
    read: { points: 100, perSeconds: 60 },
    write: { points: 60, perSeconds: 60 },
  },
  taskHandle: (kind, nowMs, random) => `${kind}_task_${nowMs}${random}`,
}
