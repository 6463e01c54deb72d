import type { ParameterReference, Reference, Reply } from '../../http/dialect.ts'
import { done, refuse } from './envelope.ts'

// The words and examples of specs/ai-creator.md for the page at /docs. That they are the document's, and that the
// site answers so, is checked against contracts/ai-creator.

const AT = '2026-01-22T10:00:00'
const MEMBER_UNTIL = '2026-02-22T10:00:00'
const TOKEN = 'eyJ0eXAiOiJKV1QiLCJhbGc...'
const CASHIER = 'https://payment.example.com/pay?order=...'

const AUTH = '认证接口'
const CREDIT = '积分会员接口'
const WRITING = 'AI写作接口'
const IMAGE = '图片生成接口'
const VIDEO = '视频生成接口'
const PPT = 'PPT生成接口'
const CREATIONS = '创作记录接口'
const PUBLISH = '发布管理接口'
const OPERATION = '运营管理接口'
const MODELS = 'AI模型管理接口'

const parameter = (description: string, schema: ParameterReference['schema']): ParameterReference => ({
  description,
  schema,
})
const idOf = (what: string, name = 'id'): Record<string, ParameterReference> => ({
  [name]: parameter(`${what}ID`, { type: 'integer', minimum: 1, examples: [1] }),
})
const choice = (description: string, of: readonly string[]): ParameterReference =>
  parameter(description, { type: 'string', enum: of })
const day = (description: string): ParameterReference =>
  parameter(`${description} \`YYYY-MM-DD\`（UTC+8），包括这一天`, { type: 'string' })
const pages: Record<string, ParameterReference> = {
  page: parameter('页码', { type: 'integer', minimum: 1, default: 1 }),
  page_size: parameter('每页数量，最大 100，更大的按 100 计', { type: 'integer', minimum: 1, default: 20 }),
}
const page = { total: 1, page: 1, page_size: 20 }

const NO_RIGHT = { 无权限: refuse(403, '需要管理员权限') }
const missing = (message: string): Record<string, Reply> => ({ 不存在: refuse(404, message) })
const invalid = (message: string): Record<string, Reply> => ({ 参数错误: refuse(400, message) })

// ---- Examples --------------------------------------------------------------------------------------------

const user = { id: 1, username: 'testuser', email: 'test@example.com' }
const membership = { is_member: true, membership_type: 'monthly', membership_end_date: MEMBER_UNTIL }

const order = {
  id: 1,
  order_id: 'R202601221000001',
  order_no: 'R202601221000001',
  amount: 10.0,
  payable_amount: 10.0,
  bonus_credits: 0,
  payment_method: 'alipay',
  payment_status: 'paid',
  payment_url: null,
  created_at: AT,
  paid_at: AT,
}
const MEMBERSHIP_ORDER = 'M202601221000001'
const orderFields = {
  amount: '充值金额（元），最多 2 位小数；1 元 = 10 积分',
  payment_method:
    '`alipay`、`wechat` 或 `balance`（附录 E）。`balance` 只能购买会员，按 10 积分 = 1 元立即支付',
  membership_type: '`monthly`、`quarterly` 或 `yearly`（附录 D）；续费从当前到期时间起顺延',
  coupon_code: '优惠券码，可省略。未领取的优惠券在下单时自动领取；下单后预留，支付后使用，订单失效则归还',
}
const orderRefusals = {
  优惠券无效: refuse(40_003, '订单金额未达到优惠券的最低使用金额'),
  支付失败: refuse(40_005, '支付服务暂时不可用，请稍后重试'),
}

const TITLE = '如何提高工作效率'
const row = {
  id: 123,
  type: 'writing',
  tool_type: 'wechat_article',
  title: TITLE,
  content: '文章内容...',
  created_at: AT,
}
const creation = {
  ...row,
  status: 'completed',
  image_url: null,
  video_url: null,
  download_url: null,
  credits_used: 10,
  version: 1,
  updated_at: AT,
  input_data: { title: TITLE, keywords: ['时间管理', '效率工具'], requirements: null },
  is_truncated: false,
  model_id: 1,
  task_id: 'text_task_123',
  progress: 100,
  error: null,
}
const FAMILIES = ['writing', 'image', 'video', 'ppt']
const creationMissing = missing('创作记录不存在')

const modelField =
  '模型 ID，见「获取AI模型列表」；省略时使用默认模型。模型自己的 `credits_cost` 优先于工具的积分'
const generationRefusals = {
  积分不足: refuse(40_001, '积分不足，当前余额 0，需要 10，请充值或购买会员'),
  会员已过期: refuse(40_002, '会员已过期，且积分不足（余额 0，需要 10），请续费会员'),
  AI服务调用失败: refuse(40_006, 'AI服务暂时不可用，请稍后重试或更换模型，积分已退还'),
  内容生成失败: refuse(40_007, '内容未通过安全审核，请修改后重试，积分已退还'),
  模型不存在: refuse(404, 'AI模型不存在或未启用'),
}
const ONCE = '请求头 `Idempotency-Key`（可选）相同的重复请求只扣费一次。'
const HELD = '请求在生成完成后返回；超过 280 秒仍未完成时返回 40006，生成继续进行，结果在创作记录中查看。'

