import { createParser } from 'eventsource-parser'
import type { Outbound } from '../../kernel/ports/outbound.ts'
import { type CallOptions, ProviderError, type TextJob, type TextPart } from '../../kernel/ports/provider.ts'
import { parseJson } from '../shared/json.ts'
import { checkWaiting, notUnderstood, type Streamed, sendStreaming } from '../shared/wire.ts'
import { type Answer, readAnswer, reasonOf } from './answer.ts'
import { type Deployment, methodPath, readDeployment } from './call.ts'
import { hasError, refusalInside, refusalOf } from './refusal.ts'

const MAX_BYTES = 32 * 1024 * 1024

type End = Extract<TextPart, { type: 'end' }>

/** Writes by `POST models/{model}:streamGenerateContent?alt=sse` (protocols.md 5.3). Throws `ProviderError`. */
export async function* writeText(
  outbound: Outbound,
  job: TextJob,
  call: Pick<CallOptions, 'connection' | 'signal'>,
): AsyncGenerator<TextPart, void, undefined> {
  checkWaiting('google', call)
  const to = readDeployment(call.connection)
  const request = {
    path: `${methodPath(job.model, 'streamGenerateContent')}?alt=sse`,
    body: JSON.stringify(requestBody(job, to)),
    contentType: 'application/json',
    maxBytes: MAX_BYTES,
    signal: call.signal,
  }
  yield* sendStreaming(outbound, to, request, (answer) => read(answer, to))
}

function requestBody(job: TextJob, { options }: Deployment): object {
  const { mostTokens, isTemperatureSent, temperature, thinking, isSeedSent, extraBody } = options
  return {
    ...extraBody,
    ...(job.system !== '' && { systemInstruction: { parts: [{ text: job.system }] } }),
    contents: job.messages.map(({ role, text, pictures = [] }) => ({
      role: role === 'assistant' ? 'model' : 'user',
      // A part without words is refused, beside a picture as well.
      parts: [...pictures.map(picturePart), ...(text === '' && pictures.length > 0 ? [] : [{ text }])],
    })),
    generationConfig: {
      maxOutputTokens: Math.min(job.maxTokens, mostTokens ?? job.maxTokens),
      ...(isTemperatureSent && { temperature: temperature ?? job.temperature }),
      ...(isSeedSent && job.seed !== undefined && { seed: job.seed }),
      ...(job.format === 'json' && { responseMimeType: 'application/json' }),
      ...(thinking !== null && { thinkingConfig: thinking }),
    },
  }
}

/** The bytes themselves: an address of ours may be one that the vendor cannot reach. */
export function picturePart({ bytes, mediaType }: { bytes: Uint8Array; mediaType: string }): object {
  return { inlineData: { mimeType: mediaType, data: Buffer.from(bytes).toString('base64') } }
}

async function* read({ head, chunks }: Streamed, to: Deployment): AsyncGenerator<TextPart, void, undefined> {
  if (head.status < 200 || head.status >= 300) throw refusalOf(to, head, parseJson(await wholeOf(chunks)))
  const writing = createWriting(to)
  const decoder = new TextDecoder()
  let text = ''
  let isWhole: boolean | null = null
  try {
    for await (const chunk of chunks) {
      text += decoder.decode(chunk, { stream: true })
      // A gateway that ignores `alt=sse` answers with a list of the events, so the first character decides.
      if (isWhole === null && text.trim() !== '') isWhole = /^\s*[[{]/.test(text)
      if (isWhole !== false) continue
      writing.feed(text)
      text = ''
      yield* writing.taken()
    }
    if (isWhole === true) writing.takeWhole(parseJson(text + decoder.decode()))
    // Some end without the empty line that ends an event.
    else writing.feed('\n\n')
  } catch (error) {
    // Once the reason of the end has come, nothing that follows it matters.
    if (!writing.isFinished()) throw error
  }
  yield* writing.taken()
  yield writing.end()
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

/** Puts a text together from its events. */
function createWriting(to: Deployment) {
  let pieces: string[] = []
  let hasText = false
  let finish = ''
  let usage: Answer['usage'] = null

  /** Words that have come were paid for, whatever a later error says was not done. */
  const inTheMiddle = (refusal: ProviderError): ProviderError =>
    hasText && refusal.kind !== 'content' ? new ProviderError('ambiguous', refusal.message) : refusal
  const take = (event: unknown): void => {
    if (hasError(event)) throw inTheMiddle(refusalInside(to, event))
    const answer = readAnswer(event)
    if (!answer) throw notUnderstood(to, 'with something that is not its JSON')
    usage = answer.usage ?? usage
    if (answer.blockReason !== '' && !hasText) {
      throw new ProviderError(
        'content',
        `google: the prompt was blocked (${answer.blockReason.slice(0, 60)})`,
      )
    }
    if (answer.texts.length > 0) hasText = true
    pieces.push(...answer.texts)
    if (answer.finishReason !== '') finish = answer.finishReason
  }
  const parser = createParser({
    // Lines that are no field are skipped, as the standard says.
    onEvent: ({ data }) => {
      const event = parseJson(data)
      // A piece of the text may be lost in it, and nobody would see the gap.
      if (event === undefined) throw notUnderstood(to, 'with an event that is not JSON')
      take(event)
    },
  })
  return {
    feed: (text: string) => parser.feed(text),
    takeWhole: (whole: unknown) => {
      for (const event of Array.isArray(whole) ? whole : [whole]) take(event)
    },
    taken: (): TextPart[] => {
      const parts = pieces.map((text): TextPart => ({ type: 'text', text }))
      pieces = []
      return parts
    },
    isFinished: () => finish !== '',
    end: (): End => {
      if (finish === '') throw notUnderstood(to, 'and broke off')
      const reason = reasonOf(finish)
      if (!hasText && reason !== 'content' && finish !== 'MAX_TOKENS') {
        throw notUnderstood(to, `without a word (${finish.slice(0, 60)})`)
      }
      return { type: 'end', reason, usage }
    },
  }
}
