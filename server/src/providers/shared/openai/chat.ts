import { createParser } from 'eventsource-parser'
import type { Outbound } from '../../../kernel/ports/outbound.ts'
import type { CallOptions, Json, TextJob, TextPart } from '../../../kernel/ports/provider.ts'
import { isObject, parseJson } from '../json.ts'
import { dataAddress } from '../pictures.ts'
import { checkWaiting, notUnderstood, type Streamed, sendStreaming, type Wire } from '../wire.ts'
import { hasError, refusalInside, refusalOf } from './refusal.ts'
import { readTokens } from './usage.ts'

/** On the wire, where each piece of a word is wrapped in some two hundred bytes. */
const MAX_BYTES = 32 * 1024 * 1024

type End = Extract<TextPart, { type: 'end' }>

/** How one deployment wants to be asked for text. */
export type ChatOptions = {
  maxTokensField: 'max_tokens' | 'max_completion_tokens' | 'off'
  /** The most tokens a job may ask for; null for any number. */
  mostTokens: number | null
  isTemperatureSent: boolean
  /** In place of the job's own; null for that. */
  temperature: number | null
  isUsageAsked: boolean
  /** `response_format: json_object` for jobs that must be one JSON object. */
  isJsonAsked?: boolean
  /** The seed of a job that has one. */
  isSeedSent?: boolean
  extraBody: { readonly [name: string]: Json }
}

/** Writes by `POST chat/completions` below the base address, as a stream (protocols.md 5.1). Throws `ProviderError`. */
export async function* writeChat(
  outbound: Outbound,
  wire: Wire,
  options: ChatOptions,
  job: TextJob,
  call: Pick<CallOptions, 'signal'>,
): AsyncGenerator<TextPart, void, undefined> {
  checkWaiting(wire.vendor, call)
  const request = {
    path: 'chat/completions',
    body: JSON.stringify(requestBody(job, options)),
    contentType: 'application/json',
    maxBytes: MAX_BYTES,
    signal: call.signal,
  }
  yield* sendStreaming(outbound, wire, request, (answer) => read(answer, wire))
}

function requestBody(job: TextJob, options: ChatOptions): object {
  return {
    model: job.model,
    messages: [
      ...(job.system === '' ? [] : [{ role: 'system', content: job.system }]),
      ...job.messages.map(({ role, text, pictures = [] }) => ({
        role,
        content: pictures.length === 0 ? text : [{ type: 'text', text }, ...pictures.map(picturePart)],
      })),
    ],
    stream: true,
    ...(options.isUsageAsked && { stream_options: { include_usage: true } }),
    ...(options.maxTokensField !== 'off' && {
      [options.maxTokensField]: Math.min(job.maxTokens, options.mostTokens ?? job.maxTokens),
    }),
    ...(options.isTemperatureSent && { temperature: options.temperature ?? job.temperature }),
    ...(options.isJsonAsked && job.format === 'json' && { response_format: { type: 'json_object' } }),
    ...(options.isSeedSent && job.seed !== undefined && { seed: job.seed }),
    ...options.extraBody,
  }
}

/** The bytes themselves: an address of ours may be one that the vendor cannot reach. */
function picturePart(picture: { bytes: Uint8Array; mediaType: string }): object {
  return { type: 'image_url', image_url: { url: dataAddress(picture) } }
}

async function* read({ head, chunks }: Streamed, to: Wire): AsyncGenerator<TextPart, void, undefined> {
  if (head.status < 200 || head.status >= 300) throw refusalOf(to, head, parseJson(await wholeOf(chunks)))
  const answer = createAnswer(to)
  const decoder = new TextDecoder()
  let text = ''
  let isWhole: boolean | null = null
  try {
    for await (const chunk of chunks) {
      text += decoder.decode(chunk, { stream: true })
      // Some gateways ignore `stream` and some name the wrong content type, so the first character decides.
      if (isWhole === null && text.trim() !== '') isWhole = text.trimStart().startsWith('{')
      if (isWhole !== false) continue
      answer.feed(text)
      text = ''
      yield* answer.taken()
      if (answer.isDone()) break
    }
    if (isWhole === true) answer.takeWhole(parseJson(text + decoder.decode()))
    // Some end without the empty line that ends an event.
    else answer.feed('\n\n')
  } catch (error) {
    // Once the reason of the end has come, nothing that follows it matters.
    if (!answer.isFinished()) throw error
  }
  yield* answer.taken()
  yield answer.end()
}

/** A refusal's body, as much as comes of it: its status says enough. */
async function wholeOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  try {
    for await (const chunk of chunks) text += decoder.decode(chunk, { stream: true })
  } catch {
    return text
  }
  return text
}

/** Puts an answer together from its events. */
function createAnswer(to: Wire) {
  let pieces: string[] = []
  let hasText = false
  let isRefusal = false
  let isDone = false
  let finish: string | null = null
  let usage: End['usage'] = null

  const say = (text: unknown): void => {
    if (typeof text !== 'string' || text === '') return
    hasText = true
    pieces.push(text)
  }
  const take = (event: unknown): void => {
    if (hasError(event)) throw refusalInside(to, event)
    if (!isObject(event)) throw notUnderstood(to, 'with something that is not its JSON')
    usage = readTokens(event.usage) ?? usage
    const choice: unknown = Array.isArray(event.choices) ? event.choices[0] : null
    if (!isObject(choice)) return
    const said = isObject(choice.delta) ? choice.delta : choice.message
    if (isObject(said)) {
      say(said.content)
      // The model's own no is written like any other text, and told by the reason at the end.
      if (typeof said.refusal === 'string' && said.refusal !== '') isRefusal = true
      say(said.refusal)
    }
    if (typeof choice.finish_reason === 'string' && choice.finish_reason !== '') finish = choice.finish_reason
  }
  const parser = createParser({
    // Lines that are no field are skipped, as the standard says.
    onEvent: ({ data }) => {
      if (isDone) return
      if (data.trim() === '[DONE]') {
        isDone = true
        return
      }
      const event = parseJson(data)
      // A piece of the text may be lost in it, and nobody would see the gap.
      if (event === undefined) throw notUnderstood(to, 'with an event that is not JSON')
      take(event)
    },
  })
  return {
    feed: (text: string) => parser.feed(text),
    takeWhole: (event: unknown) => {
      take(event)
      isDone = true
    },
    taken: (): TextPart[] => {
      const parts = pieces.map((text): TextPart => ({ type: 'text', text }))
      pieces = []
      return parts
    },
    isDone: () => isDone,
    isFinished: () => isDone || finish !== null,
    end: (): End => {
      if (!isDone && finish === null) throw notUnderstood(to, 'and broke off')
      const reason = isRefusal ? 'content' : reasonOf(finish)
      if (!hasText && reason === 'stop') throw notUnderstood(to, 'without a word')
      return { type: 'end', reason, usage }
    },
  }
}

function reasonOf(finish: string | null): End['reason'] {
  if (finish === 'length' || finish === 'max_tokens') return 'length'
  if (finish === 'content_filter' || finish === 'sensitive') return 'content'
  return 'stop'
}
