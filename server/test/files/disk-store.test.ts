import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDiskStore } from '../../src/files/disk-store.ts'
import { testFileStore } from './file-store-suite.ts'

testFileStore('the disk', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'atelier-files-'))
  return {
    store: await openDiskStore(join(dir, 'one')),
    neighbour: await openDiskStore(join(dir, 'other')),
    received: null,
    close: () => rm(dir, { recursive: true, force: true }),
  }
})
