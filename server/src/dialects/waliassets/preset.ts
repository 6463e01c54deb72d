import { fen } from '../../kernel/fen.ts'
import { units } from '../../kernel/money.ts'
import type { CodePurpose, Preset } from '../../kernel/preset.ts'

const DAY_MS = 86_400_000

const PURPOSES: Readonly<Record<CodePurpose, string>> = {
  register: '注册',
  login: '登录',
  reset_password: '重置密码',
}

/** Token套餐: tokens and fen. The answer's example lists three, the table five; all five are sold. */
const PACKAGES = [
  [100, 200n],
  [500, 900n],
  [1_000, 1_600n],
  [2_000, 3_000n],
  [5_000, 7_000n],
] as const

/** What specs/waliassets.md fixes: bonus, prices, domains, mail; sessions and limits by the decided readings. */
export const preset: Preset = {
  signUpBonus: units(100),
  signUpBonusReason: '新用户注册奖励',
  sessionMs: 7 * DAY_MS,
  emailDomains: ['qq.com', 'gmail.com', 'googlemail.com'],
  codeMail: (code, minutes, purpose) => ({
    subject: `WALI - ${PURPOSES[purpose]}验证码`,
    text: `您的${PURPOSES[purpose]}验证码是 ${code}，${minutes}分钟内有效。如非本人操作，请忽略本邮件。`,
    html: `<!doctype html><html lang="zh-CN"><body style="margin:0;background:#f4f5f7;font-family:-apple-system,'PingFang SC','Microsoft YaHei',sans-serif">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr><td align="center" style="padding:40px 16px">
<table role="presentation" width="420" cellpadding="0" cellspacing="0" style="background:#fff;border-radius:12px;padding:32px">
<tr><td style="font-size:18px;font-weight:600;color:#1f2329">WALI ${PURPOSES[purpose]}验证码</td></tr>
<tr><td style="padding:24px 0;font-size:34px;letter-spacing:8px;font-weight:700;color:#2f6fed">${code}</td></tr>
<tr><td style="font-size:14px;line-height:22px;color:#646a73">验证码${minutes}分钟内有效，请勿告诉他人。<br>如非本人操作，请忽略本邮件。</td></tr>
</table></td></tr></table></body></html>`,
  }),
  models: [
    { name: 'image_model', title: '图像生成', description: '文字生成图片', kind: 'image' },
    { name: 'animation_model', title: '动画生成', description: '文字或图片生成视频', kind: 'video' },
  ],
  prices: { image: units(20), video: units(100) },
  chargeStep: units(1),
  packages: PACKAGES.map(([tokens, priceFen]) => ({
    id: `package_${tokens}`,
    name: `${tokens} Tokens`,
    credits: units(tokens),
    priceFen: fen(priceFen),
  })),
  methods: ['alipay', 'wxpay'],
  gatewayOptions: {},
  orderHandle: (_item, nowMs, random) => `order_${nowMs}_${random.token(9)}`,
  notifyPath: (channelUuid) => `/api/payment/notify/${channelUuid}`,
  needsApproval: false,
  mostAttempts: 5,
  taskMs: 10 * 60_000,
  maxSide: 2_048,
  limits: {
    auth: { points: 60, perSeconds: 60 },
    generate: { points: 120, perSeconds: 60 },
    read: { points: 1_200, perSeconds: 60 },
    write: { points: 120, perSeconds: 60 },
  },
  analysisLimit: { points: 20, perSeconds: 3_600 },
  templatesOff: [],
  taskHandle: (kind, nowMs, random) => `${kind === 'video' ? 'anim' : 'img'}_${nowMs}_${random}`,
}
