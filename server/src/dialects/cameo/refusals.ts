import type { Refusals } from '../../http/dialect.ts'
import { siblingRefusals } from '../shared/sibling-refusals.ts'
import { refuse } from './envelope.ts'
import { refuseIssues } from './faults.ts'

/** HTTP status and sentence of every kernel error (specs/cameo.md, 错误码; facts/cameo.md). */
export const refusals: Refusals = {
  ...siblingRefusals(refuse, refuseIssues),
  task_not_cancelable: () => refuse(404, '任务不存在或无法取消'),
}
