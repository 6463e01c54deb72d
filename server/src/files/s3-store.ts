import { Readable } from 'node:stream'
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import type { FileStore } from '../kernel/ports/file-store.ts'

/** A bucket and whoever may write to it, as STORAGE_URL names them. */
export type S3Account = {
  endpoint: string
  region: string
  bucket: string
  /** Whether the bucket is the first part of the path, as most servers but Amazon's want it. */
  isPathStyle: boolean
  accessKeyId: string
  secretAccessKey: string
}

const KEY = /^[a-z0-9]{16,64}\.[a-z0-9]{1,8}$/
const PREFIX = /^[a-z0-9]{2,64}$/
/** A stream is sent in parts of this size, one after the other: that much of it is in memory at a time. */
const PART_BYTES = 8 * 1_048_576
const CONNECT_MS = 5_000
/** A connection this long without a byte is given up; a slow reader of a large file needs some patience. */
const SILENT_MS = 120_000
const SOCKETS = 200

/**
 * Keeps files in an S3 bucket, under `<prefix>/<key>`. An object appears whole or not at all, and is there for
 * good when the server has answered. Each call is tried three times.
 *
 * @param prefix tells the sites that share a bucket apart.
 */
export function openS3Store(account: S3Account, prefix: string): FileStore & { close: () => void } {
  const client = new S3Client({
    endpoint: account.endpoint,
    region: account.region,
    forcePathStyle: account.isPathStyle,
    credentials: { accessKeyId: account.accessKeyId, secretAccessKey: account.secretAccessKey },
    maxAttempts: 3,
    // The newer checksums travel as trailers, which servers other than Amazon's may not know.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: CONNECT_MS,
      socketTimeout: SILENT_MS,
      httpAgent: { maxSockets: SOCKETS, keepAlive: true },
      httpsAgent: { maxSockets: SOCKETS, keepAlive: true },
    },
  })
  const objectOf = (key: string): { Bucket: string; Key: string } => {
    if (!KEY.test(key)) throw new Error('a key that the server did not make')
    return { Bucket: account.bucket, Key: `${prefix}/${key}` }
  }
  return {
    put: async (key, content) => {
      const object = objectOf(key)
      if (content instanceof Uint8Array) {
        await client.send(new PutObjectCommand({ ...object, Body: content }))
        return
      }
      const Body = Readable.from(content, { objectMode: false })
      const upload = new Upload({ client, params: { ...object, Body }, partSize: PART_BYTES, queueSize: 1 })
      try {
        await upload.done()
      } finally {
        // The source may hold a connection or a file that nobody reads on.
        Body.destroy()
      }
    },
    stat: async (key) => {
      try {
        const { ContentLength, LastModified } = await client.send(new HeadObjectCommand(objectOf(key)))
        if (ContentLength === undefined || LastModified === undefined)
          throw new Error('the store told neither size nor time of a file')
        return { bytes: ContentLength, modifiedAt: LastModified }
      } catch (error) {
        if (error instanceof S3ServiceException && error.$metadata.httpStatusCode === 404) return null
        throw error
      }
    },
    read: (key, range) => {
      const object = objectOf(key)
      const asked = range && { Range: `bytes=${range.start}-${range.end}` }
      return Readable.from(chunks(client, new GetObjectCommand({ ...object, ...asked })), {
        objectMode: false,
      })
    },
    remove: async (key) => {
      await client.send(new DeleteObjectCommand(objectOf(key)))
    },
    removeAll: async (start, only) => {
      if (!PREFIX.test(start)) throw new Error('a prefix of no key that the server makes')
      const listing = { Bucket: account.bucket, Prefix: `${prefix}/${start}` }
      for await (const page of paginateListObjectsV2({ client }, listing)) {
        const keys = (page.Contents ?? []).map(({ Key = '' }) => Key.slice(prefix.length + 1))
        const doomed = keys.filter((key) => KEY.test(key) && (!only || only(key)))
        await Promise.all(doomed.map((key) => client.send(new DeleteObjectCommand(objectOf(key)))))
      }
    },
    close: () => client.destroy(),
  }
}

/** Asks only when somebody reads, and lets go of the connection when they stop. */
async function* chunks(client: S3Client, command: GetObjectCommand): AsyncGenerator<Buffer> {
  const asking = new AbortController()
  try {
    const { Body } = await client.send(command, { abortSignal: asking.signal })
    for await (const chunk of Body as Readable) yield chunk
  } finally {
    asking.abort()
  }
}
