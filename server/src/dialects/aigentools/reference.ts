import type { ParameterReference, Reference, Reply } from '../../http/dialect.ts'
import { done, refuse } from './envelope.ts'

// The words and examples of specs/aigentools.md for the page at /docs. That they are the document's, and that
// the site answers so, is checked against contracts/aigentools.

const AT = '2024-01-01T00:00:00Z'
const TOKEN = 'eyJhbGciOiJIUzI1NiIs...'
const person = { username: 'user1', password: 'password123' }
const loggedIn = { id: 1, username: 'user1', role: 'user', token: TOKEN }

const AUTH = '认证模块'
const MODELS = 'AI模型管理'
const TASKS = '任务管理'
const PAYMENT = '支付模块'
const UPLOAD = '文件上传'
const ASSISTANT = 'AI 助手'
const ADMIN = '管理员接口'

const parameter = (description: string, schema: ParameterReference['schema']): ParameterReference => ({
  description,
  schema,
})
const idOf = (what: string): Record<string, ParameterReference> => ({
  id: parameter(`${what}的 id`, { type: 'integer', minimum: 1, examples: [1] }),
})
const pages = (limit: number, limitName = 'limit'): Record<string, ParameterReference> => ({
  page: parameter('页码', { type: 'integer', minimum: 1, default: 1 }),
  [limitName]: parameter('每页数量，超过 200 按 200 计', { type: 'integer', minimum: 1, default: limit }),
})
const moment = (description: string): ParameterReference =>
  parameter(`${description} (RFC3339)，也可以是 UTC 日期 \`YYYY-MM-DD\``, { type: 'string' })

const NO_RIGHT = { 无权限: refuse(403, 'Forbidden: Admins only') }
const missing = (message: string): Record<string, Reply> => ({ 不存在: refuse(404, message) })
const invalid = (message: string): Record<string, Reply> => ({ 参数错误: refuse(400, message) })

const NO_PARAMETERS = { request_header: [], request_body: [], response_parameters: [] }
const prompt = {
  name: 'prompt',
  type: 'string',
  required: true,
  description: '画面的描述',
  example: '一只可爱的小猫',
}
const parameters = { ...NO_PARAMETERS, request_body: [prompt] }
const newModel = {
  name: 'Model Name',
  description: 'Description',
  status: 'open',
  url: 'https://api.example.com',
  price: 0.01,
  parameters: NO_PARAMETERS,
}
const model = { id: 1, ...newModel, parameters, created_at: AT, updated_at: AT }
const { parameters: _, ...listedModel } = model
const STATES = ['open', 'closed', 'draft']

const modelFields = {
  name: '名称',
  description: '描述',
  status: '`open` 开放、`closed` 关闭、`draft` 草稿；只有开放的模型对普通用户可见',
  url: '模型的接口地址：任务提交到这里，再按返回的任务号查询结果。没有地址的模型由系统的生成服务执行',
  price: '每个任务的价格，最多 4 位小数；`null` 与 0 相同',
  parameters:
    '三个数组 `request_header`、`request_body`、`response_parameters`，每一项有 `name`、`type`、`required`、`description`、`example`。用户可以读到，不要写入密钥',
  headers: '提交任务时发给接口的请求头，只写：任何接口都不会返回',
  api_key: '接口的密钥，只写：任何接口都不会返回',
}

const input = { model_id: 1, prompt: '一只可爱的小猫' }
const task = {
  id: 1,
  input_data: input,
  creator_id: 1,
  creator_name: 'username',
  status: 1,
  result_url: '',
  retry_count: 0,
  max_retries: 3,
  error_log: '',
  remote_task_id: '',
  cost: 0,
  created_at: AT,
  updated_at: AT,
}
const taskMissing = missing('Task not found')
const bodyField =
  '任务的内容，原样保存在 `input_data`。模型由 `model_id`、`modelId`、`data.modelId`、`data.model_id` 或 `model.model_url` 指定'

const account = {
  id: 1,
  username: 'user1',
  role: 'user',
  is_active: true,
  activated_at: AT,
  deactivated_at: null,
  balance: 100,
  creditLimit: 50,
  created_at: AT,
  updated_at: AT,
}
const userMissing = missing('User not found')

