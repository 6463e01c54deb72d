import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runStorm } from './storm.ts'

// `npm run test:storm` runs ten thousand; one in ten is enough to see that it still can be run.
const TASKS = Number(process.env.STORM ?? 1_000)

test(`${TASKS} tasks at vendors that misbehave in three of ten submits: all end, nobody pays twice`, async (t) => {
  const report = await runStorm(TASKS)
  const { seconds, faults, sent, succeeded, failed, endedByDeadline, blind, paidTasks, billedJobs } = report
  t.diagnostic(
    `${TASKS} tasks in ${seconds.toFixed(1)} s: ${sent} submits, ${faults} met a fault (${((100 * faults) / sent).toFixed(1)} %); ` +
      `${succeeded} succeeded, ${failed} failed, ${endedByDeadline} of them unknown until their deadline`,
  )
  t.diagnostic(
    `held ${report.held}, captured ${report.captured}, released ${report.released} (1/10000 credit); ` +
      `${paidTasks} tasks paid, ${billedJobs} jobs billed, ${blind} sent again blindly`,
  )
  for (const [fault, ends] of [...report.byFault].sort()) {
    t.diagnostic(`  ${fault}: ${[...ends].map(([end, count]) => `${count} ${end}`).join(', ')}`)
  }
  assert.equal(succeeded + failed, TASKS, 'a task has not ended')
  assert.ok(faults / sent > 0.25, 'too few faults')
  assert.equal(report.captured + report.released, report.held)
  assert.equal(blind, 0, 'a job was sent again although it may have been done')
  assert.equal(paidTasks, succeeded, 'paid is what succeeded')
  assert.ok(paidTasks <= billedJobs, 'somebody paid for what no vendor made')
  for (const fault of [
    'none',
    'unknown status',
    'asking answers 500',
    'asking is cut',
    'expired address',
  ] as const) {
    const ends = report.byFault.get(fault)
    assert.ok(ends, `nobody met ${fault}`)
    assert.ok((ends.get('succeeded') ?? 0) > 0, `nobody survived ${fault}`)
  }
})
