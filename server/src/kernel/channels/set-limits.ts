import { statement } from '../../db/database.ts'
import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import type { VendorLimits } from '../ports/provider.ts'

type Range = { least: number; most: number; isWhole: boolean }
const RANGES: Readonly<Record<keyof VendorLimits, Range>> = {
  jobs: { least: 1, most: 1_000_000, isWhole: true },
  startsPerMinute: { least: 1, most: 1_000_000, isWhole: true },
  asksPerSecond: { least: 0.01, most: 10_000, isWhole: false },
  askEveryMs: { least: 0, most: 3_600_000, isWhole: true },
}

const setLimitsStatement = statement(
  'set connection limits',
  `update connection set limits = $2, updated_at = now() where name = $1 and name not like 'model:%' returning id`,
)

/**
 * Sets what the vendor of a connection allows its credential, in force at once; what is left out is as the vendor
 * documents it.
 *
 * @returns false when there is no such connection
 * @throws input_invalid for a figure that is none or out of its range, by its name
 */
export async function setLimits(
  context: Context,
  connection: string,
  limits: VendorLimits,
): Promise<boolean> {
  for (const [name, { least, most, isWhole }] of Object.entries(RANGES)) {
    const figure = limits[name as keyof VendorLimits]
    if (figure === undefined) continue
    const isSound = isWhole ? Number.isInteger(figure) : Number.isFinite(figure)
    if (!isSound) throw refusal('input_invalid', { field: name, problem: 'type' })
    if (figure < least) throw refusal('input_invalid', { field: name, problem: 'too_small' })
    if (figure > most) throw refusal('input_invalid', { field: name, problem: 'too_large' })
  }
  const rows = await context.db.rows(setLimitsStatement, [connection, JSON.stringify(limits)])
  await context.catalog.reload()
  context.events.publish('catalog')
  return rows.length > 0
}
