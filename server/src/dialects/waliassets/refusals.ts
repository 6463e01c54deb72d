import type { Refusals } from '../../http/dialect.ts'
import type { Failure } from '../../kernel/errors.ts'
import { toNumber, toText } from '../../kernel/money.ts'
import { refuse } from './envelope.ts'
import { describeIssue } from './faults.ts'

/** What a user is told of a failure; never the vendor's own words (decided reading *waliassets*). */
export const FAILURE_MESSAGES: Readonly<Record<Failure, string>> = {
  content: '内容未通过安全审核，请修改提示词后重试，tokens已退还',
  rejected: '生成参数不被支持，请修改后重试，tokens已退还',
  unavailable: '生成服务暂时不可用，请稍后重试，tokens已退还',
  deadline: '生成超时，请稍后重试，tokens已退还',
  unknown: '生成结果无法确认，请稍后重试',
}

const INPUT_REFUSED: Readonly<Record<Failure, boolean>> = {
  content: true,
  rejected: true,
  unavailable: false,
  deadline: false,
  unknown: false,
}

/** The business code of every kernel error: the table of facts/waliassets.md, section 0. */
export const refusals: Refusals = {
  credentials_missing: () => refuse(1003, '访问被拒绝，请提供有效的token'),
  credentials_invalid: () => refuse(1001, '无效的token'),
  credentials_expired: () => refuse(1002, 'token已过期'),
  credentials_revoked: () => refuse(1002, 'token已过期'),
  account_missing: () => refuse(1005, '无效的token，用户不存在'),
  account_disabled: () => refuse(1006, '账户已被禁用'),
  login_failed: () => refuse(1004, '邮箱或密码错误'),
  forbidden: () => refuse(1203, '权限不足'),

  // The list names two domains although googlemail.com is accepted too (decided reading).
  email_domain_refused: ({ allowed }) => {
    const allowedDomains = allowed.filter((domain) => domain !== 'googlemail.com')
    return refuse(1101, `暂时只支持以下邮箱注册：${allowedDomains.join(', ')}`, { allowedDomains })
  },
  email_code_wrong: () => refuse(1102, '验证码无效'),
  email_code_expired: () => refuse(1103, '验证码已过期'),
  email_code_used: () => refuse(1104, '验证码已使用'),
  email_code_too_soon: () => refuse(1105, '验证码发送过于频繁，请1分钟后再试'),
  mail_failed: () => refuse(1106, '发送验证码失败，请稍后重试'),
  email_taken: () => refuse(1107, '邮箱已被注册'),
  account_exists: () => refuse(1202, '用户名或邮箱已存在'),
  account_not_found: () => refuse(1201, '用户不存在'),
  account_conflict: () => refuse(1202, '用户信息已被修改，请刷新后重试'),
  account_is_own: () => refuse(1203, '不能对自己执行此操作'),
  account_is_last_administrator: () => refuse(1203, '不能移除最后一位管理员'),
  credit_limit_drawn: ({ drawn }) => refuse(1602, `信用额度不能低于已使用的 ${toText(drawn)}`),

  input_invalid: (issue) =>
    // Of the two names of an order only the first is ever missed.
    issue.field === 'orderId' && issue.problem === 'missing'
      ? refuse(1601, 'orderId 和 outTradeNo 至少需要一个')
      : refuse(1602, describeIssue(issue), { errors: [describeIssue(issue)] }),
  insufficient_credits: ({ required, available }) =>
    refuse(1301, `Token余额不足，当前余额: ${toText(available)}, 需要: ${toText(required)}`, {
      currentBalance: toNumber(available),
      required: toNumber(required),
      shortfall: toNumber(required - available),
    }),
  idempotency_key_reused: () => refuse(1602, 'Idempotency-Key 已用于另一请求，请更换后重试'),
  content_refused: () => refuse(1502, '内容未通过安全审核，请修改提示词后重试'),
  rate_limited: ({ retryAfterSeconds }) =>
    refuse(9003, `请求过于频繁，请${retryAfterSeconds}秒后再试`, { retryAfter: retryAfterSeconds }, 429),
  model_not_found: () => refuse(1503, '生成参数无效: 模型不存在或未开放'),
  model_is_only_default: () => refuse(1503, '请先开放另一个同类模型'),

  payment_unconfigured: () => refuse(1401, '支付服务配置不完整，请联系管理员'),
  package_not_found: () => refuse(1406, '无效的套餐类型'),
  payment_method_refused: () => refuse(1602, '不支持的支付方式'),
  order_not_found: () => refuse(1402, '订单不存在'),
  order_not_refundable: () => refuse(1404, '只能退款已支付的订单'),
  channel_not_found: () => refuse(1401, '支付服务配置不完整，请联系管理员'),
  channel_disabled: () => refuse(1401, '支付服务配置不完整，请联系管理员'),
  gateway_failed: () => refuse(1404, '支付服务暂时不可用，请稍后重试'),

  plan_not_found: () => refuse(1406, '无效的套餐类型'),

  coupon_not_found: () => refuse(1602, '优惠券不存在'),
  coupon_exists: () => refuse(1602, '优惠券码已存在'),
  coupon_refused: () => refuse(1602, '优惠券不可用'),
  activity_not_found: () => refuse(1602, '活动不存在'),
  activity_closed: () => refuse(1602, '活动未开始或已结束'),
  activity_joined_before: () => refuse(1602, '已参与过该活动'),
  activity_not_joinable: () => refuse(1602, '该活动无需参与'),
  referral_code_unknown: () => refuse(1602, '推荐码无效'),

  platform_unknown: () => refuse(1602, '不支持的平台'),
  platform_unbound: () => refuse(1602, '平台账号未绑定'),
  platform_refused: () => refuse(1602, '平台拒绝了请求'),
  work_not_publishable: () => refuse(1602, '该作品不能发布'),
  publication_not_found: () => refuse(1602, '发布记录不存在'),

  tool_not_found: () => refuse(1503, '生成工具不存在'),
  task_not_found: () => refuse(1501, '任务不存在'),
  task_not_owned: () => refuse(1203, '权限不足'),
  task_not_awaiting_approval: () => refuse(1503, '任务不在待审核状态'),
  task_not_editable: () => refuse(1503, '任务已开始处理，无法修改'),
  task_not_cancelable: () => refuse(1503, '任务已结束，无法取消'),
  task_not_retryable: () => refuse(1503, '只能重试失败的任务'),
  generation_failed: ({ id, reason }) =>
    refuse(INPUT_REFUSED[reason] ? 1502 : 1504, FAILURE_MESSAGES[reason], { taskId: id }),
  generation_running: ({ id }) => refuse(1504, '生成仍在进行中，请稍后通过任务ID查询结果', { taskId: id }),
  analysis_failed: ({ reason }) => refuse(INPUT_REFUSED[reason] ? 1502 : 1504, FAILURE_MESSAGES[reason]),
  work_not_found: () => refuse(1501, '记录不存在'),
  work_not_owned: () => refuse(1203, '权限不足'),
  password_wrong: () => refuse(1004, '当前密码错误'),
  quota_spent: ({ retryAfterSeconds }) =>
    refuse(9003, `请求过于频繁，请${retryAfterSeconds}秒后再试`, { retryAfter: retryAfterSeconds }, 429),
  redeem_code_refused: () => refuse(1602, '兑换码不可用'),
  work_not_ready: () => refuse(1503, '作品尚未完成'),
  upload_refused: () => refuse(1602, '上传的文件无效'),
  upload_not_found: () => refuse(1501, '文件不存在'),
  conversation_not_found: () => refuse(1501, '对话不存在'),
  conversation_busy: () => refuse(1503, '上一条消息仍在回复中'),
  reply_failed: ({ reason }) => refuse(INPUT_REFUSED[reason] ? 1502 : 1504, FAILURE_MESSAGES[reason]),
  character_not_found: () => refuse(1501, '角色不存在'),
  vendor_not_found: () => refuse(1503, '服务商不存在'),
  vendor_exists: () => refuse(1602, '服务商已存在'),

  unavailable: () => refuse(9001, '数据库暂时不可用，请稍后重试', null, 500),
}
