import type { Issue, Refusals, Reply } from '../../http/dialect.ts'
import type { Failure, UploadProblem } from '../../kernel/errors.ts'
import { toText } from '../../kernel/money.ts'

// Two documents share a code base in the field, and their front-end its sentences. Each dialect has its own envelope, and
// says in its own folder where its document wants something else.

/** What a user is told of a failure; the vendor's own words are for operators. */
export const FAILURE_MESSAGES: Readonly<Record<Failure, string>> = {
  content: '内容未通过安全审核，请修改后重试，算力已退还',
  rejected: '生成参数不被支持，请修改后重试，算力已退还',
  unavailable: 'AI服务暂时不可用，请稍后重试或更换模型，算力已退还',
  deadline: '生成超时，请稍后重试，算力已退还',
  unknown: '生成结果无法确认，请稍后查看作品',
}

const isInputRefused = (reason: Failure): boolean => reason === 'content' || reason === 'rejected'

const EXISTS = { username: '用户名已存在', email: '邮箱已存在', phone: '手机号已存在' } as const

const UPLOAD_MESSAGES: Readonly<Record<UploadProblem, string>> = {
  missing: '请选择要上传的文件',
  type: '不支持的文件类型',
  too_large: '文件过大',
  too_many: '一次只能上传一个文件',
  broken: '文件已损坏或无法识别，请更换文件后重试',
}

const CODE_MESSAGES = { unknown: '卡密不存在', used: '卡密已被使用', expired: '卡密已过期' } as const
const QUOTAS = { image: '今日图片生成次数', video: '今日视频生成次数', calls: '本小时API调用次数' } as const

/**
 * HTTP status and sentence of every kernel error, in the envelope that `refuse` makes.
 *
 * @param refuseIssues the same for fields of a body.
 */
