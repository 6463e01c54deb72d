// The limit of bench/first-token.ts: node:http alone, handing a vendor's stream on as it comes.
import { createServer, request } from 'node:http'
import { answer, cpuMs } from './child.ts'

const commands = {
  cpuMs,
  open: async ({ url, key }: { url: string; key: string }): Promise<number> => {
    const server = createServer((asked, response) => {
      const onward = request(
        `${url}/chat/completions`,
        {
          method: 'POST',
          // As the site does: a new connection for every call.
          agent: false,
          headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
        },
        (answered) => {
          response.writeHead(200, { 'content-type': 'text/event-stream' })
          answered.pipe(response)
        },
      )
      onward.on('error', () => response.destroy())
      asked.pipe(onward)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('a port was asked for')
    return address.port
  },
}

export type FirstTokenProxy = typeof commands

answer(commands)
