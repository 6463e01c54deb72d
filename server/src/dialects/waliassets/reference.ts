import type { ParameterReference, Reference, Reply } from '../../http/dialect.ts'
import { done, refuse } from './envelope.ts'

// The words and examples of specs/waliassets.md for the page at /docs. That they are the document's, and that
// the site answers so, is checked against contracts/waliassets.

const user = { id: 'uuid-string', username: 'username', email: 'user@qq.com' }
const imageParameters = { size: '512x512', guidance_scale: 2.5, seed: 12345, watermark: true }
const TASK = 'img_1234567890_abc123'
const PICTURE = 'https://example.com/image.jpg'
const created = { createdAt: '2024-01-01T12:00:00Z', updatedAt: '2024-01-01T12:01:00Z' }

const parameter = (description: string, schema: ParameterReference['schema']): ParameterReference => ({
  description,
  schema,
})
const pages = (limit: number): Record<string, ParameterReference> => ({
  page: parameter('页码', { type: 'integer', minimum: 1, default: 1 }),
  limit: parameter('每页数量，超过 100 按 100 计', { type: 'integer', minimum: 1, default: limit }),
})
const day = (description: string): ParameterReference =>
  parameter(`${description}，格式 \`YYYY-MM-DD\`，按 UTC 计，包含当天`, { type: 'string', format: 'date' })

const insufficient = (available: number, required: number): Reply =>
  refuse(1301, `Token余额不足，当前余额: ${available}, 需要: ${required}`, {
    currentBalance: available,
    required,
    shortfall: required - available,
  })

const AUTH = '认证相关'
const TOKEN = 'Token管理'
const PAYMENT = '支付相关'
const GENERATE = '生成功能'

const TRANSACTION_TYPES = [
  'REGISTER_BONUS',
  'IMAGE_GENERATION',
  'VIDEO_GENERATION',
  'PAYMENT',
  'ADMIN_ADJUST',
  'REFUND',
]

const CONSUMPTION = ['IMAGE_GENERATION', 'VIDEO_GENERATION']

const transactions = {
  section: TOKEN,
  title: '获取Token使用历史',
  description:
    '余额的每一次变动，最新的在前；消耗为负数，`balance` 是变动之后的余额。生成失败退还的 tokens 记为 `REFUND`。',
  parameters: {
    ...pages(20),
    type: parameter('交易类型 (可选)', { type: 'string', enum: TRANSACTION_TYPES }),
  },
  success: done({
    transactions: [
      {
        id: 1,
        type: 'IMAGE_GENERATION',
        amount: -20,
        balance: 80,
        description: '图像生成',
        metadata: { taskId: TASK },
        createdAt: created.createdAt,
      },
    ],
    pagination: { total: 1, page: 1, limit: 20, totalPages: 1 },
  }),
}

const KEPT_OPEN =
  '请求会保持到生成结束，最长 280 秒；超过后返回 `1504` 和 `taskId`，任务继续进行，用「查询任务状态」取结果。生成失败时 tokens 立即退还。请求头 `Idempotency-Key`（可选）相同的重复请求只生成、只扣费一次。'

