import type { Faults, Issue } from '../../http/dialect.ts'
import { describeIssueBy } from '../shared/describe-issue.ts'
import { refuse } from './envelope.ts'

const FIELDS: Readonly<Record<string, string>> = {
  username: '用户名',
  email: '邮箱',
  password: '密码',
  title: '标题',
  keywords: '关键词',
  requirements: '要求',
  content: '内容',
  model_id: '模型',
  prompt: '画面描述',
  size: '图片尺寸',
  script: '视频脚本',
  duration: '时长',
  seconds: '时长',
  topic: '主题',
  outline: '大纲',
  amount: '金额',
  payment_method: '支付方式',
  membership_type: '会员类型',
  creation_id: '创作ID',
  platforms: '发布平台',
  schedule_time: '定时发布时间',
  credentials: '平台凭证',
  platform: '平台',
  coupon_code: '优惠券代码',
  code: '代码',
  order_id: '订单号',
  transaction_id: '交易号',
  referral_code: '推荐码',
  status: '状态',
  type: '类型',
  name: '名称',
  description: '描述',
  value: '数值',
  min_amount: '最低金额',
  max_usage: '最大使用次数',
  max_participants: '最大参与人数',
  start_time: '开始时间',
  end_time: '结束时间',
  start_date: '开始日期',
  end_date: '结束日期',
  valid_from: '生效时间',
  valid_until: '失效时间',
  parameters: '工具参数',
  negative_prompt: '反向描述',
  page: '页码',
  page_size: '每页数量',
}

/** One sentence about one field, such as 标题不能为空. */
export const describeIssue = (issue: Issue): string => describeIssueBy(FIELDS, issue)

/** 400 with a sentence for each field. */
export function refuseIssues(issues: readonly Issue[]) {
  return refuse(400, issues.map(describeIssue).join('；') || '请求参数错误')
}

/** Replies outside any route's own work; too large a body is 400 here (decided reading *Throttling*). */
export const faults: Faults = {
  badJson: () => refuse(400, '请求体不是有效的JSON'),
  invalid: refuseIssues,
  malformedRequest: () => refuse(400, '请求格式不正确'),
  headersTooLarge: () => refuse(400, '请求头过大', 431),
  unknownRoute: (method, path) => refuse(404, `接口不存在: ${method} ${path.slice(0, 200)}`),
  tooLarge: () => refuse(400, '请求体过大'),
  unsupportedType: () => refuse(400, '请使用 application/json 格式的请求体'),
  tooSlow: () => refuse(400, '请求超时，请重试', 408),
  crash: () => refuse(500, '服务器内部错误，请稍后重试'),
}
