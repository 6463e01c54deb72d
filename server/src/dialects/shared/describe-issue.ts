import type { Issue } from '../../http/dialect.ts'
import type { InputProblem } from '../../kernel/errors.ts'

const PROBLEMS: Readonly<Record<InputProblem, string>> = {
  missing: '不能为空',
  type: '类型不正确',
  too_short: '太短',
  too_long: '太长',
  too_small: '太小',
  too_large: '太大',
  format: '格式不正确',
  unknown_field: '不是有效的参数',
}

/** One sentence about one field, by what a document calls it, such as 标题不能为空. */
export function describeIssueBy(fields: Readonly<Record<string, string>>, { field, problem }: Issue): string {
  if (field === '') return '请求体必须是JSON对象'
  return `${Object.hasOwn(fields, field) ? fields[field] : field}${PROBLEMS[problem]}`
}
