import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import { verifyLedger } from './verify.ts'

const stuckTasks = statement(
  'stuck tasks',
  `select id::text as task, state from task
   where state in ('awaiting_approval', 'queued', 'running', 'unknown') and deadline < now() - interval '5 minutes' limit 20`,
)
const openFinding = statement(
  'open finding',
  `insert into finding (check_name, details) values ($1, $2)
   on conflict (check_name) where cleared_at is null do update set details = excluded.details`,
)
const clearFindings = statement(
  'clear findings',
  'update finding set cleared_at = now() where cleared_at is null and check_name <> all ($1::text[])',
)
const readFindings = statement('open findings', 'select check_name from finding where cleared_at is null')

/**
 * Checks that the books are true and that nothing is stuck, and records what it finds: /readyz and the metrics
 * show it until it is cleared (money rule 12).
 */
export async function checkInvariants(context: Context): Promise<string[]> {
  const findings = await verifyLedger(context)
  for (const details of await context.db.rows<Record<string, string>>(stuckTasks, [])) {
    findings.push({ check: 'stuck tasks', details })
  }
  const byCheck = Map.groupBy(findings, (finding) => finding.check)
  for (const [check, found] of byCheck) {
    const details = found.map((finding) => finding.details)
    context.log.error({ check, details }, 'an invariant is broken')
    await context.db.rows(openFinding, [check, JSON.stringify(details)])
  }
  await context.db.rows(clearFindings, [[...byCheck.keys()]])
  return [...byCheck.keys()]
}

/** Names of the checks that failed when they last ran; payouts are frozen while there are any. */
export async function openFindings(context: Context): Promise<string[]> {
  const rows = await context.db.rows<{ check_name: string }>(readFindings, [])
  return rows.map((row) => row.check_name)
}
