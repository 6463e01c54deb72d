import type { Faults, Issue } from '../../http/dialect.ts'
import { describeIssueBy } from '../shared/describe-issue.ts'
import { refuse } from './envelope.ts'

const FIELDS: Readonly<Record<string, string>> = {
  username: '用户名',
  email: '邮箱',
  password: '密码',
  prompt: '提示词',
  negativePrompt: '反向提示词',
  width: '宽度',
  height: '高度',
  size: '图片尺寸',
  numImages: '图片数量',
  count: '图片数量',
  style: '风格',
  seed: '随机种子',
  strength: '重绘强度',
  image: '图片',
  file: '文件',
  model: '模型',
  duration: '时长',
  seconds: '时长',
  resolution: '分辨率',
  fps: '帧率',
  type: '类型',
  status: '状态',
  sort: '排序',
  page: '页码',
  pageSize: '每页数量',
  title: '标题',
  message: '消息',
  amount: '充值数量',
  paymentMethod: '支付方式',
  plan: '会员套餐',
  cardCode: '卡密',
  name: '名称',
  apiUrl: '接口地址',
  apiKey: '接口密钥',
  config: '配置',
}

/** One sentence about one field, such as 提示词不能为空. */
export const describeIssue = (issue: Issue): string => describeIssueBy(FIELDS, issue)

/** 400 with a sentence for each field. */
export function refuseIssues(issues: readonly Issue[]) {
  return refuse(400, '请求参数错误', issues.map(describeIssue).join('；'))
}

/** Replies outside any route's own work; too large a body is 400 here, as 413 is none of the document's. */
export const faults: Faults = {
  badJson: () => refuse(400, '请求体不是有效的JSON'),
  invalid: refuseIssues,
  malformedRequest: () => refuse(400, '请求格式不正确'),
  headersTooLarge: () => refuse(400, '请求头过大', '请求头过大', 431),
  unknownRoute: (method, path) => refuse(404, '接口不存在', `${method} ${path.slice(0, 200)}`),
  tooLarge: () => refuse(400, '请求体过大'),
  unsupportedType: () => refuse(400, '不支持的请求体类型，请使用 application/json 或上传表单'),
  tooSlow: () => refuse(400, '请求超时，请重试', '请求超时，请重试', 408),
  crash: () => refuse(500, '服务器内部错误，请稍后重试'),
}
