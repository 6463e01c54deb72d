import type { Refusals } from '../../http/dialect.ts'
import type { CouponProblem, Failure } from '../../kernel/errors.ts'
import { toText } from '../../kernel/money.ts'
import { refuse } from './envelope.ts'
import { describeIssue } from './faults.ts'
import { describeProblem, platformName } from './platforms.ts'

/** What a user is told of a failure; the vendor's own words are for operators. */
export const FAILURE_MESSAGES: Readonly<Record<Failure, string>> = {
  content: '内容未通过安全审核，请修改后重试，积分已退还',
  rejected: '生成参数不被支持，请修改后重试，积分已退还',
  unavailable: 'AI服务暂时不可用，请稍后重试或更换模型，积分已退还',
  deadline: '生成超时，请稍后重试，积分已退还',
  unknown: '生成结果无法确认，请稍后查看创作记录',
}

/** 40007 where the input is at fault, 40006 where the service is (decided reading *ai-creator*). */
export const isInputRefused: Readonly<Record<Failure, boolean>> = {
  content: true,
  rejected: true,
  unavailable: false,
  deadline: false,
  unknown: false,
}

const COUPON_MESSAGES: Readonly<Record<CouponProblem, string>> = {
  not_begun: '优惠券尚未到使用时间',
  ended: '优惠券已过期',
  disabled: '优惠券已停用',
  exhausted: '优惠券已被领完',
  claimed_before: '您已领取过该优惠券',
  used: '优惠券已使用',
  reserved: '优惠券已用于另一笔未支付的订单',
  below_minimum: '订单金额未达到优惠券的最低使用金额',
  unfit: '优惠券不适用于该订单',
}

const ACTIVITY_MESSAGES = {
  not_begun: '活动尚未开始',
  ended: '活动已结束',
  full: '活动参与人数已满',
  spent: '活动奖励已发完',
} as const

