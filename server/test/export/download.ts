import { request } from 'node:http'

/** What a client saw of an export. */
export type Download = {
  status: number
  headers: Record<string, unknown>
  /** From sending the request to the first byte of the body. */
  firstByteMs: number
  totalMs: number
  bytes: number
  /** Rows without the head, the sum of their amounts in units of 1/10000, and whether ids never rise. */
  rows: number
  sum: bigint
  isNewestFirst: boolean
  head: string
}

/**
 * Downloads an export and reads it row by row without keeping it. Rejects when the connection ends before the body.
 *
 * @param onRows told after every piece that was read.
 */
export function download(
  url: string,
  token: string,
  onRows: (rows: number) => void = () => {},
): Promise<Download> {
  return new Promise((resolve, reject) => {
    const began = performance.now()
    const sent = request(url, { headers: { authorization: `Bearer ${token}` }, agent: false }, (answer) => {
      const seen: Download = {
        status: answer.statusCode ?? 0,
        headers: answer.headers,
        ...{ firstByteMs: 0, totalMs: 0, bytes: 0, rows: 0, sum: 0n, isNewestFirst: true, head: '' },
      }
      let rest = ''
      let lastId = Number.POSITIVE_INFINITY
      answer.setEncoding('utf8')
      answer.on('data', (text: string) => {
        if (seen.firstByteMs === 0) seen.firstByteMs = performance.now() - began
        seen.bytes += Buffer.byteLength(text)
        // Rows end with CR LF; a line break inside a cell of the seeded books is a bare LF.
        const lines = (rest + text).split('\r\n')
        rest = lines.pop() ?? ''
        for (const line of lines) {
          if (seen.head === '') {
            seen.head = line
            continue
          }
          const [id, , , , amount = ''] = line.split(',', 5)
          seen.rows += 1
          seen.sum += BigInt(amount.replace('.', ''))
          seen.isNewestFirst &&= Number(id) < lastId
          lastId = Number(id)
        }
        onRows(seen.rows)
      })
      answer.on('error', reject)
      answer.on('end', () => {
        if (rest !== '') reject(new Error('the last row is not whole'))
        seen.totalMs = performance.now() - began
        resolve(seen)
      })
    })
    sent.on('error', reject)
    sent.end()
  })
}
