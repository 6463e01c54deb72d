import type { CallOptions, Provider, TextJob, TextPart } from '../../src/kernel/ports/provider.ts'

type Write = (job: TextJob, options: Pick<CallOptions, 'connection' | 'signal'>) => AsyncIterable<TextPart>

export type FakeVision = Provider & {
  /** What it was asked to write, in order: what a vendor would have charged for. */
  asked: TextJob[]
  /** What the next calls do; without any, a text is written at once. */
  next: Write[]
}

export const END: TextPart = { type: 'end', reason: 'stop', usage: { inputTokens: 900, outputTokens: 300 } }

/** Writes these pieces and ends well. */
export const writes = (...pieces: string[]): Write =>
  async function* () {
    for (const text of pieces) yield { type: 'text', text }
    yield END
  }

/** Writes a piece, then fails. */
export const failsWith = (error: Error, piece = ''): Write =>
  async function* () {
    if (piece !== '') yield { type: 'text', text: piece }
    throw error
  }

/** A vendor that looks at pictures and does what the test says. It costs money: nothing is repeatable. */
export function createFakeVision(name: string): FakeVision {
  const fake: FakeVision = {
    name,
    kinds: ['vision'],
    repeatable: false,
    concurrency: 100,
    asked: [],
    next: [],
    start: async () => {
      throw new Error('nobody asks this one for a picture')
    },
    write: (job, options) => {
      fake.asked.push(job)
      return (fake.next.shift() ?? writes('画面分析\n', '一段提示词'))(job, options)
    },
  }
  return fake
}
