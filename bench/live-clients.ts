// The clients of bench/live.ts, in a process of their own: what they cost is told apart from what is measured.
import { WebSocket } from 'ws'
import { answer, cpuMs } from './child.ts'

/** A message as it came: at which socket, about which task, and when (monotonic, in ns). */
export type Receipt = { at: bigint; socket: number; taskId: string; progress: number }

let receipts: Receipt[] = []
const sockets: WebSocket[] = []

const commands = {
  cpuMs,
  /** Connects to every address, fifty at a time. */
  connect: async (urls: string[]): Promise<void> => {
    const connect = (url: string, socket: number): Promise<void> =>
      new Promise((resolve, reject) => {
        const client = new WebSocket(url, { perMessageDeflate: false })
        client.on('message', (data) => {
          const at = process.hrtime.bigint()
          const { taskId, progress } = JSON.parse(String(data))
          receipts.push({ at, socket, taskId, progress })
        })
        client.once('open', () => resolve())
        client.once('error', reject)
        client.once('close', (code) => reject(new Error(`socket ${socket} was closed with ${code}`)))
        sockets.push(client)
      })
    for (let first = 0; first < urls.length; first += 50) {
      await Promise.all(urls.slice(first, first + 50).map((url, index) => connect(url, first + index)))
    }
  },
  /** What came since it was last asked. */
  take: async (): Promise<Receipt[]> => {
    const taken = receipts
    receipts = []
    return taken
  },
  /** How many are still open. */
  open: async (): Promise<number> => sockets.filter(({ readyState, OPEN }) => readyState === OPEN).length,
}

export type LiveClientCommands = typeof commands

answer(commands)
