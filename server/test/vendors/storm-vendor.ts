import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import sharp from 'sharp'
import { aClip } from '../fakes/clips.ts'

/** What a vendor may do to a job. The first group leaves it known that nothing was done. */
export type Fault =
  | 'throttled with a time'
  | 'throttled without'
  | 'overloaded'
  | 'refused as content'
  | '500 before accepting'
  | '500 after accepting'
  | 'cut after accepting'
  | 'silent after accepting'
  | 'nothing inside'
  | 'wrong content type'
  // Of jobs that are asked after.
  | 'unknown status'
  | 'asking answers 500'
  | 'asking is cut'
  | 'failed at no cost'
  | 'succeeded without outputs'
  | 'expired address'

const KNOWN_NOT_DONE: readonly Fault[] = [
  'throttled with a time',
  'throttled without',
  'overloaded',
  'refused as content',
]
const SYNCHRONOUS: readonly Fault[] = [
  ...KNOWN_NOT_DONE,
  '500 before accepting',
  '500 after accepting',
  'cut after accepting',
  'silent after accepting',
  'nothing inside',
  'wrong content type',
]
const ASKED_AFTER: readonly Fault[] = [
  ...KNOWN_NOT_DONE,
  '500 before accepting',
  '500 after accepting',
  'cut after accepting',
  'silent after accepting',
  'unknown status',
  'asking answers 500',
  'asking is cut',
  'failed at no cost',
  'succeeded without outputs',
  'expired address',
]

/** What became of everything that was sent for one marker. */
export type Dealings = {
  /** Requests that asked for a job. */
  sent: number
  /** Jobs that this vendor charges for. */
  billed: number
  /** Requests that came although an earlier one may have been done: what must never happen. */
  blind: number
  faults: Fault[]
}

export type StormVendor = {
  /** Base addresses: of OpenAI's wire and of Runway's. */
  openai: string
  runway: string
  records: ReadonlyMap<string, Dealings>
  close: () => Promise<void>
}

type Clip = { marker: string; fault: Fault | null; looks: number; wasBroken: boolean }

/**
 * A vendor that speaks OpenAI's wire for pictures and texts and Runway's for clips, and to a part of the requests, chosen
 * by chance, does everything that vendors do, in turn. A job is known by the marker `#<name>#` in its prompt.
 *
 * @param faultRate of all submits, 0…1.
 * @param random 0…1, for the choice of requests.
 */
