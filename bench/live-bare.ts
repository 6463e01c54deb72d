// The peer of bench/live.ts: the same messages, from a bare `ws` server that knows beforehand whom to send what.
import { setTimeout as sleep } from 'node:timers/promises'
import type { WebSocket } from 'ws'
import { WebSocketServer } from 'ws'
import { answer, cpuMs } from './child.ts'
import type { Step } from './live-driver.ts'

const sockets: WebSocket[] = []
let handles: string[] = []

const textOf = ({ of, progress }: Pick<Step, 'of' | 'progress'>): string =>
  JSON.stringify({ type: 'task_progress', taskId: handles[of], progress, status: 'processing' })

function send(of: number, progress: number): Step {
  const at = process.hrtime.bigint()
  sockets[of]?.send(textOf({ of, progress }))
  return { of, progress, at }
}

const commands = {
  cpuMs,
  open: async (of: string[]): Promise<number> => {
    handles = of
    const server = new WebSocketServer({
      port: 0,
      host: '127.0.0.1',
      perMessageDeflate: false,
      backlog: 4_096,
    })
    server.on('connection', (socket, request) => {
      sockets[Number(new URL(request.url ?? '', 'ws://bare').searchParams.get('n'))] = socket
    })
    await new Promise((resolve) => server.once('listening', resolve))
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('a port was asked for')
    return address.port
  },
  /** Sends at the moments at which the site's steps were committed. */
  replay: async (given: Step[]): Promise<Step[]> => {
    const schedule = given.toSorted((a, b) => Number(a.at - b.at))
    const first = schedule[0]?.at ?? 0n
    const begin = process.hrtime.bigint()
    const sent: Step[] = []
    for (let next = 0; next < schedule.length; ) {
      const gone = process.hrtime.bigint() - begin
      for (let step = schedule[next]; step && step.at - first <= gone; step = schedule[next]) {
        sent.push(send(step.of, step.progress))
        next += 1
      }
      await sleep(1)
    }
    await sleep(500)
    return sent
  },
  /** One message to everybody, in one go. */
  burst: async (progress: number): Promise<Step[]> => {
    const sent = sockets.map((_socket, of) => send(of, progress))
    await sleep(1_000)
    return sent
  },
}

export type LiveBareCommands = typeof commands

answer(commands)
