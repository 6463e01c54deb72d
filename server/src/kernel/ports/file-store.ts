import type { Readable } from 'node:stream'

/** Where generated and uploaded files lie. Keys are made by the server: `[a-z0-9]`, one dot, an extension. */
export type FileStore = {
  /** Stores a file under a new key, durably: once this resolves, the file survives a crash. */
  put: (key: string, content: Uint8Array | AsyncIterable<Uint8Array>) => Promise<void>
  /** Size and age of a file, or null when there is none. */
  stat: (key: string) => Promise<{ bytes: number; modifiedAt: Date } | null>
  /** Reads a file or, with a range (both ends included), a part of it. Throws when there is none. */
  read: (key: string, range?: { start: number; end: number }) => Readable
  /** Removes a file; no error when there is none. */
  remove: (key: string) => Promise<void>
}
