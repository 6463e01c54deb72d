import pg from 'pg'
import type { Connection } from './database.ts'

/** A dedicated LISTEN connection and a coalescing NOTIFY sender. */
export type Notifications = {
  /** Sends a message to every process; messages of the same 5 ms travel together. Never throws; may be lost. */
  send: (message: string) => void
  close: () => Promise<void>
}

const CHANNEL = 'atelier'
const NOTIFY = `select pg_notify('${CHANNEL}', $1)`
const COALESCE_MS = 5
/** A NOTIFY payload may have 8000 bytes; messages are short ASCII. */
const PAYLOAD_LIMIT = 7_500

/**
 * Listens on one connection of its own and reconnects for ever.
 *
 * @param options.receive called for each message of any process, our own included.
 * @param options.reconnected called after a reconnect: messages may have been missed, so readers read again.
 */
export async function openNotifications(
  connection: Connection,
  options: {
    name: string
    receive: (message: string) => void
    reconnected: () => void
    onError: (error: Error) => void
  },
): Promise<Notifications> {
  let client: pg.Client | undefined
  let opened = false
  let closed = false
  let outbox = new Set<string>()
  let timer: NodeJS.Timeout | undefined
  /** One statement at a time: the connection takes no second one while the first is under way. */
  let sending: Promise<unknown> = Promise.resolve()

  const connect = async (): Promise<void> => {
    const fresh = new pg.Client({
      ...connection,
      application_name: `${options.name} events`,
      keepAlive: true,
    })
    fresh.on('error', options.onError)
    fresh.on('notification', ({ payload }) => {
      for (const message of (payload ?? '').split('\n')) options.receive(message)
    })
    fresh.on('end', () => {
      if (client === fresh) client = undefined
      if (opened && !closed) void reconnect()
    })
    await fresh.connect()
    // Only notifications are sent on this connection, and those may be lost: no reader need wait for a disk to sync.
    await fresh.query('set synchronous_commit to off')
    await fresh.query(`listen ${CHANNEL}`)
    client = fresh
  }

  let reconnecting = false
  const reconnect = async (): Promise<void> => {
    if (reconnecting) return
    reconnecting = true
    for (let delayMs = 20; !closed; delayMs = Math.min(delayMs * 2, 1_000)) {
      await new Promise((resolve) => setTimeout(resolve, delayMs))
      if (closed) break
      try {
        await connect()
        options.reconnected()
        break
      } catch (error) {
        options.onError(error as Error)
      }
    }
    reconnecting = false
  }

  const flush = (): void => {
    timer = undefined
    const messages = outbox
    outbox = new Set()
    let payload = ''
    const post = (): void => {
      // What cannot be sent now is lost, as any event may be: rows are the truth and are read again.
      const values = [payload]
      const to = client
      if (payload && to)
        sending = sending
          .then(() => to.query({ name: 'notify', text: NOTIFY, values }))
          .catch(options.onError)
      payload = ''
    }
    for (const message of messages) {
      if (payload.length + message.length + 1 > PAYLOAD_LIMIT) post()
      payload = payload ? `${payload}\n${message}` : message
    }
    post()
  }

  await connect()
  opened = true
  return {
    send: (message) => {
      outbox.add(message)
      timer ??= setTimeout(flush, COALESCE_MS)
    },
    close: async () => {
      closed = true
      clearTimeout(timer)
      await client?.end()
    },
  }
}
