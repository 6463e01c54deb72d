import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { FileStore } from '../kernel/ports/file-store.ts'

const KEY = /^[a-z0-9]{16,64}\.[a-z0-9]{1,8}$/
const PREFIX = /^[a-z0-9]{2,64}$/
/** Ends the name of a file while it is written, and of what a killed writer leaves. */
const UNFINISHED = /\.[0-9a-f]{12}\.part$/

/**
 * Keeps files in a folder, spread over 1024 sub-folders by the first two characters of their keys. A file
 * appears under its key whole or not at all, and is on disk when `put` resolves.
 */
export async function openDiskStore(dir: string): Promise<FileStore> {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const pathOf = (key: string): string => {
    if (!KEY.test(key)) throw new Error('a key that the server did not make')
    return join(dir, key.slice(0, 2), key)
  }
  const syncFolder = createFolderSync()
  const folders = new Map<string, Promise<void>>()
  /** Makes a sub-folder once; it is on disk itself before anything in it is said to be. */
  const makeFolder = (folder: string): Promise<void> => {
    const making =
      folders.get(folder) ??
      mkdir(folder, { recursive: true, mode: 0o700 }).then((made) => (made ? syncFolder(dir) : undefined))
    folders.set(folder, making)
    making.catch(() => folders.delete(folder))
    return making
  }
  return {
    put: async (key, content) => {
      const path = pathOf(key)
      const folder = join(dir, key.slice(0, 2))
      // Two writers of one key (two processes making the same thumbnail) must not write into each other.
      const temporary = `${path}.${randomBytes(6).toString('hex')}.part`
      try {
        await makeFolder(folder)
        const file = await openNew(temporary, folder)
        try {
          await writeAll(file, content)
          await file.datasync()
        } finally {
          await file.close()
        }
        await rename(temporary, path)
        await syncFolder(folder)
      } catch (error) {
        await rm(temporary, { force: true })
        throw error
      }
    },
    stat: async (key) => {
      try {
        const { size, mtime } = await stat(pathOf(key))
        return { bytes: size, modifiedAt: mtime }
      } catch {
        return null
      }
    },
    read: (key, range) => createReadStream(pathOf(key), range),
    remove: async (key) => {
      await rm(pathOf(key), { force: true })
    },
    removeAll: async (prefix, only) => {
      if (!PREFIX.test(prefix)) throw new Error('a prefix of no key that the server makes')
      const folder = join(dir, prefix.slice(0, 2))
      const names = await readdir(folder).catch((error: unknown) => {
        if (isMissing(error)) return []
        throw error
      })
      const doomed = names.filter(
        (name) => name.startsWith(prefix) && (!only || only(name.replace(UNFINISHED, ''))),
      )
      await Promise.all(doomed.map((name) => rm(join(folder, name), { force: true })))
    },
  }
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT'

/** Opens a file to write. A folder that somebody removed under a running server is made again. */
async function openNew(path: string, folder: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o600)
  } catch (error) {
    if (!isMissing(error)) throw error
    await mkdir(folder, { recursive: true, mode: 0o700 })
    return open(path, 'wx', 0o600)
  }
}

/** Piece by piece: what a sender has not been asked for yet is not in memory. */
async function writeAll(file: FileHandle, content: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
  if (content instanceof Uint8Array) await file.writeFile(content)
  else for await (const piece of content) await file.writeFile(piece)
}

/**
 * Writes folders' entries to disk, one sync for all who ask while the one before is under way: the files of a
 * task lie in one folder and are stored together. Whoever asks is answered by a sync that began afterwards.
 */
function createFolderSync(): (folder: string) => Promise<void> {
  type Turn = { running: Promise<void>; next: Promise<void> | undefined }
  const turns = new Map<string, Turn>()
  const sync = async (folder: string): Promise<void> => {
    const handle = await open(folder)
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  }
  const begin = (folder: string): Promise<void> => {
    const turn: Turn = { running: sync(folder), next: undefined }
    turns.set(folder, turn)
    const leave = (): void => {
      if (!turn.next) turns.delete(folder)
    }
    turn.running.then(leave, leave)
    return turn.running
  }
  return (folder) => {
    const turn = turns.get(folder)
    if (!turn) return begin(folder)
    turn.next ??= turn.running.catch(() => {}).then(() => begin(folder))
    return turn.next
  }
}
