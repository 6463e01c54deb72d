import { writeFile } from 'node:fs/promises'
import { extname, resolve } from 'node:path'

/** Where the running Atelier keeps its data. */
export const dataDir = resolve(process.env.DATA_DIR ?? './data')

/** The public address of a site: what its environment variable says, or its own port on this machine. */
export function addressOf(site: string, port: number): string {
  const name = `PUBLIC_URL_${site.toUpperCase().replaceAll('-', '_')}`
  return (process.env[name] ?? `http://localhost:${port}`).replace(/\/+$/, '')
}

/** Sends JSON and reads JSON, whatever the status. Throws a sentence when nothing answers. */
export async function request<Answer>(
  base: string,
  method: string,
  path: string,
  { body, token }: { body?: object; token?: string } = {},
): Promise<Answer> {
  const reply = await fetch(`${base}${path}`, {
    method,
    headers: {
      ...(body && { 'content-type': 'application/json' }),
      ...(token && { authorization: `Bearer ${token}` }),
    },
    ...(body && { body: JSON.stringify(body) }),
  }).catch(() => {
    throw new Error(`Nothing answers at ${base}: start Atelier with "npm start" in another terminal first.`)
  })
  return (await reply.json()) as Answer
}

/** Saves a result beside the caller. @returns its file and size, to print. */
export async function keepFile(address: string, name: string): Promise<string> {
  const bytes = Buffer.from(await (await fetch(address)).arrayBuffer())
  const file = resolve(`${name}${extname(new URL(address).pathname)}`)
  await writeFile(file, bytes)
  return `${file} (${Math.round(bytes.length / 1024)} KB)`
}
