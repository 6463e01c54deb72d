import type { Faults, Issue } from '../../http/dialect.ts'
import { refuse } from './envelope.ts'

const PROBLEMS: Readonly<Record<Issue['problem'], string>> = {
  missing: '是必填项',
  type: '类型不正确',
  too_short: '太短',
  too_long: '太长',
  too_small: '太小',
  too_large: '太大',
  format: '格式不正确',
  unknown_field: '不是有效的参数',
}

const FIELDS: Readonly<Record<string, string>> = {
  email: '邮箱地址',
  password: '密码',
  username: '用户名',
  emailCode: '验证码',
  prompt: 'Prompt',
  size: '图片尺寸',
  seed: '随机种子',
  guidance: 'guidance_scale',
}

/** One sentence about one field, such as 邮箱地址是必填项. */
export function describeIssue(issue: Issue): string {
  if (issue.field === '') return '请求体必须是JSON对象'
  if (issue.field === 'prompt' && issue.problem === 'missing') return 'Prompt不能为空'
  if (issue.field === 'type') return '无效的操作类型'
  if (issue.field === 'password' && issue.problem === 'too_short') return '密码长度至少为6位'
  if (issue.field === 'username' && (issue.problem === 'too_short' || issue.problem === 'too_long')) {
    return '用户名长度必须为3到50位'
  }
  const name = Object.hasOwn(FIELDS, issue.field) ? FIELDS[issue.field] : issue.field
  return `${name}${PROBLEMS[issue.problem]}`
}

/** 1602 with every sentence, the first as the message. */
export function refuseIssues(issues: readonly Issue[]) {
  const errors = issues.map(describeIssue)
  return refuse(1602, errors[0] ?? '验证失败', { errors })
}

/**
 * For routes whose document names all required fields in one sentence: that sentence with 1601 when any is
 * missing or empty, otherwise 1602.
 */
export function requireAll(sentence: string) {
  return (issues: readonly Issue[]) => {
    const isMissing = ({ field, problem }: Issue): boolean =>
      problem === 'missing' ||
      field === '' ||
      (problem === 'too_short' && !['password', 'username'].includes(field))
    return issues.some(isMissing) ? refuse(1601, sentence) : refuseIssues(issues)
  }
}

/** Replies outside any route's own work. The document knows no HTTP status but 200; these are the decided ones. */
export const faults: Faults = {
  badJson: () => refuse(1602, '请求体不是有效的JSON'),
  invalid: refuseIssues,
  malformedRequest: () => refuse(1602, '请求格式不正确', null, 400),
  headersTooLarge: () => refuse(1602, '请求头过大', null, 431),
  unknownRoute: (method, path) => refuse(1602, `接口不存在: ${method} ${path.slice(0, 200)}`, null, 404),
  tooLarge: () => refuse(1602, '请求体过大', null, 413),
  unsupportedType: () => refuse(1602, '只支持 application/json 格式的请求体', null, 415),
  tooSlow: () => refuse(1602, '请求超时，请重试', null, 408),
  crash: () => refuse(9000, '系统内部错误', null, 500),
}
