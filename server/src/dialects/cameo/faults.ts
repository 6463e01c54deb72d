import type { Faults, Issue } from '../../http/dialect.ts'
import { describeIssueBy } from '../shared/describe-issue.ts'
import { refuse } from './envelope.ts'

const FIELDS: Readonly<Record<string, string>> = {
  username: '用户名',
  email: '邮箱',
  phone: '手机号',
  password: '密码',
  referral_code: '推荐码',
  oldPassword: '旧密码',
  newPassword: '新密码',
  nickname: '昵称',
  avatar_url: '头像地址',
  prompt: '提示词',
  negative_prompt: '反向提示词',
  task_type: '任务类型',
  model_provider: '服务商',
  model_name: '模型',
  source_image_url: '参考图片',
  parameters: '参数',
  width: '宽度',
  height: '高度',
  size: '图片尺寸',
  strength: '重绘强度',
  duration: '时长',
  seconds: '时长',
  resolution: '分辨率',
  title: '标题',
  is_public: '公开状态',
  status: '状态',
  work_type: '作品类型',
  category: '分类',
  sort: '排序',
  page: '页码',
  pageSize: '每页数量',
  name: '名称',
  type: '类型',
  content: '内容',
  sessionId: '会话',
  modelName: '模型',
  ids: '作品',
  code: '卡密',
  plan_type: '会员套餐',
  payment_method: '支付方式',
  image: '图片',
  video: '视频',
  avatar: '头像',
  file: '文件',
}

/** One sentence about one field, such as 提示词不能为空. */
export const describeIssue = (issue: Issue): string => describeIssueBy(FIELDS, issue)

/** 400 with a sentence for each field. */
export function refuseIssues(issues: readonly Issue[]) {
  return refuse(400, issues.map(describeIssue).join('；') || '请求参数错误')
}

/** Replies outside any route's own work; too large a body is 400 here, as 413 is none of the document's. */
export const faults: Faults = {
  badJson: () => refuse(400, '请求体不是有效的JSON'),
  invalid: refuseIssues,
  malformedRequest: () => refuse(400, '请求格式不正确'),
  headersTooLarge: () => refuse(400, '请求头过大', 431),
  unknownRoute: (method, path) => refuse(404, `接口不存在: ${method} ${path.slice(0, 200)}`),
  tooLarge: () => refuse(400, '请求体过大'),
  unsupportedType: () => refuse(400, '不支持的请求体类型，请使用 application/json 或上传表单'),
  tooSlow: () => refuse(400, '请求超时，请重试', 408),
  crash: () => refuse(500, '服务器内部错误，请稍后重试'),
}