const CODES: readonly (readonly [code: string, meaning: string, where: string])[] = [
  ['1', '操作成功', '所有成功的响应'],
  ['1001', '无效的token', '签名或格式不正确'],
  ['1002', 'token已过期', '超过 7 天，或登录状态已被结束'],
  ['1003', '缺少认证token', '没有 Authorization 请求头'],
  ['1004', '邮箱或密码错误', '登录'],
  ['1005', '无效的token，用户不存在', '账户已被删除'],
  ['1006', '账户已被禁用', '登录和所有需要认证的接口'],
  ['1101', '邮箱域名不支持', '发送验证码、注册'],
  ['1102', '验证码无效', '注册：没有发送过，或不正确'],
  ['1103', '验证码已过期', '注册：超过 10 分钟，或已尝试 3 次'],
  ['1104', '验证码已使用', '注册'],
  ['1105', '验证码发送过于频繁', '每个邮箱 1 分钟内只能发送一次'],
  ['1106', '发送验证码失败', '邮件没有发出，可以立即重试'],
  ['1107', '邮箱已被注册', '发送注册验证码'],
  ['1202', '用户名或邮箱已存在', '注册'],
  ['1203', '权限不足', '删除他人的历史记录'],
  ['1301', 'Token余额不足', '生成；data 说明还差多少'],
  ['1401', '支付服务配置不完整', '创建支付订单'],
  ['1402', '订单不存在', '查询订单状态'],
  ['1404', '支付状态异常', '支付服务没有接受订单，请稍后重试'],
  ['1406', '无效的套餐类型', '创建支付订单'],
  ['1501', '任务不存在', '查询任务状态；删除不存在的记录'],
  ['1502', '生成失败', '输入内容被拒绝，请修改后重试；tokens 已退还'],
  ['1503', '生成参数无效', '模型不存在或未开放'],
  ['1504', '生成服务错误', '服务暂时不可用（tokens 已退还），或仍在进行中'],
  ['1601', '缺少必要参数', '请求体'],
  ['1602', '参数无效', '请求体和查询参数；data.errors 逐条说明'],
  ['9000', '系统内部错误', 'HTTP 500'],
  ['9001', '数据库暂时不可用', 'HTTP 500'],
  ['9003', '请求过于频繁', 'HTTP 429，请求头 Retry-After 是要等待的秒数'],
]