const activity = {
  id: 1,
  name: '新用户注册送积分',
  type: 'credit_gift',
  description: '新用户注册即送100积分',
  config: { credits: 100 },
  status: 'active',
  start_time: '2026-01-22T00:00:00',
  end_time: '2026-02-22T23:59:59',
  max_participants: null,
  current_participants: 0,
  budget: null,
  created_at: AT,
}
const newCoupon = {
  code: 'DISCOUNT10',
  name: '充值优惠券',
  type: 'discount',
  value: 10.0,
  min_amount: 100.0,
  max_usage: 1000,
  valid_from: '2026-01-22T00:00:00',
  valid_until: '2026-02-22T23:59:59',
}
const coupon = { id: 1, ...newCoupon, used_count: 0, status: 'active', created_at: AT }
const claim = {
  id: 1,
  coupon_id: 1,
  code: 'DISCOUNT10',
  name: '充值优惠券',
  type: 'discount',
  value: 10.0,
  min_amount: 100.0,
  valid_from: newCoupon.valid_from,
  valid_until: newCoupon.valid_until,
  status: 'unused',
  received_at: AT,
  used_at: null,
  order_id: null,
  coupon,
}
const couponMissing = refuse(40_003, '优惠券不存在')

const publication = {
  id: 1,
  publish_id: 789,
  creation_id: 123,
  platform: 'wechat',
  status: 'success',
  state: 'published',
  account_name: '我的公众号',
  title: TITLE,
  platform_post_id: 'post-1',
  platform_url: 'https://example.com/post-1',
  error_message: null,
  hint: null,
  handoff_url: null,
  scheduled_at: null,
  published_at: AT,
  created_at: AT,
}

const newModel = {
  name: '通义千问Plus',
  provider: 'qwen',
  model_name: 'qwen-plus',
  api_key: 'sk-xxx',
  api_base: 'https://dashscope.aliyuncs.com/api/v1',
  config: { temperature: 0.7, max_tokens: 2000 },
  credits_cost: 8,
}
const model = {
  id: 1,
  name: '通义千问Plus',
  provider: 'qwen',
  model_name: 'qwen-plus',
  is_active: true,
  credits_cost: 8,
  kind: 'text',
  capabilities: ['text'],
  description: '',
  api_base: 'https://dashscope.aliyuncs.com/compatible-mode/v1',
  config: { temperature: 0.7, max_tokens: 2000 },
}
const modelFields = {
  name: '显示给用户的名称',
  provider: '供应商，如 `qwen`、`openai`、`deepseek`；其他兼容 OpenAI 接口的用 `custom`',
  model_name: '供应商处的模型名称',
  api_key: '密钥，加密保存，任何接口都不会返回；省略、留空或交回遮盖后的值则不变',
  api_base: '接口地址；省略时使用供应商的默认地址',
  base_url: '与 `api_base` 相同',
  config: '`temperature`（0–2）和 `max_tokens`；`kind` 说明模型的用途',
  kind: '用途：`text`、`image`、`video`、`vision`；默认 `text`',
  capabilities: '与 `kind` 相同，写成数组',
  credits_cost: '每次调用的积分；省略时按工具的积分计',
  is_active: '是否启用；停用的模型只有管理员可见',
  description: '说明',
}
const modelMissing = missing('AI模型不存在或未启用')

// ---- Tables ----------------------------------------------------------------------------------------------

const STATUSES: readonly (readonly [status: string, meaning: string, when: string])[] = [
  ['200', '成功', '所有成功的响应'],
  ['400', '请求参数错误', '请求体、参数或当前状态不允许；附录 G 的详细错误码；请求体过大'],
  ['401', '未认证', '没有、无效、过期或已失效的令牌；登录失败'],
  ['403', '无权限', '仅管理员的接口；账号已被禁用'],
  ['404', '资源不存在', '不存在或属于他人的 ID；未知的地址'],
  ['422', 'Idempotency-Key 已用于另一请求', '同一个 Idempotency-Key，不同的内容'],
  ['429', '请求过于频繁', '超过附录 H 的限制；响应头 Retry-After 是要等待的秒数'],
  ['500', '服务器内部错误', '系统错误或服务暂时不可用'],
]

const TOOLS = [
  ['wechat_article', '公众号文章'],
  ['xiaohongshu_note', '小红书笔记'],
  ['official_document', '公文写作'],
  ['academic_paper', '论文写作'],
  ['marketing_copy', '营销文案'],
  ['news_article', '新闻稿/软文'],
  ['video_script', '短视频脚本'],
  ['story_novel', '故事/小说'],
  ['business_plan', '商业计划书'],
  ['work_report', '工作报告'],
  ['resume', '简历/求职信'],
  ['lesson_plan', '教案/课件'],
  ['content_rewrite', '内容改写'],
  ['translation', '多语言翻译'],
] as const

