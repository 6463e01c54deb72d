import type { Claimed } from '../generation/claim.ts'
import { outputsOf } from '../generation/task-input.ts'
import { credits } from '../money.ts'
import type { Usage } from '../ports/provider.ts'
import type { StoredFile } from '../works/store-outputs.ts'
import type { CountedBy, Explanation } from './explanation.ts'
import { explainCharge } from './explanation.ts'
import { isCount, type Settlement } from './meter.ts'
import type { Quantities } from './price-rule.ts'

/** What a task that has come to its end is charged, and why. */
export type Charged = { charge: bigint; explanation: Explanation }

/**
 * What is charged for a task that is done. `written` is what its text was counted as, where words are counted.
 *
 * Nobody pays for pictures that did not come: a vendor that makes fewer than were asked for is paid for those.
 */
export function settleMade(
  task: Claimed,
  files: readonly StoredFile[],
  usage: Usage | undefined,
  written: Settlement | null,
): Charged {
  if (written) return written
  const outputs = files.filter(({ role }) => role === 'output').sort((a, b) => a.position - b.position)
  const { explanation, cost } = task
  if (explanation === null) return settleFixed(task, outputs.length)
  const counted = countMade(task, outputs, usage)
  return explainCharge(explanation, counted.quantities, counted.by, credits(cost))
}

function settleFixed(task: Claimed, made: number): Charged {
  const wanted = outputsOf(task)
  const isShort = task.kind === 'image' && made < wanted
  const charge = isShort ? (task.cost * BigInt(made)) / BigInt(wanted) : task.cost
  return {
    charge,
    explanation: {
      subject: task.price_subject,
      version: task.price_version,
      rule: null,
      most: { unit: 'outputs', outputs: wanted },
      hold: Number(task.cost),
      counted: { unit: 'outputs', outputs: isShort ? made : wanted },
      by: 'us',
      charged: Number(charge),
    },
  }
}

/** As the vendor reported it; what it did not is measured on what came, or else is what was asked for. */
function countMade(
  task: Claimed,
  outputs: readonly StoredFile[],
  usage: Usage = {},
): { quantities: Quantities; by: CountedBy } {
  if (task.kind === 'image') {
    const { width, height } = task.input
    const pixels = outputs.map((file) => pixelsOf(file) ?? width * height)
    const isReported = isCount(usage.pictures) && usage.pictures > 0
    // What a vendor counts and did not hand over is not delivered.
    const count = isReported ? Math.min(usage.pictures ?? 0, pixels.length) : pixels.length
    return {
      quantities: { unit: 'pictures', pixels: pixels.slice(0, count) },
      by: isReported ? 'vendor' : 'us',
    }
  }
  if (task.kind === 'video') {
    const { width, height, seconds } = task.input
    const [file] = outputs
    const reported = Math.round((usage.seconds ?? 0) * 1_000)
    const isReported = isCount(reported) && reported > 0
    const milliseconds = isReported ? reported : (file?.duration_ms ?? Math.ceil(seconds * 1_000))
    const pixels = (file && pixelsOf(file)) ?? width * height
    return { quantities: { unit: 'seconds', milliseconds, pixels }, by: isReported ? 'vendor' : 'us' }
  }
  throw new Error(`nothing is counted of a task of the kind ${task.kind}`)
}

function pixelsOf({ width, height }: StoredFile): number | null {
  return width === null || height === null ? null : width * height
}