/** The page at /docs. */
export const reference: Reference = {
  title: 'WaliAssets API 文档',
  introduction: [
    '所有接口使用统一的响应格式 `{success, code, message, data}`。HTTP 状态码通常为 200，业务状态通过 `code` 字段表示：`1` 为成功，其余见文末的业务错误代码。',
    '大部分接口需要在请求头中包含 JWT：`Authorization: Bearer <your_jwt_token>`。token 由注册和登录返回，有效期 7 天。',
    '请求体和响应都是 JSON。时间为 UTC。',
  ],
  sections: [
    {
      title: AUTH,
      description:
        '注册流程：发送验证码到邮箱，用户收到 6 位数字，提交注册信息和验证码，获得 100 tokens 奖励。验证码有效期 10 分钟，每个邮箱 1 分钟内只能发送一次，每个验证码最多尝试 3 次，只能使用一次。',
    },
    { title: TOKEN, description: '余额和每一次变动。' },
    {
      title: PAYMENT,
      description:
        '创建订单后把用户带到 `payUrl`；支付结果由支付平台通知，也可以随时查询订单。到账的 tokens 只由支付平台确认，浏览器返回 `returnUrl` 不代表已支付。',
    },
    { title: GENERATE, description: '图像和动画的生成、进度与历史。' },
  ],
  routes: {
    'POST /auth/send-code': {
      section: AUTH,
      title: '发送邮箱验证码',
      description: '支持邮箱：qq.com、gmail.com、googlemail.com。',
      fields: { email: '接收验证码的邮箱', type: '验证码的用途，默认 `register`' },
      request: { email: 'user@qq.com', type: 'register' },
      success: done({ email: 'user@qq.com', expiresIn: 600 }, '验证码已发送到您的邮箱，请查收'),
      refusals: {
        邮箱域名不支持: refuse(1101, '暂时只支持以下邮箱注册：qq.com, gmail.com', {
          allowedDomains: ['qq.com', 'gmail.com'],
        }),
      },
    },
    'POST /auth/register': {
      section: AUTH,
      title: '用户注册',
      description: '用户注册（需要邮箱验证码）。',
      fields: {
        email: '收到验证码的邮箱',
        password: '密码，至少 6 位',
        username: '用户名，3 到 50 位',
        emailCode: '6 位数字验证码',
      },
      request: { email: 'user@qq.com', password: 'password123', username: 'username', emailCode: '123456' },
      success: done(
        { user: { ...user, tokenBalance: 100 }, token: 'jwt_token_here', tokenBonus: 100 },
        '用户注册成功，获得 100 tokens奖励',
      ),
      refusals: { 验证码无效: refuse(1102, '验证码无效') },
    },
    'POST /auth/login': {
      section: AUTH,
      title: '用户登录',
      fields: { email: '注册时的邮箱', password: '密码' },
      request: { email: 'user@example.com', password: 'password123' },
      success: done({ user: { ...user, tokenBalance: 100 }, token: 'jwt_token_here' }, '登录成功'),
      refusals: { 登录失败: refuse(1004, '邮箱或密码错误') },
    },
    'GET /token/balance': {
      section: TOKEN,
      title: '获取Token余额',
      success: done({ balance: 100, user }),
      refusals: { 无效的token: refuse(1001, '无效的token') },
    },
    'GET /token/transactions': transactions,
    'GET /token/history': {
      ...transactions,
      title: '获取Token使用历史（别名）',
      description: '与 `GET /token/transactions` 相同，供旧客户端使用。',
    },
    'GET /token/cost/:type': {
      section: TOKEN,
      title: '查询Token消耗',
      description: '一次生成的价格，以及当前余额是否足够。',
      parameters: {
        type: parameter('消耗类型', { type: 'string', enum: CONSUMPTION, examples: ['IMAGE_GENERATION'] }),
      },
      success: done({ type: 'IMAGE_GENERATION', cost: 20, currentBalance: 100, canAfford: true }),
      refusals: { 无效的操作类型: refuse(1602, '无效的操作类型', { errors: ['无效的操作类型'] }) },
    },
    'POST /payment/create': {
      section: PAYMENT,
      title: '创建支付订单',
      description: '请求头 `Idempotency-Key`（可选）相同的重复请求得到同一张订单。',
      fields: {
        package: '套餐ID，见「获取支付套餐」',
        paymentType: '支付方式：`alipay` 或 `wxpay`',
        returnUrl: '支付后浏览器返回的地址 (可选)',
      },
      request: { package: 'package_100', paymentType: 'alipay', returnUrl: 'http://example.com/return' },
      success: done(
        {
          orderId: 'order_123456',
          outTradeNo: 'trade_789012',
          payUrl: 'https://payment.example.com/pay?order=xxx',
          qrCode: 'https://qr.example.com/qrcode.png',
        },
        '订单创建成功',
      ),
      refusals: { 无效的套餐类型: refuse(1406, '无效的套餐类型') },
    },
    'GET /payment/query': {
      section: PAYMENT,
      title: '查询订单状态',
      description:
        '`orderId` 与 `outTradeNo` 至少给出一个。`status`：`0` 未支付，`1` 已支付，`2` 已退款。支付平台暂时无法查询时 `remoteOrder` 为 `null`。',
      parameters: {
        orderId: parameter('订单ID', { type: 'string', examples: ['order_123456'] }),
        outTradeNo: parameter('商户订单号', { type: 'string' }),
      },
      success: done({
        localOrder: {
          id: 'order_123456',
          outTradeNo: 'trade_789012',
          tradeNo: 'remote_trade_345678',
          name: '100 Tokens',
          money: 2,
          type: 'alipay',
          status: 1,
          tokenAmount: 100,
          createdAt: '2024-01-01T12:00:00Z',
          paidAt: '2024-01-01T12:05:00Z',
        },
        remoteOrder: { status: 1, tradeNo: 'remote_trade_345678', totalFee: 2 },
      }),
      refusals: { 订单不存在: refuse(1402, '订单不存在') },
    },
    'GET /payment/packages': {
      section: PAYMENT,
      title: '获取支付套餐',
      description: '在售的套餐（示例只列出三个）和支付方式。',
      success: done({
        packages: [
          { id: 'package_100', tokens: 100, price: 2, name: '100 Tokens' },
          { id: 'package_500', tokens: 500, price: 9, name: '500 Tokens' },
          { id: 'package_1000', tokens: 1000, price: 16, name: '1000 Tokens' },
        ],
        paymentTypes: [
          { id: 'alipay', name: '支付宝', icon: 'alipay' },
          { id: 'wxpay', name: '微信支付', icon: 'wechat' },
        ],
      }),
    },
    'POST /generate/image': {
      section: GENERATE,
      title: '图像生成',
      description: `Token消耗：\`IMAGE_GENERATION\` 类型。${KEPT_OPEN}`,
      fields: {
        prompt: '图像的描述',
        size: '宽x高，每边 64 到 2048 像素，默认 `512x512`',
        guidance_scale: '对描述的遵循程度，默认 `2.5`',
        seed: '随机种子，1 到 2147483647；其他值由系统选取',
        watermark: '是否加水印，默认 `false`',
      },
      request: { prompt: '一只可爱的小猫', ...imageParameters },
      success: done({ taskId: TASK, image_url: PICTURE, tokenConsumed: 20 }, '图片生成成功，消耗 20 tokens'),
      refusals: { Token不足: insufficient(5, 20) },
    },
    'POST /generate/animation': {
      section: GENERATE,
      title: '动画生成',
      description: `Token消耗：\`VIDEO_GENERATION\` 类型。${KEPT_OPEN}`,
      fields: {
        model: '模型，默认的是 `animation_model`',
        content: '动画内容描述、图像的地址或 `data:image` 数据，或二者组成的数组',
      },
      request: { model: 'animation_model', content: '动画内容描述或图像数据' },
      success: done(
        {
          taskId: 'anim_1234567890_abc123',
          video_url: 'https://example.com/video.mp4',
          tokenConsumed: 100,
        },
        '视频生成成功，消耗 100 tokens',
      ),
      refusals: { Token不足: insufficient(50, 100) },
    },
    'GET /generate/status/:taskId': {
      section: GENERATE,
      title: '查询任务状态',
      parameters: { taskId: parameter('生成接口返回的任务ID', { type: 'string', examples: [TASK] }) },
      success: done({
        taskId: TASK,
        status: 'completed',
        progress: 100,
        type: 'image',
        resultUrl: PICTURE,
        resultUrls: [PICTURE],
        errorMessage: null,
        ...created,
      }),
      refusals: { 任务不存在: refuse(1501, '任务不存在') },
    },
    'GET /generate/history': {
      section: GENERATE,
      title: '获取生成历史',
      description: '`summary` 是所有符合条件的记录的合计，不只是当前页。',
      parameters: {
        ...pages(10),
        type: parameter('生成类型 (可选)', { type: 'string', enum: ['image', 'animation'] }),
        status: parameter('状态筛选 (可选)', {
          type: 'string',
          enum: ['pending', 'processing', 'completed', 'failed'],
        }),
        startDate: day('开始日期 (可选)'),
        endDate: day('结束日期 (可选)'),
      },
      success: done({
        history: [
          {
            id: 1,
            type: 'image',
            prompt: '一只可爱的小猫',
            parameters: imageParameters,
            status: 'completed',
            taskId: TASK,
            resultUrl: PICTURE,
            resultUrls: [PICTURE],
            tokenConsumed: 20,
            errorMessage: null,
            progress: 100,
            ...created,
          },
        ],
        pagination: { total: 1, page: 1, limit: 10, totalPages: 1 },
        summary: { totalGenerated: 1, totalTokensConsumed: 20 },
      }),
    },
    'DELETE /generate/history/:id': {
      section: GENERATE,
      title: '删除生成历史',
      parameters: { id: parameter('历史记录的 id', { type: 'integer', minimum: 1, examples: [1] }) },
      success: done(null, '删除成功'),
      refusals: { 权限不足: refuse(1203, '权限不足') },
    },
  },
  tables: [
    { title: '业务错误代码', columns: ['业务码', '说明', '何时出现'], rows: CODES },
    {
      title: 'Token套餐',
      note: '默认价格；实际在售的套餐以「获取支付套餐」为准。',
      columns: ['套餐ID', 'Token数量', '价格', '名称'],
      rows: [
        ['package_100', '100', '¥2.00', '100 Tokens'],
        ['package_500', '500', '¥9.00', '500 Tokens'],
        ['package_1000', '1000', '¥16.00', '1000 Tokens'],
        ['package_2000', '2000', '¥30.00', '2000 Tokens'],
        ['package_5000', '5000', '¥70.00', '5000 Tokens'],
      ],
    },
    {
      title: 'Token消耗',
      note: '默认价格；实际价格以「查询Token消耗」为准。',
      columns: ['功能', '消耗类型', '消耗数量'],
      rows: [
        ['图像生成', 'IMAGE_GENERATION', '20 tokens'],
        ['动画生成', 'VIDEO_GENERATION', '100 tokens'],
      ],
    },
    {
      title: '任务状态',
      columns: ['状态', '说明'],
      rows: [
        ['pending', '等待处理'],
        ['processing', '正在生成'],
        ['completed', '生成完成'],
        ['failed', '生成失败'],
      ],
    },
  ],
}
