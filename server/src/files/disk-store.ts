import { createReadStream } from 'node:fs'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { FileStore } from '../kernel/ports/file-store.ts'

const KEY = /^[a-z0-9]{16,64}\.[a-z0-9]{1,8}$/

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
  return {
    put: async (key, bytes) => {
      const path = pathOf(key)
      await mkdir(join(dir, key.slice(0, 2)), { recursive: true, mode: 0o700 })
      // A key has one writer, and whoever removes the key removes what a killed one left of it.
      const temporary = `${path}.part`
      try {
        const file = await open(temporary, 'w', 0o600)
        try {
          await file.writeFile(bytes)
          await file.sync()
        } finally {
          await file.close()
        }
        await rename(temporary, path)
        const folder = await open(join(dir, key.slice(0, 2)))
        try {
          await folder.sync()
        } finally {
          await folder.close()
        }
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
      await rm(`${pathOf(key)}.part`, { force: true })
    },
  }
}
