import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigError } from './config.ts'

/**
 * Reads a secret from a file in the data folder, or makes it there (0600) when there is none. Of several
 * processes that start at once, one makes it and all use it.
 *
 * @returns the secret, and whether it was made now.
 * @throws ConfigError when the folder cannot be written.
 */
async function keepSecret(
  dataDir: string,
  name: string,
  make: () => string,
): Promise<{ secret: string; isNew: boolean }> {
  const path = join(dataDir, name)
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    const file = await open(path, 'wx', 0o600)
    try {
      const secret = make()
      await file.writeFile(`${secret}\n`)
      await file.sync()
      return { secret, isNew: true }
    } finally {
      await file.close()
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : ''
    if (code !== 'EEXIST')
      throw new ConfigError(
        `The data folder ${dataDir} cannot be written (${code}): free space, or set DATA_DIR.`,
      )
  }
  for (let tries = 0; tries < 50; tries += 1) {
    const secret = (await readFile(path, 'utf8')).trim()
    // Its maker may be writing it at this moment.
    if (secret) return { secret, isNew: false }
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new ConfigError(
    `${path} is empty: delete it if this installation holds no data yet, otherwise restore it.`,
  )
}

/** The installation's root key, from the environment or kept in the data folder. */
export async function readSecretKey(configured: string | null, dataDir: string): Promise<string> {
  return configured ?? (await keepSecret(dataDir, 'secret-key', () => randomBytes(32).toString('hex'))).secret
}

/** The first administrator's password, from the environment or kept in the data folder. */
export async function readAdminPassword(
  configured: string | null,
  dataDir: string,
): Promise<{ password: string; isNew: boolean }> {
  if (configured !== null) return { password: configured, isNew: false }
  const { secret, isNew } = await keepSecret(dataDir, 'admin-password', () =>
    randomBytes(12).toString('base64url'),
  )
  return { password: secret, isNew }
}
