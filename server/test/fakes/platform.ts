import type { Platform, PublishStep } from '../../src/kernel/ports/platform.ts'
import { PlatformError } from '../../src/kernel/ports/platform.ts'

type Act = (title: string, signal: AbortSignal) => Promise<PublishStep>

export type FakePlatform = Platform & {
  /** Titles of what was prepared, and of what a platform would have made public, in order. */
  prepared: string[]
  acted: string[]
  /** What the next calls do; without any, they go well. */
  nextPrepare: Act[]
  nextAct: Act[]
}

export const actNow: PublishStep = {
  state: 'working',
  phase: 'acting',
  operation: { ready: true },
  afterMs: 0,
}
export const isOut: PublishStep = {
  state: 'published',
  remoteId: 'post-1',
  url: 'https://example.com/post-1',
}

/** A platform of two steps that does what the test says and remembers what it was asked. */
export function createFakePlatform(name: string): FakePlatform {
  const fake: FakePlatform = {
    name,
    prepared: [],
    acted: [],
    nextPrepare: [],
    nextAct: [],
    handoff: {
      name,
      authorUrl: 'https://example.com/author',
      hosts: ['example.com'],
      longestTitle: 20,
      longestBody: 1_000,
      mostPictures: 9,
    },
    api: {
      shapes: ['article', 'pictures'],
      credentials: ['app_id', 'app_secret'],
      bind: async (given) => {
        if (given.app_secret === 'wrong')
          throw new PlatformError('refused', `no ${given.app_secret}`, { reason: 'credentials_wrong' })
        return { remoteAccount: given.app_id ?? '', name: `account ${given.app_id}`, secrets: given }
      },
      advance: async (_account, content, operation, signal) => {
        const [made, next, usual] =
          operation === null
            ? ([fake.prepared, fake.nextPrepare, actNow] as const)
            : ([fake.acted, fake.nextAct, isOut] as const)
        made.push(content.title)
        const behave = next.shift()
        return behave ? behave(content.title, signal) : usual
      },
    },
  }
  return fake
}
