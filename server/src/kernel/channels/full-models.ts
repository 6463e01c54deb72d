import type { Context } from '../context.ts'

// Which models no channel of this process has room for just now. What waits for them stays in the queue, in its place,
// instead of being claimed and put back again and again, with everything behind it waiting.

const full = new WeakMap<Context['db'], Map<bigint, number>>()

function mapOf({ db }: Context): Map<bigint, number> {
  const known = full.get(db)
  if (known) return known
  const made = new Map<bigint, number>()
  full.set(db, made)
  return made
}

/** Leaves what waits for a model alone for so long, or until a task of it has ended here. */
export function noteFull(context: Context, modelId: bigint, forMs: number): void {
  mapOf(context).set(modelId, context.clock.now().getTime() + forMs)
}

/** A task of the model has ended here: there may be room again. */
export function noteRoom(context: Context, modelId: bigint): void {
  mapOf(context).delete(modelId)
}

/** The models to leave alone now. */
export function fullModels(context: Context): bigint[] {
  const models = mapOf(context)
  const now = context.clock.now().getTime()
  for (const [id, until] of models) if (until <= now) models.delete(id)
  return [...models.keys()]
}
