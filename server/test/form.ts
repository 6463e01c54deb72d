import { randomBytes } from 'node:crypto'

export type FormFile = { field: string; bytes: Uint8Array; name: string; type: string }

/** A multipart/form-data body as a browser sends it. */
export function toForm(
  fields: Readonly<Record<string, string>>,
  files: readonly FormFile[],
): { body: Buffer; headers: Record<string, string> } {
  const boundary = `----form${randomBytes(12).toString('hex')}`
  const parts = [
    ...Object.entries(fields).map(([name, value]) =>
      Buffer.from(`--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`),
    ),
    ...files.flatMap(({ field, bytes, name, type }) => [
      Buffer.from(
        `--${boundary}\r\ncontent-disposition: form-data; name="${field}"; filename="${name}"\r\n` +
          `content-type: ${type}\r\n\r\n`,
      ),
      Buffer.from(bytes),
      Buffer.from('\r\n'),
    ]),
    Buffer.from(`--${boundary}--\r\n`),
  ]
  return {
    body: Buffer.concat(parts),
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
  }
}
