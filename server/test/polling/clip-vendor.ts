// A vendor of clips that counts how it is asked, in a process of its own so that its clock is nobody else's.
//
//   POST /jobs          takes a job: {"id": 7}
//   GET  /jobs/7        "running" until the rig says that clips are finished, then where the clip is
//   GET  /clips/7.mp4   the clip
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { answer, cpuMs } from '../../../bench/child.ts'
import { aClip } from '../fakes/clips.ts'

/** One look at a job, on the vendor's clock in milliseconds: when it came and when it was answered. */
export type Ask = { job: number; at: number; answeredAt: number }
export type Seen = {
  /** When the start of each job was answered, by job. */
  startedAt: number[]
  asks: Ask[]
  /** Starts under a name that was used before: a job that would have been paid twice. */
  repeats: number
  now: number
}

const startedAt: number[] = []
const asks: Ask[] = []
const references = new Set<string>()
let repeats = 0
let isFinished = false
let latencyMs = 0
/** Answers "asked too often" so many times, with so many seconds to wait. */
let refusals = { times: 0, retryAfterSeconds: 0 }

const clip = await aClip({ frames: 3 })
const server = createServer((request, response) => {
  const at = performance.now()
  const send = (status: number, body: unknown, headers: Record<string, string> = {}): void => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(JSON.stringify(body))
  }
  const path = request.url ?? ''
  if (request.method === 'POST') {
    const reference = String(request.headers['x-reference'])
    if (references.has(reference)) repeats += 1
    references.add(reference)
    request.resume()
    const id = startedAt.push(performance.now()) - 1
    send(200, { id })
    return
  }
  if (path.startsWith('/clips/')) {
    response.writeHead(200, { 'content-type': 'video/mp4', 'content-length': clip.byteLength })
    response.end(clip)
    return
  }
  const ask = { job: Number(path.slice('/jobs/'.length)), at, answeredAt: at }
  asks.push(ask)
  const reply = (): void => {
    ask.answeredAt = performance.now()
    if (refusals.times > 0) {
      refusals.times -= 1
      send(429, { error: 'asked too often' }, { 'retry-after': String(refusals.retryAfterSeconds) })
    } else if (isFinished) send(200, { state: 'done', clip: `/clips/${ask.job}.mp4` })
    else send(200, { state: 'running' })
  }
  if (latencyMs > 0) void sleep(latencyMs).then(reply)
  else reply()
})

const commands = {
  cpuMs,
  open: async (): Promise<string> => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', 1_024, resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  },
  latency: async (ms: number): Promise<void> => {
    latencyMs = ms
  },
  refuse: async (next: { times: number; retryAfterSeconds: number }): Promise<void> => {
    refusals = next
  },
  finish: async (): Promise<number> => {
    isFinished = true
    return performance.now()
  },
  now: async (): Promise<number> => performance.now(),
  asked: async (): Promise<number> => asks.length,
  seen: async (): Promise<Seen> => ({ startedAt, asks, repeats, now: performance.now() }),
}

export type ClipVendor = typeof commands

answer(commands)