const TYPES = [
  ['admin_adjustment', '管理员调整'],
  ['system_auto', '系统自动'],
  ['user_consume', '用户消费'],
  ['user_refund', '用户退款'],
] as const

const filters = {
  user_id: parameter('按用户ID过滤', { type: 'integer', minimum: 1 }),
  type: parameter('按类型过滤', { type: 'string', enum: TYPES.map(([type]) => type) }),
  start_time: moment('开始时间'),
  end_time: moment('结束时间'),
  min_amount: parameter('最小金额；消费为负数', { type: 'number' }),
  max_amount: parameter('最大金额；消费为负数', { type: 'number' }),
}

const CSV_HEAD =
  'ID,Time,User ID,Type,Amount,Balance Before,Balance After,Reason,Operator,IP Address,Device Info,Hash'

const gatewayConfig = { pid: '1001', key: 'merchant-secret-key', gateway: 'https://pay.example.com' }
const MASK = '********'
const configFields = {
  name: '显示给用户的名称',
  payment_method: '支付网关：`epay`',
  config:
    '商户号 `pid`、密钥 `key`、网关地址 `gateway`（或 `url`）。密钥加密保存，读取时被遮盖；原样交回遮盖后的值则不变',
  enable: '是否启用，默认 `true`',
}
const channelMissing = missing('Payment method not found')

const CODES: readonly (readonly [status: string, meaning: string, when: string])[] = [
  ['200', '成功', '所有成功的响应；`status` 总是 200'],
  ['201', '创建成功', '用户注册、创建模型的 HTTP 状态码；响应体的 `status` 仍为 200'],
  ['400', '请求参数错误', '请求体、参数或当前状态不允许；余额不足'],
  ['401', '未认证/Token无效', '没有、无效、过期或已登出的 token；登录失败'],
  ['403', '无权限', '仅管理员的接口；账户已停用；重试他人的任务'],
  ['404', '资源不存在', '不存在或不可见的 id；未知的地址'],
  ['409', '冲突（如用户名已存在、乐观锁冲突）', '用户名已存在；数据已被他人修改'],
  ['413', '请求体过大', '超过接口允许的大小'],
  ['415', '请求体类型不支持', '请求体不是 JSON'],
  ['422', 'Idempotency-Key 已用于另一请求', '同一个 Idempotency-Key，不同的内容'],
  ['429', '请求过于频繁', '请求头 Retry-After 是要等待的秒数'],
  ['500', '服务器内部错误', '系统错误或数据库暂时不可用'],
  ['502', '上游服务错误', '支付平台或模型服务没有正常答复'],
]