export async function startStormVendor(faultRate: number, random: () => number): Promise<StormVendor> {
  const records = new Map<string, Dealings>()
  const isOpen = new Map<string, boolean>()
  const clips = new Map<string, Clip>()
  const turns = new Map<readonly Fault[], number>()
  const [png, mp4] = await Promise.all([
    sharp({ create: { width: 64, height: 64, channels: 3, background: '#3f7fd0' } })
      .png()
      .toBuffer(),
    aClip({ frames: 5 }),
  ])

  const server = createServer((request, response) => {
    answerTo(request).then(
      (answer) => give(response, answer),
      () => response.destroy(),
    )
  })

  async function answerTo(request: IncomingMessage): Promise<Answer> {
    const { method = '', url = '' } = request
    const body = await text(request)
    if (method === 'POST' && url === '/v1/images/generations') return submit(body, SYNCHRONOUS, pictures)
    if (method === 'POST' && url === '/v1/chat/completions') return submit(body, SYNCHRONOUS, words)
    if (method === 'POST' && url.startsWith('/v1/text_to_video')) return submit(body, ASKED_AFTER, take)
    if (method === 'POST' && url.startsWith('/v1/image_to_video')) return submit(body, ASKED_AFTER, take)
    const id = url.split('/').pop()?.split('?')[0] ?? ''
    if (method === 'GET' && url.startsWith('/v1/tasks/')) return look(id)
    if (method === 'GET' && url.startsWith('/files/')) return download(id)
    return json(404, { error: { message: 'not found' } })
  }

  function submit(
    body: string,
    faults: readonly Fault[],
    fulfil: (marker: string, fault: Fault | null) => Answer,
  ): Answer {
    const marker = /#([\w-]+)#/.exec(body)?.[1] ?? 'unmarked'
    const record = records.get(marker) ?? { sent: 0, billed: 0, blind: 0, faults: [] }
    records.set(marker, record)
    record.sent += 1
    // An earlier request may have been done, or was: whoever sends another cannot know that it was not.
    if (isOpen.get(marker)) record.blind += 1
    const fault = random() < faultRate ? nextOf(faults) : null
    if (fault !== null) record.faults.push(fault)
    switch (fault) {
      case 'throttled with a time':
        return json(429, refusal('rate_limit_exceeded'), {
          'retry-after-ms': '30',
          'retry-after': '1',
        })
      case 'throttled without':
        return json(429, refusal('rate_limit_exceeded'))
      case 'overloaded':
        return json(503, refusal('overloaded'), { 'retry-after': '1' })
      case 'refused as content':
        return json(400, refusal('moderation_blocked'))
      default:
    }
    isOpen.set(marker, true)
    if (fault === '500 before accepting') return json(500, refusal('server_error'))
    record.billed += 1
    switch (fault) {
      case '500 after accepting':
        return json(500, refusal('server_error'))
      case 'cut after accepting':
        return { status: 200, type: 'application/json', body: '{"data":[{"b64', ends: 'cut' }
      case 'silent after accepting':
        return { status: 200, type: '', body: '', ends: 'never' }
      case 'wrong content type':
        return { status: 200, type: 'text/html', body: '<!doctype html><title>Welcome</title>' }
      default:
        return fulfil(marker, fault)
    }
  }

  /** In turn, so that each of them is met however small the storm. */
  function nextOf(faults: readonly Fault[]): Fault | null {
    const place = turns.get(faults) ?? 0
    turns.set(faults, place + 1)
    return faults[place % faults.length] ?? null
  }

  function pictures(_marker: string, fault: Fault | null): Answer {
    const data = fault === 'nothing inside' ? [] : [{ b64_json: png.toString('base64') }]
    return json(200, {
      created: 1,
      data,
      usage: { input_tokens: 20, output_tokens: 100, total_tokens: 120 },
    })
  }

  function words(_marker: string, fault: Fault | null): Answer {
    const event = (value: unknown): string => `data: ${JSON.stringify(value)}\n\n`
    const choice = (delta: object, finish: string | null): object => ({
      choices: [{ index: 0, delta, finish_reason: finish }],
    })
    const said = fault === 'nothing inside' ? [] : ['一篇', '真正的', '文章。']
    const events = [
      ...said.map((content) => choice({ content }, null)),
      choice({}, 'stop'),
      { choices: [], usage: { prompt_tokens: 40, completion_tokens: 12 } },
    ]
    return { status: 200, type: 'text/event-stream', body: `${events.map(event).join('')}data: [DONE]\n\n` }
  }

  function take(marker: string, fault: Fault | null): Answer {
    const id = `job-${clips.size + 1}`
    clips.set(id, { marker, fault, looks: 0, wasBroken: false })
    return json(200, { id })
  }

  function look(id: string): Answer {
    const clip = clips.get(id)
    if (!clip) return json(404, { error: 'unknown task' })
    clip.looks += 1
    const breaks = !clip.wasBroken
    clip.wasBroken = true
    if (breaks && clip.fault === 'asking answers 500') return json(500, { error: 'oops' })
    if (breaks && clip.fault === 'asking is cut')
      return { status: 200, type: 'application/json', body: '{"id":', ends: 'cut' }
    if (breaks && clip.fault === 'unknown status') return json(200, { id, status: 'PONDERING' })
    if (clip.fault === 'failed at no cost') {
      const record = records.get(clip.marker)
      // Known to have ended without a result, and not charged: another job may be asked for.
      if (record && clip.looks === 1) record.billed -= 1
      isOpen.set(clip.marker, false)
      return json(200, {
        id,
        status: 'FAILED',
        failure: 'bad output',
        failureCode: 'INTERNAL.BAD_OUTPUT.CODE01',
      })
    }
    if (clip.fault === 'succeeded without outputs') return json(200, { id, status: 'SUCCEEDED', output: [] })
    return json(200, {
      id,
      status: 'SUCCEEDED',
      output: [`http://${authority()}/files/${id}?look=${clip.looks}`],
    })
  }

  function download(id: string): Answer {
    const clip = clips.get(id)
    if (!clip) return json(404, {})
    if (clip.fault === 'expired address' && clip.looks < 2) return json(403, { error: 'expired' })
    return { status: 200, type: 'video/mp4', body: mp4 }
  }

  const authority = (): string => `127.0.0.1:${(server.address() as AddressInfo).port}`
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = authority()
  return {
    openai: `http://${address}/v1`,
    runway: `http://${address}`,
    records,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const refusal = (code: string): object => ({ error: { message: code, type: code, code, param: null } })

type Answer = {
  status: number
  type: string
  body: string | Uint8Array
  headers?: Readonly<Record<string, string>>
  /** Breaks off in the middle, or does not even begin. */
  ends?: 'cut' | 'never'
}

function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, type: 'application/json', body: JSON.stringify(body), headers }
}

function give(response: ServerResponse, { status, type, body, headers, ends }: Answer): void {
  if (ends === 'never') return
  // More is promised than comes.
  const length = ends === 'cut' ? { 'content-length': '5000' } : {}
  response.writeHead(status, { 'content-type': type, ...headers, ...length })
  if (ends === 'cut') response.write(body, () => response.destroy())
  else response.end(body)
}
