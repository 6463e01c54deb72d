import assert from 'node:assert/strict'
import type { IncomingHttpHeaders } from 'node:http'
import { Agent, request } from 'node:http'
import { connect } from 'node:net'

// Clients that send what no library would.

export type Call = {
  method?: string
  path: string
  token?: string
  headers?: Record<string, string | string[]>
  body?: string | Buffer
}
export type Answer = { status: number; headers: IncomingHttpHeaders; text: string }

const agent = new Agent({ keepAlive: true })
export const hangUp = (): void => agent.destroy()

/** Sends a request as it is: no client library that would tidy up the path, the headers or the body. */
export function send(
  port: number,
  { method = 'GET', path, token, headers = {}, body }: Call,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({
      host: '127.0.0.1',
      port,
      agent,
      method,
      path,
      headers: {
        ...(token && { authorization: `Bearer ${token}` }),
        ...(body !== undefined &&
          !headers['transfer-encoding'] && { 'content-length': Buffer.byteLength(body) }),
        ...headers,
      },
    })
    sent.on('error', reject)
    sent.on('response', (reply) => {
      const chunks: Buffer[] = []
      reply.on('data', (chunk: Buffer) => chunks.push(chunk))
      reply.on('error', reject)
      reply.on('end', () =>
        resolve({
          status: reply.statusCode ?? 0,
          headers: reply.headers,
          text: Buffer.concat(chunks).toString(),
        }),
      )
    })
    sent.end(body)
  })
}

/** Everything a server says to these bytes until it closes the connection. */
export function sayRaw(bytes: string | Buffer, to: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = connect(to, '127.0.0.1', () => socket.write(bytes))
    socket.setEncoding('utf8')
    socket.setTimeout(10_000, () => socket.destroy(new Error(`the server keeps silent: ${text}`)))
    socket.on('data', (chunk) => {
      text += chunk
    })
    // The server may close before it has read everything; what it said counts.
    socket.on('error', (error) => (text === '' ? reject(error) : undefined))
    socket.on('close', () => resolve(text))
  })
}

/** The body that stands in chunks at the beginning of `bytes`, and what comes after it. */
function unchunked(bytes: Buffer): { body: Buffer; rest: Buffer } {
  const chunks: Buffer[] = []
  for (let rest = bytes; ; ) {
    const line = rest.indexOf('\r\n')
    const length = Number.parseInt(rest.subarray(0, line).toString(), 16)
    assert.ok(line > 0 && length >= 0, `not a chunk: ${rest.subarray(0, 100)}`)
    chunks.push(rest.subarray(line + 2, line + 2 + length))
    rest = rest.subarray(line + 2 + length + 2)
    if (length === 0) return { body: Buffer.concat(chunks), rest }
  }
}

/** Splits what was heard into its answers, each of which must say how long it is, or come in chunks. */
export function answersIn(heard: string): Answer[] {
  const answers: Answer[] = []
  for (let rest = heard; rest !== ''; ) {
    const split = rest.indexOf('\r\n\r\n')
    const [line = '', ...fields] = rest.slice(0, split).split('\r\n')
    const headers = Object.fromEntries(
      fields.map((field) => [
        field.split(':', 1)[0]?.toLowerCase(),
        field.slice(field.indexOf(':') + 1).trim(),
      ]),
    )
    const left = Buffer.from(rest.slice(split + 4))
    const length = Number(headers['content-length'])
    const isChunked = headers['transfer-encoding'] === 'chunked'
    const why = `not an answer: ${rest.slice(0, 300)}`
    assert.ok(line.startsWith('HTTP/1.1 ') && split > 0 && (isChunked || length >= 0), why)
    const found = isChunked
      ? unchunked(left)
      : { body: left.subarray(0, length), rest: left.subarray(length) }
    answers.push({ status: Number(line.split(' ')[1]), headers, text: found.body.toString() })
    rest = found.rest.toString()
  }
  return answers
}

/** Sends `start` and then one character at a time, and hears what comes back. */
export async function dribble(start: string, rest: string, to: number): Promise<string> {
  let text = ''
  const socket = connect(to, '127.0.0.1')
  socket.setEncoding('utf8')
  socket.on('data', (chunk) => {
    text += chunk
  })
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
  socket.write(start)
  let sent = 0
  const timer = setInterval(() => socket.writable && socket.write(rest[sent++ % rest.length] ?? ' '), 100)
  await closed
  clearInterval(timer)
  return text
}
