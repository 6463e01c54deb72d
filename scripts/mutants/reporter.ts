// Tells scripts/mutants.ts, one JSON line a test, how each test ended.
import type { TestEvent } from 'node:test/reporters'

/** How one test ended, as the reporter writes it. */
export type TestResult = {
  name: string
  passed: boolean
  /** True when the test's own code failed an assertion: not a hook, a time limit, a crash or a refused import. */
  failedAnAssertion: boolean
  message: string
}

// biome-ignore lint/style/noDefaultExport: node:test wants one.
export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const { type, data } of source) {
    if (type !== 'test:pass' && type !== 'test:fail') continue
    const error = type === 'test:fail' ? data.details.error : null
    const result: TestResult = {
      name: data.name,
      passed: type === 'test:pass' && data.skip === undefined,
      failedAnAssertion: failureTypeOf(error) === 'testCodeFailure' && isAssertion(error),
      message: String(error?.cause instanceof Error ? error.cause.message : (error?.cause ?? '')).trim(),
    }
    yield `${JSON.stringify(result)}\n`
  }
}

function failureTypeOf(error: Error | null): unknown {
  return error && 'failureType' in error ? error.failureType : null
}

/** Looks along the causes: fast-check wraps the assertion that failed. */
function isAssertion(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return ('code' in error && error.code === 'ERR_ASSERTION') || isAssertion(error.cause)
}
