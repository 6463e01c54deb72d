import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { isObject } from '../../src/providers/shared/json.ts'
import { aClip } from '../fakes/clips.ts'
import { event, json, picture, type Seen, startWire, type WireStandIn } from './wire-stand-in.ts'

/** How often a clip is asked after before it is done. */
const LOOKS = 2

export type GoogleStandIn = WireStandIn & {
  /** What the next clips end with in place of their file: what `done` is answered with. */
  ends: object[]
}

/** The wire of Gemini and Veo on loopback (protocols.md 5.3): `url` is the base address, ending in `/v1beta`. */
export async function startGoogleStandIn(): Promise<GoogleStandIn> {
  const looks = new Map<string, number>()
  const ends: object[] = []
  const clip = await aClip()
  const standIn = await startWire(
    '/v1beta',
    async (response, seen, { key }) => {
      if (seen.headers['x-goog-api-key'] !== key) {
        return json(
          response,
          400,
          refusal(400, 'INVALID_ARGUMENT', 'API key not valid.', [{ reason: 'API_KEY_INVALID' }]),
        )
      }
      const [, model, verb] = /^\/models\/([^/]+):(\w+)$/.exec(seen.path) ?? []
      if (verb !== undefined && !/^(gemini|veo)-/.test(model ?? '')) {
        return json(
          response,
          404,
          refusal(404, 'NOT_FOUND', `models/${model} is not found for API version v1beta.`),
        )
      }
      if (verb === 'streamGenerateContent' && seen.query.get('alt') === 'sse') return text(response, seen)
      if (verb === 'generateContent') return pictures(response, seen)
      if (verb === 'predictLongRunning') {
        const { instances, parameters } = seen.fields
        const isFine =
          Array.isArray(instances) &&
          isObject(parameters) &&
          ['16:9', '9:16'].includes(String(parameters.aspectRatio)) &&
          [4, 6, 8].includes(Number(parameters.durationSeconds))
        if (!isFine)
          return json(
            response,
            400,
            refusal(400, 'INVALID_ARGUMENT', 'Request contains an invalid argument.'),
          )
        const name = `models/${model}/operations/op${looks.size + 1}`
        looks.set(name, 0)
        return json(response, 200, { name })
      }
      const name = seen.path.slice(1)
      const asked = looks.get(name)
      if (asked !== undefined) {
        looks.set(name, asked + 1)
        if (asked + 1 < LOOKS) return json(response, 200, { name })
        // As Google does: at its own host, whatever address it was asked under.
        const uri = `https://generativelanguage.googleapis.com/v1beta/files/clip${looks.size}:download?alt=media`
        const video = { generateVideoResponse: { generatedSamples: [{ video: { uri } }] } }
        return json(response, 200, { name, done: true, ...(ends.shift() ?? { response: video }) })
      }
      if (/^\/files\/\w+:download$/.test(seen.path) && seen.query.get('alt') === 'media') {
        // The file itself lies elsewhere, signed.
        response.writeHead(302, { location: `/v1beta/signed/${seen.path.slice(7)}` })
        return void response.end()
      }
      json(response, 404, refusal(404, 'NOT_FOUND', 'Requested entity was not found.'))
    },
    (response, seen) => {
      if (!seen.path.startsWith('/signed/')) return false
      response.writeHead(200, { 'content-type': 'video/mp4' })
      response.end(clip)
      return true
    },
  )
  return { ...standIn, ends }
}

/** The body of a refusal, as documented. */
export function refusal(code: number, status: string, message: string, details: object[] = []): object {
  return { error: { code, message, status, details } }
}

const USAGE = { promptTokenCount: 12, candidatesTokenCount: 5, thoughtsTokenCount: 2, totalTokenCount: 19 }

/** One event of a stream. */
export function part(text: string | null, finishReason: string | null = null, more: object = {}): string {
  const content = { role: 'model', parts: text === null ? [] : [{ text }] }
  const candidate = { index: 0, content, ...(finishReason !== null && { finishReason }) }
  return event({
    candidates: [candidate],
    usageMetadata: { promptTokenCount: 12 },
    modelVersion: 'gemini',
    ...more,
  })
}

async function text(response: ServerResponse, { fields }: Seen): Promise<void> {
  if (!Array.isArray(fields.contents) || fields.contents.length === 0) {
    return json(
      response,
      400,
      refusal(400, 'INVALID_ARGUMENT', '* GenerateContentRequest.contents: contents is not specified'),
    )
  }
  const thought = { candidates: [{ content: { parts: [{ text: '想一想', thought: true }] } }] }
  const events = [
    event(thought),
    part('春眠'),
    part('不觉晓🙂'),
    part('。', 'STOP', { usageMetadata: USAGE }),
  ]
  const bytes = Buffer.from(events.join('').replaceAll('\n', '\r\n'))
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  // Cut without regard to events or characters, as a network does.
  for (let at = 0; at < bytes.length; at += 97) {
    response.write(bytes.subarray(at, at + 97))
    await sleep(1)
  }
  response.end()
}

const SIDES: Readonly<Record<string, number>> = { '1K': 256, '2K': 512, '4K': 1024 }

/** A picture of the shape and, a quarter as large, the size that were asked for. */
async function pictures(response: ServerResponse, { fields }: Seen): Promise<void> {
  const config = isObject(fields.generationConfig) ? fields.generationConfig : {}
  const image = isObject(config.imageConfig) ? config.imageConfig : {}
  const [width = 1, height = 1] = String(image.aspectRatio ?? '1:1')
    .split(':')
    .map(Number)
  if (JSON.stringify(config.responseModalities) !== '["TEXT","IMAGE"]') {
    return json(response, 400, refusal(400, 'INVALID_ARGUMENT', 'Request contains an invalid argument.'))
  }
  const side = SIDES[String(image.imageSize ?? '1K')] ?? 256
  const scale = side / Math.sqrt(width * height)
  const bytes = await picture(Math.round(width * scale), Math.round(height * scale))
  const inlineData = { mimeType: 'image/png', data: bytes.toString('base64') }
  const draft = { mimeType: 'image/png', data: (await picture(8, 8)).toString('base64') }
  const parts = [{ inlineData: draft, thought: true }, { text: 'Here you are.' }, { inlineData }]
  json(response, 200, {
    candidates: [{ content: { role: 'model', parts }, finishReason: 'STOP' }],
    usageMetadata: { promptTokenCount: 9, candidatesTokenCount: 1290 },
  })
}
