import { siblingRefusals } from '../shared/sibling-refusals.ts'
import { refuse } from './envelope.ts'
import { refuseIssues } from './faults.ts'

/** HTTP status and sentence of every kernel error (specs/plaza.md, 状态码说明; facts/plaza.md). */
export const refusals = siblingRefusals(refuse, refuseIssues)