const ACTIVITY_TYPES = [
  ['credit_gift', '积分赠送', '由用户参与，每人一次，得到 `config.credits` 积分'],
  ['membership_discount', '会员折扣', '会员订单自动减 `config.percent` %'],
  ['referral_bonus', '推荐奖励', '推荐奖励之外再加 `config.credits` 积分'],
  [
    'first_purchase',
    '首次购买优惠',
    '首个订单自动减 `config.percent` %，或在付款后得到 `config.credits` 积分',
  ],
] as const

const COUPON_TYPES = [
  ['discount', '折扣券（百分比）', '`value` 是减去的百分比：10 表示少付 10 %'],
  ['deduction', '抵扣券（固定金额）', '`value` 是减去的金额（元）'],
  ['credit_bonus', '积分加赠', '`value` 是付款后加赠的积分'],
] as const

const MEMBERSHIPS = [
  ['monthly', '月度会员（9.9元/月）', '30 天'],
  ['quarterly', '季度会员（25元/季）', '90 天'],
  ['yearly', '年度会员（99元/年）', '365 天'],
] as const

const METHODS = [
  ['alipay', '支付宝'],
  ['wechat', '微信支付'],
  ['balance', '余额支付'],
] as const

const PLATFORMS = [
  ['wechat', '微信公众号'],
  ['xiaohongshu', '小红书'],
  ['douyin', '抖音'],
  ['kuaishou', '快手'],
  ['toutiao', '今日头条'],
] as const

const DETAIL_CODES = [
  ['40001', '积分不足', '请充值积分或购买会员'],
  ['40002', '会员已过期', '请续费会员'],
  ['40003', '优惠券无效', '检查优惠券状态和有效期'],
  ['40004', '订单不存在', '检查订单ID是否正确'],
  ['40005', '支付失败', '重试支付或联系客服'],
  ['40006', 'AI服务调用失败', '稍后重试或更换模型'],
  ['40007', '内容生成失败', '检查输入参数或重试'],
  ['40008', '平台账号未绑定', '先绑定平台账号'],
  ['40009', '发布失败', '检查平台规则或重试'],
  ['40010', '活动已结束', '查看其他活动'],
] as const

const LIMITS = [
  ['认证接口', '10次/分钟', '注册、登录、刷新Token；按账号和地址计'],
  ['AI生成接口', '会员：无限制；非会员：20次/小时', '所有 `generate` 接口'],
  ['查询接口', '100次/分钟', '其他 `GET` 接口'],
  ['其他接口', '60次/分钟', '其余接口'],
] as const

const namesOf = (rows: readonly (readonly [string, ...string[]])[]): string[] => rows.map(([name]) => name)

