// The smallest HTTP/1.1 client that can measure: one request at a time on one kept connection. A full client
// costs as much processor time as the server under test, on the same two cores.
import { connect } from 'node:net'

export type HttpConnection = { ask: (request: string) => Promise<string>; close: () => void }

export function openConnection(port: number): HttpConnection {
  let text = ''
  let waiting: { resolve: (body: string) => void; reject: (error: Error) => void } | undefined
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  const fail = (error: Error): void => {
    waiting?.reject(error)
    waiting = undefined
  }
  // latin1 keeps one character a byte, so that Content-Length counts characters.
  socket.setEncoding('latin1')
  socket.on('error', fail)
  socket.on('close', () => fail(new Error('the server closed the connection')))
  socket.on('data', (chunk: string) => {
    text += chunk
    const head = text.indexOf('\r\n\r\n')
    if (head < 0) return
    const at = text.indexOf('content-length: ')
    const end = head + 4 + Number.parseInt(text.slice(at + 16, at + 26), 10)
    if (text.length < end) return
    const reply = text
    text = ''
    const done = waiting
    waiting = undefined
    if (reply.startsWith('HTTP/1.1 200') && reply.includes('"success":true', head))
      done?.resolve(reply.slice(head + 4))
    else done?.reject(new Error(`refused: ${reply}`))
  })
  return {
    ask: (request) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject }
        socket.write(request, 'latin1')
      }),
    close: () => socket.destroy(),
  }
}

export function getRequest(path: string, token: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer ${token}\r\n\r\n`
}

export function postRequest(path: string, token: string, body: string): string {
  return `POST ${path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}