/** The page at /docs. */
export const reference: Reference = {
  title: 'aigentools-backend API 接口文档',
  introduction: [
    '所有接口使用统一的响应格式 `{status, message, data}`。成功时 `status` 为 200（即使 HTTP 状态码是 201）；出错时 `status` 等于 HTTP 状态码，`data` 为 `null`。',
    '认证方式为 Bearer Token (JWT)：`Authorization: Bearer <token>`。token 由注册和登录返回，有效期 72 小时。',
    '请求体和响应都是 JSON，未知的字段会被忽略。时间为 UTC，金额单位为元，最多 4 位小数。',
  ],
  sections: [
    { title: AUTH, description: '注册、登录、登出和当前用户。' },
    { title: MODELS, description: '所有接口需要认证。普通用户只能看到 `status=open` 的模型。' },
    {
      title: TASKS,
      description:
        '所有接口需要认证。提交时按模型的价格扣费；任务先等待管理员审核，再排队执行。取消和最终失败的任务全额退款，重试按当前价格重新扣费。',
    },
    {
      title: PAYMENT,
      description:
        '创建订单后把用户带到 `jump_url`。支付回调 (公开)：`GET|POST /api/v1/payment/notify/:uuid`，供支付平台回调使用，无需认证，成功时返回纯文本 `success`。到账只由支付平台确认，浏览器返回 `return_url` 不代表已支付。',
    },
    { title: UPLOAD, description: '把文件直接上传到对象存储的临时凭证。' },
    { title: ASSISTANT, description: '需要认证。' },
    { title: ADMIN, description: '所有接口需要管理员权限 (role = "admin")。' },
  ],
  routes: {
    'POST /auth/register': {
      section: AUTH,
      title: '用户注册',
      fields: { username: '用户名', password: '密码，6 到 72 位' },
      request: person,
      success: done('User registered successfully', loggedIn, 201),
      refusals: {
        ...invalid('username is required'),
        用户名已存在: refuse(409, 'user with this username already exists'),
      },
    },
    'POST /auth/login': {
      section: AUTH,
      title: '用户登录',
      fields: { username: '用户名', password: '密码' },
      request: person,
      success: done('Logged in successfully', loggedIn),
      refusals: {
        ...invalid('username is required'),
        用户名或密码错误: refuse(401, 'Invalid username or password'),
      },
    },
    'POST /auth/logout': {
      section: AUTH,
      title: '用户登出',
      description: '当前的 token 立即失效，其他设备上的登录不受影响。',
      success: done('Logged out successfully', null),
    },
    'GET /auth/user': {
      section: AUTH,
      title: '获取当前用户信息',
      description:
        '`credit.used` 是累计消费（退款除外），`available` 是余额加信用额度，`total` 是二者之和。`token` 是正在使用的 token。',
      success: done('User information retrieved successfully', {
        id: 1,
        username: 'user1',
        role: 'user',
        is_active: true,
        activated_at: AT,
        deactivated_at: null,
        creditLimit: 100,
        total_consumed: 50,
        credit: { total: 200, used: 50, available: 150, usagePercentage: 25 },
        token: TOKEN,
      }),
    },
    'GET /models': {
      section: MODELS,
      title: '获取模型列表',
      description: '最新的在前。',
      parameters: {
        ...pages(10),
        name: parameter('按名称过滤，不区分大小写的一部分', { type: 'string' }),
        status: parameter('按状态过滤', { type: 'string', enum: STATES }),
      },
      success: done('Success', { models: [model], total: 100, page: 1, limit: 10 }),
    },
    'GET /models/names': {
      section: MODELS,
      title: '获取模型名称列表（简化版）',
      description: '所有开放的模型。',
      success: done('Success', [listedModel]),
    },
    'GET /models/:id/parameters': {
      section: MODELS,
      title: '获取模型参数',
      parameters: idOf('模型'),
      success: done('Success', parameters),
      refusals: { 无效ID: refuse(400, 'model ID is invalid'), 模型不存在: refuse(404, 'Model not found') },
    },
    'POST /models/create': {
      section: MODELS,
      title: '创建模型',
      description: '仅管理员。',
      fields: modelFields,
      request: newModel,
      success: done('Model created successfully', model, 201),
      refusals: { ...invalid('name is required'), ...NO_RIGHT },
    },
    'PUT /models/:id': {
      section: MODELS,
      title: '更新模型',
      description: '仅管理员。所有字段可选。',
      parameters: idOf('模型'),
      fields: modelFields,
      request: newModel,
      success: done('Model updated successfully', model),
      refusals: { ...NO_RIGHT, ...missing('Model not found') },
    },
    'PATCH /models/:id/status': {
      section: MODELS,
      title: '更新模型状态',
      description: '仅管理员。',
      parameters: idOf('模型'),
      fields: { status: modelFields.status },
      request: { status: 'closed' },
      success: done('Status updated successfully', null),
      refusals: { ...NO_RIGHT, ...missing('Model not found') },
    },
    'POST /tasks': {
      section: TASKS,
      title: '提交任务',
      description:
        '按模型的价格立即扣费，`cost` 是扣除的金额。创建者总是当前用户；只有管理员可以用 `user.creatorId` 为他人提交，费用由该用户承担。请求头 `Idempotency-Key`（可选）相同的重复请求只扣费一次。',
      fields: { body: bodyField, user: '创建者 `creatorId`、`creatorName`；普通用户可以省略' },
      request: { body: input, user: { creatorId: 1, creatorName: 'username' } },
      success: done('Task submitted successfully', task),
      refusals: {
        余额不足: refuse(400, 'Insufficient balance'),
        模型不存在: refuse(404, 'Model not found'),
      },
    },
    'GET /tasks': {
      section: TASKS,
      title: '获取任务列表',
      description: '最新的在前。普通用户只能看到自己的任务。',
      parameters: {
        ...pages(10, 'page_size'),
        creator_id: parameter('按创建者过滤 (仅管理员可用)', { type: 'integer', minimum: 1 }),
        status: parameter('按状态过滤 (1-6)', { type: 'integer', minimum: 1, maximum: 6 }),
      },
      success: done('Tasks retrieved successfully', { total: 100, items: [task] }),
    },
    'GET /tasks/:id': {
      section: TASKS,
      title: '获取任务详情',
      description: '`result_url` 以文件的真实扩展名结尾。',
      parameters: idOf('任务'),
      success: done('Task retrieved successfully', task),
      refusals: taskMissing,
    },
    'PATCH /tasks/:id/approve': {
      section: TASKS,
      title: '审批任务',
      description: '仅管理员。对待审核的任务有效，只能通过一次。',
      parameters: idOf('任务'),
      success: done('Task approved successfully', { ...task, status: 2 }),
      refusals: { 状态不符: refuse(400, 'task is not pending audit'), ...NO_RIGHT, ...taskMissing },
    },
    'PUT /tasks/:id': {
      section: TASKS,
      title: '更新任务',
      description:
        '仅当任务未开始处理时可更新。已通过审核的任务更新后重新等待审核；换了模型则按新模型的价格补扣或退还差额。',
      parameters: idOf('任务'),
      fields: { body: bodyField },
      request: { body: { ...input, prompt: '一只可爱的小狗' } },
      success: done('Task updated successfully', {
        ...task,
        input_data: { ...input, prompt: '一只可爱的小狗' },
      }),
      refusals: {
        已开始处理: refuse(400, 'cannot update task in processing or later state'),
        ...taskMissing,
      },
    },
    'POST /tasks/:id/retry': {
      section: TASKS,
      title: '重试任务',
      description: '仅对失败状态的任务有效，只能由创建者重试。按当前价格重新扣费。',
      parameters: idOf('任务'),
      success: done('Task retried successfully', { ...task, status: 2 }),
      refusals: {
        任务不是失败状态: refuse(400, 'task is not in a failed state'),
        无权限: refuse(403, 'This task belongs to another user'),
        ...taskMissing,
      },
    },
    'POST /tasks/:id/cancel': {
      section: TASKS,
      title: '取消任务',
      description: '仅对待处理状态的任务有效（待审核、待执行），费用全额退还。',
      parameters: idOf('任务'),
      success: done('Task cancelled successfully', { ...task, status: 6 }),
      refusals: {
        状态不符: refuse(400, 'task cannot be cancelled in its current state'),
        ...taskMissing,
      },
    },
    'GET /payment/methods': {
      section: PAYMENT,
      title: '获取支付方式',
      description: '已启用的支付方式，没有时为空数组。',
      success: done('success', [{ uuid: 'abc-123', type: 'epay', name: '支付宝' }]),
    },
    'POST /payment/create': {
      section: PAYMENT,
      title: '创建支付订单',
      description: '请求头 `Idempotency-Key`（可选）相同的重复请求得到同一张订单。',
      fields: {
        amount: '充值金额（元），最多 2 位小数，至少 0.01',
        payment_method_uuid: '支付方式的 uuid，见「获取支付方式」',
        payment_channel: '`alipay` 或 `wxpay`',
        return_url: '支付后浏览器返回的地址',
      },
      request: {
        amount: 100,
        payment_method_uuid: 'abc-123',
        payment_channel: 'alipay',
        return_url: 'https://your-site.com/callback',
      },
      success: done('success', {
        jump_url: 'https://payment.example.com/pay?...',
        order_id: 'order_123456',
      }),
      refusals: { ...invalid('amount is too small'), ...channelMissing },
    },
    'GET /common/upload/token': {
      section: UPLOAD,
      title: '获取 OSS 上传凭证',
      description:
        '需要认证。临时密钥只能上传图片到 `uploads/`。系统自带的存储另外返回 `endpoint`，上传时传给 OSS 客户端。',
      success: done('OSS token retrieved successfully', {
        accessKeyId: 'STS.xxxxx',
        accessKeySecret: 'xxxxx',
        securityToken: 'xxxxx',
        expiration: '2024-01-01T01:00:00Z',
        region: 'oss-cn-beijing',
        bucket: 'your-bucket-name',
      }),
    },
    'POST /ai-assistant/analyze': {
      section: ASSISTANT,
      title: '分析图片生成提示词',
      description:
        '免费，每个账号每小时 20 次。`nsfw` 生成含蓄、不裸露的成年人物写真提示词，`ecommerce` 生成电商带货视频的提示词；管理员可以停用其中任何一个。站点没有接入视觉模型时，由内置渲染器 sketch 按测得的颜色、光线和构图来写，并在结果中说明。',
      fields: {
        imageUrl: '图片地址：公网地址，或本站的文件；PNG、JPEG、WebP、GIF，20 MB 以内',
        template: '`nsfw` 或 `ecommerce`',
      },
      request: { imageUrl: 'https://example.com/image.jpg', template: 'ecommerce' },
      success: done('Success', { result: '生成的提示词内容...' }),
      refusals: {
        模板不存在或已停用: refuse(400, 'Invalid template'),
        次数用完: refuse(429, 'Too many requests, please try again in 1200 seconds'),
        视觉模型没有给出结果: refuse(
          502,
          'The analysis service is not available at the moment, please try again later',
        ),
      },
    },
    'GET /admin/users': {
      section: ADMIN,
      title: '获取用户列表',
      parameters: {
        ...pages(20),
        is_active: parameter('按激活状态过滤', { type: 'boolean' }),
        created_after: moment('创建时间起始'),
        created_before: moment('创建时间结束'),
        username: parameter('按用户名过滤，不区分大小写的一部分', { type: 'string' }),
        role: parameter('按角色过滤', { type: 'string', enum: ['admin', 'user'] }),
      },
      success: done('Users retrieved successfully', { users: [account], total: 100, page: 1, limit: 20 }),
      refusals: NO_RIGHT,
    },
    'PATCH /admin/users/:id': {
      section: ADMIN,
      title: '更新用户',
      description: '所有字段可选。停用、改密码或改角色后，该用户的登录立即失效。',
      parameters: idOf('用户'),
      fields: {
        username: '用户名',
        password: '新密码，最少6位；空字符串表示不变',
        role: '`admin` 或 `user`',
        is_active: '是否激活；停用的用户不能登录，已登录的立即被拒绝',
        creditLimit: '信用额度：余额可以低到它的负数',
        updated_at: '读到的 `updated_at` (可选)：此后若有他人修改过，返回 409 而不覆盖',
      },
      request: { ...person, role: 'user', is_active: true, creditLimit: 100 },
      success: done('User updated successfully', { ...account, creditLimit: 100 }),
      refusals: {
        没有要更新的字段: refuse(400, 'No fields to update'),
        ...NO_RIGHT,
        ...userMissing,
        用户名已存在: refuse(409, 'user with this username already exists'),
        已被他人修改: refuse(409, 'data has been modified by another user, please refresh and try again'),
      },
    },
    'POST /admin/users/:id/balance': {
      section: ADMIN,
      title: '调整用户余额',
      description: '`credit` 增加余额，`debit` 扣减余额（不超过余额加信用额度）。',
      parameters: idOf('用户'),
      fields: {
        amount: '金额，大于 0，最多 4 位小数',
        type: '`credit` 增加、`debit` 扣减',
        reason: '充值/扣款原因 (可选)',
      },
      request: { amount: 100, type: 'credit', reason: '充值' },
      success: done('Balance adjusted successfully', account),
      refusals: { 余额不足: refuse(400, 'Insufficient balance'), ...NO_RIGHT, ...userMissing },
    },
    'DELETE /admin/users/:id': {
      section: ADMIN,
      title: '删除用户',
      description: '不能删除自己。交易记录永远保留。',
      parameters: idOf('用户'),
      success: done('User deleted successfully', null),
      refusals: {
        不能删除自己: refuse(400, 'Admin users cannot delete, disable or demote themselves'),
        ...NO_RIGHT,
        ...userMissing,
      },
    },
    'GET /admin/transactions': {
      section: ADMIN,
      title: '获取交易列表',
      description: '最新的在前。`hash` 与前一条记录相连，任何改动都能发现。',
      parameters: { ...pages(20), ...filters },
      success: done('Transactions retrieved successfully', {
        transactions: [
          {
            id: 1,
            created_at: '2024-01-01T00:00:00.000Z',
            user_id: 1,
            amount: 100,
            balance_before: 0,
            balance_after: 100,
            reason: '充值',
            operator: 'admin',
            type: 'admin_adjustment',
            ip_address: '127.0.0.1',
            device_info: 'Mozilla/5.0...',
            hash: 'abc123...',
          },
        ],
        total: 100,
        page: 1,
        limit: 20,
      }),
      refusals: NO_RIGHT,
    },
    'GET /admin/transactions/export': {
      section: ADMIN,
      title: '导出交易记录',
      description: 'CSV 文件下载，过滤条件与交易列表相同。以公式字符开头的文本前面加单引号。',
      parameters: filters,
      success: { status: 200, body: CSV_HEAD, headers: { 'content-type': 'text/csv; charset=utf-8' } },
      refusals: NO_RIGHT,
    },
    'GET /admin/payment/config': {
      section: ADMIN,
      title: '获取支付配置列表',
      description: '密钥被遮盖。`config.url` 与 `config.gateway` 相同。',
      success: done('success', [
        {
          id: 1,
          uuid: 'abc-123',
          name: '支付宝',
          payment_method: 'epay',
          config: { ...gatewayConfig, key: MASK },
          enable: true,
          created_at: AT,
          updated_at: AT,
        },
      ]),
      refusals: NO_RIGHT,
    },
    'POST /admin/payment/config': {
      section: ADMIN,
      title: '创建支付配置',
      fields: configFields,
      request: { name: '支付宝', payment_method: 'epay', config: gatewayConfig, enable: true },
      success: done('success', { id: 1, uuid: 'generated-uuid' }),
      refusals: { ...invalid('name is required'), ...NO_RIGHT },
    },
    'PUT /admin/payment/config/:id': {
      section: ADMIN,
      title: '更新支付配置',
      description: '所有字段可选。',
      parameters: idOf('支付配置'),
      fields: configFields,
      request: { name: '支付宝', config: gatewayConfig, enable: true },
      success: done('success', null),
      refusals: { ...NO_RIGHT, ...channelMissing },
    },
    'DELETE /admin/payment/config/:id': {
      section: ADMIN,
      title: '删除支付配置',
      description: '未支付的订单仍然可以到账。',
      parameters: idOf('支付配置'),
      success: done('success', null),
      refusals: { ...NO_RIGHT, ...channelMissing },
    },
  },
  tables: [
    { title: 'HTTP 状态码参考', columns: ['状态码', '说明', '何时出现'], rows: CODES },
    {
      title: '任务状态枚举',
      columns: ['值', '含义'],
      rows: [
        ['1', '待审核 (PendingAudit)'],
        ['2', '待执行 (PendingExecution)'],
        ['3', '处理中 (Processing)'],
        ['4', '已完成 (Completed)'],
        ['5', '失败 (Failed)'],
        ['6', '已取消 (Cancelled)'],
      ],
    },
    { title: '交易类型', columns: ['类型', '含义'], rows: TYPES },
    {
      title: '模板说明',
      columns: ['模板', '含义'],
      rows: [
        ['nsfw', '生成性感风格的 AI 图像生成提示词'],
        ['ecommerce', '生成电商带货视频的提示词'],
      ],
    },
  ],
}