export function siblingRefusals(
  refuse: (code: number, message: string) => Reply,
  refuseIssues: (issues: readonly Issue[]) => Reply,
): Refusals {
  return {
    credentials_missing: () => refuse(401, '未提供认证令牌'),
    credentials_invalid: () => refuse(401, '无效的认证令牌'),
    credentials_expired: () => refuse(401, '登录已过期，请重新登录'),
    credentials_revoked: () => refuse(401, '登录已失效，请重新登录'),
    account_missing: () => refuse(401, '用户不存在，请重新登录'),
    account_disabled: () => refuse(403, '账号已被禁用'),
    login_failed: () => refuse(401, '用户名或密码错误'),
    forbidden: () => refuse(403, '需要管理员权限'),
    password_wrong: () => refuse(400, '旧密码错误'),

    email_domain_refused: () => refuse(400, '不支持该邮箱域名'),
    email_code_wrong: () => refuse(400, '验证码不正确'),
    email_code_expired: () => refuse(400, '验证码已过期'),
    email_code_used: () => refuse(400, '验证码已使用'),
    email_code_too_soon: () => refuse(429, '验证码发送过于频繁，请1分钟后再试'),
    mail_failed: () => refuse(500, '邮件发送失败，请稍后重试'),
    email_taken: () => refuse(400, EXISTS.email),
    account_exists: ({ field }) => refuse(400, EXISTS[field]),
    account_not_found: () => refuse(404, '用户不存在'),
    account_conflict: () => refuse(400, '用户信息已被修改，请刷新后重试'),
    account_is_own: () => refuse(400, '不能对自己执行此操作'),
    account_is_last_administrator: () => refuse(400, '不能移除最后一位管理员'),
    credit_limit_drawn: ({ drawn }) => refuse(400, `信用额度不能低于已使用的 ${toText(drawn)}`),

    input_invalid: (issue) => refuseIssues([issue]),
    insufficient_credits: ({ required, available }) =>
      refuse(400, `算力不足，当前余额 ${toText(available)}，需要 ${toText(required)}，请充值后重试`),
    idempotency_key_reused: () => refuse(422, 'Idempotency-Key 已用于另一请求，请更换后重试'),
    content_refused: () => refuse(400, '内容未通过安全审核，请修改后重试'),
    rate_limited: ({ retryAfterSeconds }) => refuse(429, `请求过于频繁，请${retryAfterSeconds}秒后再试`),
    quota_spent: ({ quota, limit }) =>
      refuse(429, `${QUOTAS[quota]}已用完（${limit}次），请稍后再试或升级会员`),
    model_not_found: () => refuse(400, '模型不存在或未启用'),
    model_is_only_default: () => refuse(400, '这是该类型唯一可用的模型'),

    payment_unconfigured: () => refuse(400, '该支付方式暂不可用，请更换支付方式或联系管理员'),
    package_not_found: () => refuse(400, '充值套餐不存在'),
    payment_method_refused: () => refuse(400, '不支持的支付方式'),
    order_not_found: () => refuse(404, '订单不存在'),
    order_not_refundable: () => refuse(400, '只能退款已支付的订单'),
    channel_not_found: () => refuse(400, '该支付方式暂不可用，请更换支付方式或联系管理员'),
    channel_disabled: () => refuse(400, '该支付方式暂不可用，请更换支付方式或联系管理员'),
    gateway_failed: () => refuse(500, '支付服务暂时不可用，请稍后重试'),
    plan_not_found: () => refuse(400, '会员套餐不存在'),

    coupon_not_found: () => refuse(404, '优惠券不存在'),
    coupon_exists: () => refuse(400, '优惠券码已存在'),
    coupon_refused: () => refuse(400, '优惠券不可用'),
    activity_not_found: () => refuse(404, '活动不存在'),
    activity_closed: () => refuse(400, '活动未开始或已结束'),
    activity_joined_before: () => refuse(400, '已参与过该活动'),
    activity_not_joinable: () => refuse(400, '该活动无需参与'),
    referral_code_unknown: () => refuse(400, '推荐码无效'),
    redeem_code_refused: ({ problem }) => refuse(problem === 'unknown' ? 404 : 400, CODE_MESSAGES[problem]),

    platform_unknown: () => refuse(400, '不支持的平台'),
    platform_unbound: () => refuse(400, '平台账号未绑定'),
    platform_refused: () => refuse(400, '平台拒绝了请求'),
    work_not_publishable: () => refuse(400, '作品尚未完成，无法发布'),
    publication_not_found: () => refuse(404, '发布记录不存在'),

    tool_not_found: () => refuse(404, '生成工具不存在'),
    task_not_found: () => refuse(404, '任务不存在'),
    task_not_owned: () => refuse(404, '任务不存在'),
    task_not_awaiting_approval: () => refuse(400, '任务不在待审核状态'),
    task_not_editable: () => refuse(400, '任务已开始处理，无法修改'),
    task_not_cancelable: () => refuse(400, '任务已结束，无法取消'),
    task_not_retryable: () => refuse(400, '只能重试失败的任务'),
    generation_failed: ({ reason }) => refuse(isInputRefused(reason) ? 400 : 500, FAILURE_MESSAGES[reason]),
    generation_running: () => refuse(500, '生成仍在进行中，请稍后查看作品'),
    analysis_failed: ({ reason }) => refuse(isInputRefused(reason) ? 400 : 500, FAILURE_MESSAGES[reason]),
    work_not_found: () => refuse(404, '作品不存在'),
    work_not_owned: () => refuse(404, '作品不存在'),
    work_not_ready: () => refuse(400, '作品尚未完成，无法下载'),

    upload_refused: ({ problem, mostBytes }) =>
      refuse(
        400,
        mostBytes === undefined
          ? UPLOAD_MESSAGES[problem]
          : `${UPLOAD_MESSAGES[problem]}，最大 ${Math.floor(mostBytes / 1_048_576)} MB`,
      ),
    upload_not_found: () => refuse(404, '文件不存在'),

    conversation_not_found: () => refuse(404, '对话不存在'),
    conversation_busy: () => refuse(400, '上一条消息仍在回复中，请稍后再发'),
    reply_failed: ({ reason }) => refuse(isInputRefused(reason) ? 400 : 500, FAILURE_MESSAGES[reason]),
    character_not_found: () => refuse(404, '角色不存在'),
    vendor_not_found: () => refuse(400, '服务商不存在或未启用'),
    vendor_exists: () => refuse(400, '同名服务商已存在'),

    unavailable: () => refuse(500, '服务暂时不可用，请稍后重试'),
  }
}