/** The page at /docs. */
export const reference: Reference = {
  title: 'AI创作平台 API接口文档',
  introduction: [
    '所有接口使用统一的响应格式 `{code, message, data}`。成功时 `code` 为 200；出错时 `code` 是 HTTP 状态码，或附录 G 的详细错误码（HTTP 状态码为 400），`data` 为 `null`，`message` 可以直接显示给用户。',
    '使用JWT Token认证，在请求头中添加：`Authorization: Bearer {access_token}`。访问令牌有效期2小时，刷新令牌有效期7天。',
    '请求体和响应都是 JSON，未知的字段会被忽略。所有时间使用ISO 8601格式，时区为UTC+8（北京时间），如 `2026-01-22T10:00:00`。金额单位为元。',
    '1 元 = 10 积分。会员用户优先使用会员权益（不扣积分），生成失败会自动退还积分。',
  ],
  sections: [
    { title: AUTH, description: '注册、登录、刷新令牌和当前用户。' },
    {
      title: CREDIT,
      description: '充值和会员订单、余额和交易记录。创建订单后把用户带到 `payment_url`。',
    },
    { title: WRITING, description: '14个写作工具（附录 A）。' },
    { title: IMAGE, description: '文字生成图片。' },
    { title: VIDEO, description: '异步生成：创建任务后定期查询状态。' },
    { title: PPT, description: '主题和大纲生成演示文稿。' },
    { title: CREATIONS, description: '当前用户生成的文章、图片、视频和PPT；最新的在前。' },
    {
      title: PUBLISH,
      description: '把创作发布到附录 F 的平台。没有接口的平台由用户打开 `handoff_url` 手动完成，无需绑定。',
    },
    { title: OPERATION, description: '活动、优惠券、推荐和统计。创建和统计仅管理员。' },
    { title: MODELS, description: '添加、更新和删除仅管理员。' },
  ],
  routes: {
    // ---- 1 ----
    'POST /auth/register': {
      section: AUTH,
      title: '用户注册',
      description: '新用户积分为 0。注册不会登录。',
      fields: {
        username: '用户名，3 至 50 个字母、数字或下划线',
        email: '邮箱',
        password: '密码，6 至 50 个字符',
        referral_code: '推荐码，可省略；推荐人在新用户首次付款后得到奖励',
      },
      request: { username: 'testuser', email: 'test@example.com', password: 'password123' },
      success: done({ ...user, credit_balance: 0, is_member: false, referral_code: 'ABC123' }, '注册成功'),
      refusals: {
        ...invalid('邮箱格式不正确，请检查后重试'),
        用户名已存在: refuse(400, '用户名已存在'),
        邮箱已被注册: refuse(400, '邮箱已被注册'),
      },
    },
    'POST /auth/login': {
      section: AUTH,
      title: '用户登录',
      fields: { username: '用户名或邮箱', password: '密码' },
      request: { username: 'testuser', password: 'password123' },
      success: done(
        {
          access_token: TOKEN,
          refresh_token: TOKEN,
          token_type: 'bearer',
          user: { ...user, credit_balance: 100, is_member: true, membership_type: 'monthly' },
        },
        '登录成功',
      ),
      refusals: {
        ...invalid('用户名不能为空'),
        登录失败: refuse(401, '账号或密码不正确，请重新输入'),
        账号已被禁用: refuse(403, '用户账号已被禁用'),
      },
    },
    'POST /auth/refresh': {
      section: AUTH,
      title: '刷新Token',
      description:
        '请求头 `Authorization: Bearer {refresh_token}`；没有请求头时也可以在请求体中给出 `refresh_token`。每个刷新令牌只能使用一次，响应中有下一个；重复使用旧的令牌会结束这次登录。',
      success: done({ access_token: TOKEN, token_type: 'bearer' }, 'Token刷新成功'),
      refusals: { 刷新令牌无效: refuse(401, '无效的刷新令牌，请重新登录') },
    },
    'GET /auth/me': {
      section: AUTH,
      title: '获取当前用户信息',
      description: '不是会员时 `membership_type` 为 `null`。',
      success: done({ ...user, credit_balance: 100, ...membership, referral_code: 'ABC123' }),
    },
    // ---- 2 ----
    'POST /credit/recharge': {
      section: CREDIT,
      title: '创建充值订单',
      description: `\`amount\` 是充值金额，\`payable_amount\` 是使用优惠后要支付的金额，\`bonus_credits\` 是加赠的积分。${ONCE}`,
      fields: orderFields,
      request: { amount: 10.0, payment_method: 'alipay', coupon_code: 'DISCOUNT10' },
      success: done(
        { order_id: 'R202601221000001', amount: 10.0, credits: 100, payment_url: CASHIER },
        '订单创建成功',
      ),
      refusals: { ...invalid('金额太小'), ...orderRefusals },
    },
    'POST /credit/membership': {
      section: CREDIT,
      title: '创建会员订单',
      description: `用 \`balance\` 支付的订单立即生效，\`payment_url\` 为 \`null\`。${ONCE}`,
      fields: orderFields,
      request: { membership_type: 'monthly', payment_method: 'wechat' },
      success: done(
        { order_id: MEMBERSHIP_ORDER, membership_type: 'monthly', amount: 9.9, payment_url: CASHIER },
        '会员订单创建成功',
      ),
      refusals: {
        ...invalid('会员类型不存在'),
        ...orderRefusals,
        积分不足: generationRefusals.积分不足,
      },
    },
    'POST /credit/payment/callback': {
      section: CREDIT,
      title: '支付回调',
      description:
        '无需认证，但只有得到证明的支付才会到账：请求头 `X-Timestamp`（Unix 秒，300 秒内有效）和 `X-Signature`（以支付渠道的密钥对 `timestamp.rawBody` 计算的 HMAC-SHA256，十六进制）；没有签名时向订单的支付平台查询。重复的回调只到账一次。未得到证明返回 40005，订单仍可支付。',
      fields: {
        order_id: '订单 ID',
        payment_method: '订单的支付方式',
        transaction_id: '支付平台的交易号',
        status: '`success`；其他值表示支付失败',
      },
      request: {
        order_id: 'R202601221000001',
        payment_method: 'alipay',
        transaction_id: '2026012212345678',
        status: 'success',
      },
      success: done({ order_id: 'R202601221000001', status: 'paid' }),
      refusals: {
        订单不存在: refuse(40_004, '订单不存在'),
        支付失败: refuse(40_005, '支付未确认，请完成支付后重试或联系客服'),
      },
    },
    'GET /credit/balance': {
      section: CREDIT,
      title: '获取积分余额',
      success: done({ credit_balance: 100, ...membership }),
    },
    'GET /credit/transactions': {
      section: CREDIT,
      title: '获取交易记录',
      description: '最新的在前。`amount` 在消费时为负数。',
      parameters: {
        ...pages,
        type: choice('按类型过滤', ['recharge', 'consume', 'refund', 'reward', 'expire']),
        transaction_type: choice('与 `type` 相同', ['recharge', 'consume', 'refund', 'reward', 'expire']),
      },
      success: done({
        total: 50,
        page: 1,
        page_size: 20,
        items: [
          {
            id: 1,
            type: 'recharge',
            amount: 100,
            balance_after: 200,
            description: '充值10元',
            created_at: AT,
          },
        ],
      }),
    },
    'GET /credit/recharge/orders': {
      section: CREDIT,
      title: '获取充值订单列表',
      description:
        '最新的在前。`payment_status` 是 `pending`、`paid`、`failed`、`refunded` 或 `cancelled`；只有 `pending` 的订单有 `payment_url`。',
      parameters: pages,
      success: done({ ...page, items: [{ ...order, credits: 100 }] }),
    },
    'GET /credit/membership/orders': {
      section: CREDIT,
      title: '获取会员订单列表',
      description: '最新的在前。`expired_at` 是这张订单买到的会员的到期时间。',
      parameters: pages,
      success: done({
        ...page,
        items: [
          {
            ...order,
            order_id: MEMBERSHIP_ORDER,
            order_no: MEMBERSHIP_ORDER,
            amount: 9.9,
            payable_amount: 9.9,
            payment_method: 'wechat',
            membership_type: 'monthly',
            original_amount: 9.9,
            discount_amount: 0,
            expired_at: MEMBER_UNTIL,
          },
        ],
      }),
    },
    // ---- 3 ----
    'POST /writing/:tool_type/generate': {
      section: WRITING,
      title: '生成内容',
      description: `10 积分。${HELD}${ONCE}`,
      parameters: {
        tool_type: parameter('工具类型（wechat_article, xiaohongshu_note等），见附录 A', {
          type: 'string',
          enum: namesOf(TOOLS),
        }),
      },
      fields: {
        title: '标题或主题；工具需要的主要内容',
        keywords: '关键词，数组或一段文字',
        requirements: '补充要求',
        model_id: modelField,
        parameters: '工具自己的参数，见「获取写作工具列表」的 `inputs`',
      },
      request: {
        title: TITLE,
        keywords: ['时间管理', '效率工具'],
        requirements: '字数2000字，包含实用技巧',
        model_id: 1,
      },
      success: done({ creation_id: 123, content: '生成的文章内容...', credits_used: 10 }, '生成成功'),
      refusals: {
        ...invalid('标题不能为空'),
        工具不存在: refuse(404, '不支持的写作工具类型'),
        ...generationRefusals,
      },
    },
    'GET /writing/tools': {
      section: WRITING,
      title: '获取写作工具列表',
      description: '无需认证。`inputs` 是工具自己的参数。',
      success: done([
        {
          type: 'wechat_article',
          name: '公众号文章',
          description: '生成适合微信公众号的文章',
          credits_cost: 10,
        },
      ]),
    },
    // ---- 4 to 6 ----
    'POST /image/generate': {
      section: IMAGE,
      title: '文本生成图片',
      description: `20 积分。${HELD}${ONCE}`,
      fields: {
        prompt: '画面描述',
        size: '图片尺寸 `宽x高`，默认 `1024x1024`',
        model_id: modelField,
        negative_prompt: '画面中不要出现的内容',
      },
      request: { prompt: '一只可爱的猫咪在花园里玩耍', size: '1024x1024', model_id: 2 },
      success: done({ image_url: 'https://cdn.example.com/images/xxx.png', credits_used: 20 }, '生成成功'),
      refusals: { ...invalid('画面描述不能为空'), ...generationRefusals },
    },
    'POST /video/generate': {
      section: VIDEO,
      title: '生成视频',
      description: `50 积分，与时长无关。任务失败时退还积分。${ONCE}`,
      fields: {
        script: '视频脚本内容',
        duration: '时长（秒），1 至 60，默认 5',
        model_id: modelField,
      },
      request: { script: '视频脚本内容', duration: 30, model_id: 3 },
      success: done({ task_id: 'video_task_123', status: 'processing' }, '任务已创建'),
      refusals: {
        ...invalid('视频脚本不能为空'),
        积分不足: generationRefusals.积分不足,
        会员已过期: generationRefusals.会员已过期,
        模型不存在: generationRefusals.模型不存在,
      },
    },
    'GET /video/:task_id/status': {
      section: VIDEO,
      title: '获取视频生成状态',
      description:
        '`status` 是 `processing`、`completed` 或 `failed`；失败时 `error` 说明原因。完成前 `video_url` 为 `null`。',
      parameters: { task_id: parameter('任务ID', { type: 'string', examples: ['video_task_123'] }) },
      success: done({
        task_id: 'video_task_123',
        status: 'completed',
        video_url: 'https://cdn.example.com/videos/xxx.mp4',
        credits_used: 50,
      }),
      refusals: missing('任务不存在'),
    },
    'POST /ppt/generate': {
      section: PPT,
      title: '生成PPT',
      description: `30 积分。\`download_url\` 一天内有效，新的地址在创作详情中。${HELD}${ONCE}`,
      fields: {
        topic: '主题',
        outline: '大纲，每一项是一个部分；省略时由模型拟定',
        model_id: modelField,
      },
      request: { topic: '产品发布会', outline: ['产品介绍', '核心功能', '市场分析'], model_id: 4 },
      success: done(
        { ppt_id: 456, download_url: 'https://cdn.example.com/ppt/xxx.pptx', credits_used: 30 },
        '生成成功',
      ),
      refusals: { ...invalid('主题不能为空'), ...generationRefusals },
    },
    // ---- 7 ----
    'GET /creations': {
      section: CREATIONS,
      title: '获取创作列表',
      description: '最新的在前。生成失败的只在 `status=failed` 时列出。',
      parameters: {
        ...pages,
        type: choice('按类型过滤', FAMILIES),
        tool_type: choice('按写作工具过滤（附录 A）', namesOf(TOOLS)),
        status: choice('按状态过滤', ['processing', 'completed', 'failed']),
        keyword: parameter('标题或内容的一部分', { type: 'string' }),
        search: parameter('与 `keyword` 相同', { type: 'string' }),
        start_date: day('开始日期'),
        end_date: day('结束日期'),
      },
      success: done({ total: 100, page: 1, page_size: 20, items: [row] }),
    },
    'GET /creations/:id': {
      section: CREATIONS,
      title: '获取创作详情',
      parameters: idOf('创作'),
      success: done(creation),
      refusals: creationMissing,
    },
    'PUT /creations/:id': {
      section: CREATIONS,
      title: '更新创作内容',
      description: '省略的字段不变。原来的内容保留为历史版本。',
      parameters: idOf('创作'),
      fields: { title: '标题', content: '内容' },
      request: { title: '新标题', content: '更新后的内容' },
      success: done({ ...creation, title: '新标题', content: '更新后的内容', version: 2 }, '更新成功'),
      refusals: creationMissing,
    },
    'DELETE /creations/:id': {
      section: CREATIONS,
      title: '删除创作',
      parameters: idOf('创作'),
      success: done(null, '删除成功'),
      refusals: creationMissing,
    },
    'GET /creations/:id/versions': {
      section: CREATIONS,
      title: '获取创作的历史版本',
      description: '最新的在前，第一个是现在的内容。',
      parameters: { ...idOf('创作'), ...pages },
      success: done({
        ...page,
        items: [{ version: 1, is_current: true, title: TITLE, content: '文章内容...', created_at: AT }],
      }),
      refusals: creationMissing,
    },
    'POST /creations/:id/versions/:version/restore': {
      section: CREATIONS,
      title: '恢复历史版本',
      description: '以前的内容成为新的版本，没有内容会丢失。',
      parameters: {
        ...idOf('创作'),
        version: parameter('版本号', { type: 'integer', minimum: 1, examples: [1] }),
      },
      success: done({ ...creation, version: 3 }, '恢复成功'),
      refusals: creationMissing,
    },
    // ---- 8 ----
    'POST /publish': {
      section: PUBLISH,
      title: '发布内容',
      description:
        '需要绑定的平台中有一个未绑定时，全部不发布。定时发布的 `status` 为 `scheduled`。之后的进展见「获取发布历史」。',
      fields: {
        creation_id: '创作 ID',
        platforms: '平台，见附录 F',
        schedule_time: '定时发布的时间（UTC+8），一年以内；省略则立即发布',
      },
      request: {
        creation_id: 123,
        platforms: ['wechat', 'xiaohongshu'],
        schedule_time: '2026-01-23T10:00:00',
      },
      success: done({ publish_id: 789, status: 'pending' }, '发布任务已创建'),
      refusals: {
        ...invalid('不支持的平台'),
        平台账号未绑定: refuse(40_008, '平台账号未绑定：wechat，请先绑定平台账号'),
        ...creationMissing,
      },
    },
    'GET /publish/platforms': {
      section: PUBLISH,
      title: '获取支持的平台列表',
      description:
        '`direct_types` 通过绑定的账号直接发布，其他类型由用户手动完成。`credential_fields` 是绑定时 `credentials` 的字段。',
      success: done([
        {
          platform: 'wechat',
          name: '微信公众号',
          login_url: 'https://mp.weixin.qq.com/',
          supported_types: ['article', 'image', 'video'],
          direct_types: ['article', 'image'],
          credential_fields: [{ name: 'app_id', required: true }],
          needs_binding: true,
          is_bound: true,
          account_name: '我的公众号',
        },
        {
          platform: 'xiaohongshu',
          name: '小红书',
          login_url: 'https://creator.xiaohongshu.com/',
          supported_types: ['article', 'image', 'video'],
          direct_types: [],
          credential_fields: [],
          needs_binding: false,
          is_bound: false,
          account_name: null,
        },
        {
          platform: 'douyin',
          name: '抖音',
          login_url: 'https://creator.douyin.com/',
          supported_types: ['article', 'image', 'video'],
          direct_types: ['video'],
          credential_fields: [{ name: 'client_key', required: true }],
          needs_binding: true,
          is_bound: false,
          account_name: null,
        },
        {
          platform: 'kuaishou',
          name: '快手',
          login_url: 'https://cp.kuaishou.com/',
          supported_types: ['article', 'image', 'video'],
          direct_types: ['video'],
          credential_fields: [{ name: 'app_id', required: true }],
          needs_binding: true,
          is_bound: false,
          account_name: null,
        },
        {
          platform: 'toutiao',
          name: '今日头条',
          login_url: 'https://mp.toutiao.com/',
          supported_types: ['article', 'image', 'video'],
          direct_types: ['video'],
          credential_fields: [{ name: 'app_id', required: true }],
          needs_binding: true,
          is_bound: false,
          account_name: null,
        },
      ]),
    },
    'POST /publish/platforms/bind': {
      section: PUBLISH,
      title: '绑定平台账号',
      description: '先在平台验证凭证，再加密保存；任何接口都不会返回凭证。再次绑定会替换原来的账号。',
      fields: { platform: '平台，见附录 F', credentials: '平台的凭证，字段见「获取支持的平台列表」' },
      request: { platform: 'wechat', credentials: { app_id: 'xxx', app_secret: 'xxx' } },
      success: done(
        { id: 1, platform: 'wechat', account_name: '我的公众号', is_active: 'active', created_at: AT },
        '绑定成功',
      ),
      refusals: {
        ...invalid('不支持的平台'),
        发布失败: refuse(40_009, 'wechat：平台账号凭证无效，请检查后重新绑定'),
      },
    },
    'GET /publish/history': {
      section: PUBLISH,
      title: '获取发布历史',
      description:
        '每个平台一行，最新的在前。`state` 比 `status` 更细，`hint` 说明下一步；`handoff_url` 是手动发布的页面。',
      parameters: {
        ...pages,
        platform: choice('按平台过滤', namesOf(PLATFORMS)),
        status: choice('按状态过滤', ['pending', 'publishing', 'success', 'failed', 'scheduled']),
      },
      success: done({ ...page, items: [publication] }),
    },
    // ---- 9 ----
    'POST /operation/activities': {
      section: OPERATION,
      title: '创建活动',
      description: '仅管理员。',
      fields: {
        name: '名称',
        type: '活动类型，见附录 B',
        description: '说明',
        config: '`credits`（积分）或 `percent`（减去的百分比），见附录 B',
        start_time: '开始时间（UTC+8）',
        end_time: '结束时间（UTC+8）',
        max_participants: '最多参与人数，可省略',
        budget: '最多送出的积分，可省略',
      },
      request: {
        name: '新用户注册送积分',
        type: 'credit_gift',
        description: '新用户注册即送100积分',
        config: { credits: 100 },
        start_time: '2026-01-22T00:00:00',
        end_time: '2026-02-22T23:59:59',
      },
      success: done({ id: 1, name: '新用户注册送积分', status: 'active' }, '活动创建成功'),
      refusals: { ...invalid('end_time太小'), ...NO_RIGHT },
    },
    'GET /operation/activities': {
      section: OPERATION,
      title: '获取活动列表',
      description: '最新的在前。`disabled` 的活动只有管理员可见。',
      parameters: {
        status: choice('按状态过滤', ['active', 'upcoming', 'ended', 'disabled']),
        ...pages,
      },
      success: done({ ...page, items: [activity] }),
    },
    'POST /operation/activities/:activity_id/participate': {
      section: OPERATION,
      title: '参与活动',
      description: '仅 `credit_gift` 类型的活动，每人一次；其他类型自动生效。',
      parameters: idOf('活动', 'activity_id'),
      success: done(
        {
          id: 1,
          activity_id: 1,
          reward_type: 'credits',
          reward_amount: 100,
          credit_balance: 100,
          participated_at: AT,
        },
        '参与成功，获得 100 积分',
      ),
      refusals: {
        已参与: refuse(400, '已参与过该活动'),
        活动已结束: refuse(40_010, '活动已结束'),
        ...missing('活动不存在'),
      },
    },
    'POST /operation/coupons': {
      section: OPERATION,
      title: '创建优惠券',
      description: '仅管理员。',
      fields: {
        code: '优惠券码',
        name: '名称',
        type: '优惠券类型，见附录 C',
        value: '减去的百分比、减去的金额（元）或加赠的积分，见附录 C',
        min_amount: '最低使用金额（元），可省略',
        max_usage: '最多领取次数，可省略',
        valid_from: '有效期开始（UTC+8）',
        valid_until: '有效期结束（UTC+8）',
      },
      request: newCoupon,
      success: done({ id: 1, code: 'DISCOUNT10', status: 'active' }, '优惠券创建成功'),
      refusals: { 优惠券码已存在: refuse(400, '优惠券码已存在'), ...NO_RIGHT },
    },
    'GET /operation/coupons': {
      section: OPERATION,
      title: '获取优惠券列表',
      description: '最新的在前。`used_count` 是已领取的次数；`disabled` 的优惠券只有管理员可见。',
      parameters: {
        status: choice('按状态过滤', ['active', 'upcoming', 'ended', 'exhausted', 'disabled']),
        ...pages,
      },
      success: done({ ...page, items: [coupon] }),
    },
    'POST /operation/coupons/:coupon_id/claim': {
      section: OPERATION,
      title: '领取优惠券',
      description: '每人一张。',
      parameters: idOf('优惠券', 'coupon_id'),
      success: done(claim, '领取成功'),
      refusals: { 优惠券无效: refuse(40_003, '优惠券已被领完'), 优惠券不存在: couponMissing },
    },
    'GET /operation/my-coupons': {
      section: OPERATION,
      title: '获取我的优惠券',
      description: '最新的在前。`reserved` 的优惠券属于一张未支付的订单，`order_id` 是它的订单 ID。',
      parameters: {
        status: choice('按状态过滤', ['unused', 'reserved', 'used', 'expired']),
        ...pages,
      },
      success: done({ ...page, items: [claim] }),
    },
    'POST /operation/referral/generate': {
      section: OPERATION,
      title: '生成推荐码',
      description: '每个账号一个推荐码，重复调用得到同一个。被推荐的用户首次付款后，推荐人得到 50 积分。',
      success: done(
        { referral_code: 'ABC123', referral_url: 'https://example.com/register?ref=ABC123' },
        '推荐码已生成',
      ),
    },
    'GET /operation/referral/records': {
      section: OPERATION,
      title: '获取推荐记录',
      description:
        '最新的在前。`status` 是 `pending`、`completed` 或 `reversed`（退款后收回）；`total_rewards` 是全部奖励的总和。',
      parameters: pages,
      success: done({
        total: 10,
        total_rewards: 500,
        items: [{ id: 1, referred_user: 'user123', reward_amount: 50, status: 'completed', created_at: AT }],
      }),
    },
    'GET /operation/statistics': {
      section: OPERATION,
      title: '获取运营统计',
      description:
        '仅管理员。`new_users`、`total_revenue` 和 `total_credits_sold` 属于所选的日期；`conversion_rate` 是付费用户占全部用户的比例（0–1）。',
      parameters: { start_date: day('开始日期'), end_date: day('结束日期') },
      success: done({
        total_users: 10_000,
        new_users: 500,
        total_revenue: 50_000.0,
        total_credits_sold: 500_000,
        active_members: 1000,
        conversion_rate: 0.15,
      }),
      refusals: { ...invalid('end_date太小'), ...NO_RIGHT },
    },
    // ---- 10 ----
    'GET /models': {
      section: MODELS,
      title: '获取AI模型列表',
      description: '停用的模型只有管理员可见；管理员另外看到 `api_base` 和 `config`。',
      parameters: {
        provider: parameter('按供应商过滤', { type: 'string', examples: ['qwen'] }),
        is_active: choice('按是否启用过滤', ['true', 'false']),
      },
      success: done([
        {
          id: 1,
          name: '通义千问Max',
          provider: 'qwen',
          model_name: 'qwen-max',
          is_active: true,
          credits_cost: 10,
        },
      ]),
    },
    'POST /models': {
      section: MODELS,
      title: '添加AI模型配置',
      description: '仅管理员。',
      fields: modelFields,
      request: newModel,
      success: done(model, '模型添加成功'),
      refusals: { ...invalid('provider不能为空'), ...NO_RIGHT },
    },
    'PUT /models/:id': {
      section: MODELS,
      title: '更新AI模型配置',
      description: '仅管理员。省略或为 `null` 的字段不变。',
      parameters: idOf('模型'),
      fields: modelFields,
      request: { name: '通义千问Plus', credits_cost: 8 },
      success: done(model, '模型更新成功'),
      refusals: { ...NO_RIGHT, ...modelMissing },
    },
    'DELETE /models/:id': {
      section: MODELS,
      title: '删除AI模型配置',
      description: '仅管理员。正在进行的任务不受影响。',
      parameters: idOf('模型'),
      success: done(null, '模型已删除'),
      refusals: { ...NO_RIGHT, ...modelMissing },
    },
  },
  tables: [
    {
      title: '错误码说明',
      columns: ['错误码', '说明', '什么时候'],
      rows: STATUSES,
    },
    { title: 'A. 写作工具类型', columns: ['类型', '名称'], rows: TOOLS },
    { title: 'B. 活动类型', columns: ['类型', '名称', '效果'], rows: ACTIVITY_TYPES },
    { title: 'C. 优惠券类型', columns: ['类型', '名称', '效果'], rows: COUPON_TYPES },
    { title: 'D. 会员类型', columns: ['类型', '名称', '有效期'], rows: MEMBERSHIPS },
    { title: 'E. 支付方式', columns: ['方式', '名称'], rows: METHODS },
    { title: 'F. 发布平台', columns: ['平台', '名称'], rows: PLATFORMS },
    {
      title: 'G. 错误码详细说明',
      note: '在 `code` 中返回，HTTP 状态码为 400。',
      columns: ['错误码', '说明', '解决方案'],
      rows: DETAIL_CODES,
    },
    {
      title: 'H. 请求频率限制',
      note: '登录后按账号计，登录前按用户名和地址计。超过时返回 429，响应头 Retry-After 是要等待的秒数。',
      columns: ['接口类型', '限制', '接口'],
      rows: LIMITS,
    },
    {
      title: 'I. 最佳实践',
      columns: ['主题', '说明'],
      rows: [
        ['Token管理', '访问令牌有效期2小时，刷新令牌有效期7天；在访问令牌过期前使用刷新令牌获取新的访问令牌'],
        ['错误处理', '始终检查响应的code字段；对于5xx错误，实施重试机制（指数退避）'],
        ['积分消费', '会员用户优先使用会员权益（不扣积分）；生成失败会自动退还积分'],
        ['异步任务', '视频生成等耗时任务采用异步处理；定期轮询任务状态'],
        ['分页查询', '使用page和page_size参数进行分页；默认page_size为20，最大100；total是总记录数'],
        ['日期时间', '所有时间使用ISO 8601格式；时区为UTC+8（北京时间）；示例：2026-01-22T10:00:00'],
      ],
    },
  ],
}