/** HTTP status, code and sentence of every kernel error (specs/ai-creator.md, 错误码说明 and appendix G). */
export const refusals: Refusals = {
  credentials_missing: () => refuse(401, '请先登录'),
  credentials_invalid: () => refuse(401, '无效的认证凭证'),
  credentials_expired: () => refuse(401, '登录已过期，请重新登录'),
  credentials_revoked: () => refuse(401, '登录已失效，请重新登录'),
  account_missing: () => refuse(401, '用户不存在'),
  account_disabled: () => refuse(403, '用户账号已被禁用'),
  login_failed: () => refuse(401, '账号或密码不正确，请重新输入'),
  forbidden: () => refuse(403, '需要管理员权限'),

  email_domain_refused: () => refuse(400, '不支持该邮箱域名'),
  email_code_wrong: () => refuse(400, '验证码不正确'),
  email_code_expired: () => refuse(400, '验证码已过期'),
  email_code_used: () => refuse(400, '验证码已使用'),
  email_code_too_soon: () => refuse(429, '验证码发送过于频繁，请1分钟后再试'),
  mail_failed: () => refuse(500, '邮件发送失败，请稍后重试'),
  email_taken: () => refuse(400, '邮箱已被注册'),
  account_exists: ({ field }) => refuse(400, field === 'email' ? '邮箱已被注册' : '用户名已存在'),
  account_not_found: () => refuse(404, '用户不存在'),
  account_conflict: () => refuse(400, '用户信息已被修改，请刷新后重试'),
  account_is_own: () => refuse(400, '不能对自己执行此操作'),
  account_is_last_administrator: () => refuse(400, '不能移除最后一位管理员'),
  credit_limit_drawn: ({ drawn }) => refuse(400, `信用额度不能低于已使用的 ${toText(drawn)}`),

  input_invalid: (issue) => refuse(400, describeIssue(issue)),
  insufficient_credits: ({ required, available, wasMember }) =>
    wasMember
      ? refuse(
          40_002,
          `会员已过期，且积分不足（余额 ${toText(available)}，需要 ${toText(required)}），请续费会员`,
        )
      : refuse(40_001, `积分不足，当前余额 ${toText(available)}，需要 ${toText(required)}，请充值或购买会员`),
  idempotency_key_reused: () => refuse(422, 'Idempotency-Key 已用于另一请求，请更换后重试'),
  // Nothing was taken, so that nothing is given back.
  content_refused: () => refuse(40_007, '内容未通过安全审核，请修改后重试'),
  rate_limited: ({ retryAfterSeconds }) => refuse(429, `请求过于频繁，请${retryAfterSeconds}秒后再试`),
  model_not_found: () => refuse(404, 'AI模型不存在或未启用'),
  model_is_only_default: () => refuse(400, '这是该类型唯一可用的模型，请先添加或启用另一个模型'),

  payment_unconfigured: () => refuse(400, '该支付方式暂不可用，请更换支付方式或联系管理员'),
  package_not_found: () => refuse(400, '充值套餐不存在'),
  payment_method_refused: () => refuse(400, '不支持的支付方式'),
  order_not_found: () => refuse(40_004, '订单不存在'),
  order_not_refundable: () => refuse(400, '只能退款已支付的订单'),
  channel_not_found: () => refuse(400, '该支付方式暂不可用，请更换支付方式或联系管理员'),
  channel_disabled: () => refuse(400, '该支付方式暂不可用，请更换支付方式或联系管理员'),
  gateway_failed: () => refuse(40_005, '支付服务暂时不可用，请稍后重试'),
  plan_not_found: () => refuse(400, '会员类型不存在'),

  coupon_not_found: () => refuse(40_003, '优惠券不存在'),
  coupon_exists: () => refuse(400, '优惠券码已存在'),
  coupon_refused: ({ problem }) => refuse(40_003, COUPON_MESSAGES[problem]),
  activity_not_found: () => refuse(404, '活动不存在'),
  activity_closed: ({ problem }) => refuse(40_010, ACTIVITY_MESSAGES[problem]),
  activity_joined_before: () => refuse(400, '已参与过该活动'),
  activity_not_joinable: () => refuse(400, '该活动自动生效，无需参与'),
  referral_code_unknown: () => refuse(400, '推荐码无效'),

  platform_unknown: () => refuse(400, '不支持的平台'),
  platform_unbound: ({ platform }) =>
    refuse(40_008, `平台账号未绑定：${platformName(platform)}，请先绑定平台账号`),
  platform_refused: ({ platform, reason, address }) => {
    const { message, hint } = describeProblem(reason, address)
    return refuse(40_009, `${platformName(platform)}：${message}，${hint}`)
  },
  work_not_publishable: () => refuse(400, '该创作尚未完成或不支持发布'),
  publication_not_found: () => refuse(404, '发布记录不存在'),

  tool_not_found: () => refuse(404, '不支持的写作工具类型'),
  task_not_found: () => refuse(404, '任务不存在'),
  task_not_owned: () => refuse(403, '无权操作该任务'),
  task_not_awaiting_approval: () => refuse(400, '任务不在待审核状态'),
  task_not_editable: () => refuse(400, '任务已开始处理，无法修改'),
  task_not_cancelable: () => refuse(400, '任务已结束，无法取消'),
  task_not_retryable: () => refuse(400, '只能重试失败的任务'),
  generation_failed: ({ reason }) =>
    refuse(isInputRefused[reason] ? 40_007 : 40_006, FAILURE_MESSAGES[reason]),
  generation_running: ({ id, workId }) =>
    refuse(40_006, '生成仍在进行中，请稍后在创作记录中查看结果', 400, {
      creation_id: Number(workId),
      task_id: id,
    }),
  analysis_failed: ({ reason }) => refuse(isInputRefused[reason] ? 40_007 : 40_006, FAILURE_MESSAGES[reason]),
  work_not_found: () => refuse(404, '创作记录不存在'),
  work_not_owned: () => refuse(404, '创作记录不存在'),
  password_wrong: () => refuse(400, '当前密码错误'),
  quota_spent: ({ retryAfterSeconds }) => refuse(429, `请求过于频繁，请${retryAfterSeconds}秒后再试`),
  redeem_code_refused: () => refuse(400, '兑换码不可用'),
  work_not_ready: () => refuse(400, '创作尚未完成'),
  upload_refused: () => refuse(400, '上传的文件无效'),
  upload_not_found: () => refuse(404, '文件不存在'),
  conversation_not_found: () => refuse(404, '对话不存在'),
  conversation_busy: () => refuse(400, '上一条消息仍在回复中'),
  reply_failed: ({ reason }) => refuse(isInputRefused[reason] ? 40_007 : 40_006, FAILURE_MESSAGES[reason]),
  character_not_found: () => refuse(404, '角色不存在'),
  vendor_not_found: () => refuse(404, '服务商不存在'),
  vendor_exists: () => refuse(400, '服务商已存在'),

  unavailable: () => refuse(500, '服务暂时不可用，请稍后重试'),
}
