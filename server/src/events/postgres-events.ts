import type { Connection } from '../db/database.ts'
import { openNotifications } from '../db/notifications.ts'
import type { Events, Topic } from '../kernel/ports/events.ts'

type Listener = (id: bigint | null) => void

/**
 * Events over LISTEN/NOTIFY. Listeners of this process are called at once, those of others by notification;
 * after a reconnect every listener is called without an id, since something may have been missed.
 *
 * @param tag names this process, so that it does not hear itself twice.
 */
export async function openPostgresEvents(
  connection: Connection,
  options: { name: string; tag: string; onError: (error: Error) => void },
): Promise<Events & { close: () => Promise<void> }> {
  const listeners = new Map<string, Set<Listener>>()

  const call = (key: string, id: bigint | null): void => {
    for (const listener of listeners.get(key) ?? []) listener(id)
  }
  const dispatch = (topic: string, id: bigint | null): void => {
    call(topic, id)
    if (id !== null) call(`${topic} ${id}`, id)
  }

  const notifications = await openNotifications(connection, {
    name: options.name,
    onError: options.onError,
    receive: (message) => {
      const [tag, topic, id] = message.split(' ')
      if (tag === options.tag || !topic) return
      dispatch(topic, id && /^\d+$/.test(id) ? BigInt(id) : null)
    },
    reconnected: () => {
      for (const key of [...listeners.keys()]) call(key, null)
    },
  })

  return {
    publish: (topic: Topic, id?: bigint) => {
      dispatch(topic, id ?? null)
      notifications.send(id === undefined ? `${options.tag} ${topic}` : `${options.tag} ${topic} ${id}`)
    },
    subscribe: (topic, id, listener) => {
      const key = id === null ? topic : `${topic} ${id}`
      const set = listeners.get(key) ?? new Set()
      listeners.set(key, set.add(listener))
      return () => {
        set.delete(listener)
        if (set.size === 0 && listeners.get(key) === set) listeners.delete(key)
      }
    },
    close: notifications.close,
  }
}
