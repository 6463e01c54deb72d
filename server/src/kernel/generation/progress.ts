import { statement } from '../../db/database.ts'
import type { Channel } from '../catalog/catalog.ts'
import { openConnection } from '../catalog/connections.ts'
import type { Context } from '../context.ts'
import type { CallOptions } from '../ports/provider.ts'
import type { Claimed } from './claim.ts'

const writeProgress = statement(
  'write progress',
  `update task set progress = $3, updated_at = now()
   where id = $1 and generation = $2 and state = 'running' and progress < $3 returning id`,
)

const PROGRESS_EVERY_MS = 400

/** Call options of a channel, whose progress reaches the row, at most a few times a second, and never goes back. */
export function callOptions(
  context: Context,
  task: Claimed,
  channel: Channel,
  signal: AbortSignal,
): { options: CallOptions; stop: () => void } {
  let latest = 0
  let written = 0
  let writing = false
  const timer = setInterval(() => {
    if (latest <= written || writing) return
    writing = true
    written = latest
    context.db
      .rows(writeProgress, [task.id, task.generation, latest])
      .then((rows) => rows.length > 0 && context.events.publish('task', task.id))
      .catch((error) => context.log.debug({ error }, 'progress could not be written'))
      .finally(() => {
        writing = false
      })
  }, PROGRESS_EVERY_MS)
  timer.unref()
  return {
    options: {
      connection: openConnection(context, channel),
      signal,
      reference: referenceOf(context, task),
      progress: (percent) => {
        latest = Math.max(latest, Math.min(99, Math.floor(percent)))
      },
    },
    stop: () => clearInterval(timer),
  }
}

/** One name for an attempt, whoever works on it; sites that share a vendor's key have names of their own. */
export function referenceOf(
  { site, keys }: Context,
  { id, attempt_generation: generation }: Pick<Claimed, 'id' | 'attempt_generation'>,
): string {
  return `${site}-${keys.installationTag}-${id}-${generation}`
}
