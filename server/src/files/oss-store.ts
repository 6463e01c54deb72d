import { Readable } from 'node:stream'
import OSS from 'ali-oss'
import type { DirectUploads } from '../kernel/ports/direct-uploads.ts'
import type { FileStore } from '../kernel/ports/file-store.ts'

/** An Aliyun OSS bucket and whoever may write to it, as STORAGE_URL names them. */
export type OssAccount = {
  bucket: string
  /** Such as `oss-cn-beijing`. */
  region: string
  accessKeyId: string
  accessKeySecret: string
  /** Where to reach OSS instead of the region's public address. */
  endpoint: string | null
  /** The role whose rights, cut down, users' uploads get; null when uploads come through us. */
  roleArn: string | null
  /** Where to reach STS instead of its public address. */
  stsEndpoint: string | null
}

const KEY = /^[a-z0-9]{16,64}\.[a-z0-9]{1,8}$/
const PREFIX = /^[a-z0-9]{2,64}$/
const TIMEOUT_MS = 60_000
/** The client counts from the first byte sent to the answer, so a long clip over a slow line needs more. */
const STREAM_TIMEOUT_MS = 15 * 60_000

/**
 * Keeps files in an OSS bucket, under `<prefix>/<key>`. An object appears whole or not at all, and is there for
 * good when the server has answered.
 *
 * @param prefix tells the sites that share a bucket apart.
 */
export function openOssStore(account: OssAccount, prefix: string): FileStore {
  const client = new OSS({
    accessKeyId: account.accessKeyId,
    accessKeySecret: account.accessKeySecret,
    bucket: account.bucket,
    region: account.region,
    secure: true,
    timeout: TIMEOUT_MS,
    ...(account.endpoint !== null && { endpoint: account.endpoint }),
  })
  const nameOf = (key: string): string => {
    if (!KEY.test(key)) throw new Error('a key that the server did not make')
    return `${prefix}/${key}`
  }
  return {
    put: async (key, content) => {
      const name = nameOf(key)
      if (content instanceof Uint8Array) {
        await told(client.put(name, Buffer.from(content.buffer, content.byteOffset, content.byteLength)))
        return
      }
      await putStream(client, name, content)
    },
    stat: async (key) => {
      try {
        const { res } = await told(client.head(nameOf(key)))
        const headers = res.headers as Record<string, string>
        return {
          bytes: Number(headers['content-length']),
          modifiedAt: new Date(headers['last-modified'] ?? ''),
        }
      } catch (error) {
        if (error instanceof OssError && error.status === 404) return null
        throw error
      }
    },
    read: (key, range) => {
      const name = nameOf(key)
      const headers = range && { Range: `bytes=${range.start}-${range.end}` }
      return Readable.from(chunks(client, name, headers), { objectMode: false })
    },
    remove: async (key) => {
      await told(client.delete(nameOf(key)))
    },
    removeAll: async (start, only) => {
      if (!PREFIX.test(start)) throw new Error('a prefix of no key that the server makes')
      for await (const name of namesUnder(client, `${prefix}/${start}`)) {
        const key = name.slice(prefix.length + 1)
        if (KEY.test(key) && (!only || only(key))) await told(client.delete(name))
      }
    },
  }
}

/**
 * What the service said, or why it could not be asked. The library's own errors carry the request with its
 * signature, so they must not get into a log.
 */
class OssError extends Error {
  override readonly name = 'OssError'
  readonly status: number
  constructor(error: { status?: unknown; code?: unknown; message?: unknown }) {
    super(
      `the object storage answered ${String(error.status)} ${String(error.code)}: ${String(error.message)}`,
    )
    this.status = typeof error.status === 'number' ? error.status : -1
  }
}

async function told<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw new OssError(error as object)
  }
}

/** A source that breaks off breaks the connection off, and OSS keeps nothing of a request that did not end. */
async function putStream(client: OSS, name: string, content: AsyncIterable<Uint8Array>): Promise<void> {
  const stream = Readable.from(content, { objectMode: false })
  let broken: Error | null = null
  stream.once('error', (error) => {
    broken = error
  })
  try {
    await told(client.putStream(name, stream, { timeout: STREAM_TIMEOUT_MS } as OSS.PutStreamOptions))
  } catch (error) {
    throw broken ?? error
  } finally {
    stream.destroy()
  }
}

type Listing = { objects?: { name: string }[]; nextContinuationToken?: string }

/** Every object whose name begins so, page by page. */
async function* namesUnder(client: OSS, prefix: string): AsyncGenerator<string> {
  let token: string | undefined
  do {
    const query = { prefix, 'max-keys': 1_000, ...(token && { 'continuation-token': token }) }
    const page = (await told(client.listV2(query as never, {}))) as Listing
    for (const { name } of page.objects ?? []) yield name
    token = page.nextContinuationToken
  } while (token)
}

/** Asks only when somebody reads, and lets go of the connection when they stop. */
async function* chunks(
  client: OSS,
  name: string,
  headers: Record<string, string> | undefined,
): AsyncGenerator<Buffer> {
  const { stream } = await told(client.getStream(name, headers && ({ headers } as OSS.GetStreamOptions)))
  try {
    for await (const chunk of stream as Readable) yield chunk
  } finally {
    ;(stream as Readable).destroy()
  }
}

/** Temporary keys from Aliyun STS that can only write, or null where STORAGE_URL names no role for them. */
export function openOssUploads(account: OssAccount): DirectUploads | null {
  const { roleArn, bucket, region, stsEndpoint } = account
  if (roleArn === null) return null
  const sts = new OSS.STS({
    accessKeyId: account.accessKeyId,
    accessKeySecret: account.accessKeySecret,
    // The library takes it; its types do not know.
    ...(stsEndpoint !== null && { endpoint: stsEndpoint }),
  })
  return {
    grant: async ({ holder, prefixes, seconds }) => {
      const policy = {
        Version: '1',
        Statement: [
          {
            Effect: 'Allow',
            Action: ['oss:PutObject'],
            Resource: prefixes.map((prefix) => `acs:oss:*:*:${bucket}/${prefix}*`),
          },
        ],
      }
      const { credentials } = await told(sts.assumeRole(roleArn, policy, seconds, holder))
      return {
        accessKeyId: credentials.AccessKeyId,
        accessKeySecret: credentials.AccessKeySecret,
        securityToken: credentials.SecurityToken,
        expiresAt: new Date(credentials.Expiration),
        region,
        bucket,
      }
    },
  }
}
