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
  /**
   * Removes every file whose key begins with `prefix` (at least 2 characters) and, where `only` is given, of
   * which it says yes; and what a killed writer left half-written under such a key.
   */
  removeAll: (prefix: string, only?: (key: string) => boolean) => Promise<void>
}
