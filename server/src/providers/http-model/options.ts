import type { Json, ProviderConnection } from '../../kernel/ports/provider.ts'

/** One declared part of the answer: where it is (`path`, or else its name). */
export type Place = { name: string; path: readonly (string | number | '*')[] }

/** What an operator said of the call, read tolerantly: a slip in one option must not lose the others. */
export type Options = {
  method: 'POST' | 'PUT'
  queryUrl: string | null
  successWords: ReadonlySet<string>
  failureWords: ReadonlySet<string>
  pollMs: number | null
  outputs: readonly Place[]
}

/** The words of facts 3.5, compared in capitals, with those that other vendors are known to use. */
const SUCCESS = ['TASK_STATUS_SUCCEED', 'SUCCESS', 'COMPLETED', 'COMPLETE', 'SUCCEEDED', 'SUCCEED', 'DONE']
const FAILURE = [
  ...['TASK_STATUS_FAILED', 'FAILED', 'FAILURE', 'FAIL', 'ERROR'],
  ...['CANCELED', 'CANCELLED', 'EXPIRED', 'TIMEOUT', 'REJECTED'],
]

export function readOptions({ options }: ProviderConnection): Options {
  const { method, outputs } = options
  const list = Array.isArray(outputs) ? outputs : []
  // What an operator can say in a declaration alone; the connection's own options win.
  const said = (key: string): Json | undefined =>
    list.map((entry) => (isEntry(entry) ? entry[key] : undefined)).find((value) => value !== undefined)
  const queryUrl = options.queryUrl ?? said('template')
  const pollSeconds = options.pollSeconds ?? said('pollSeconds')
  return {
    method: method === 'PUT' ? 'PUT' : 'POST',
    queryUrl: typeof queryUrl === 'string' && queryUrl !== '' ? queryUrl : null,
    successWords: words(options.successWords ?? said('successWords'), SUCCESS),
    failureWords: words(options.failureWords ?? said('failureWords'), FAILURE),
    pollMs: typeof pollSeconds === 'number' && pollSeconds > 0 ? Math.min(pollSeconds, 600) * 1000 : null,
    outputs: list.flatMap(readPlace),
  }
}

function words(given: Json | undefined, defaults: readonly string[]): ReadonlySet<string> {
  const chosen = Array.isArray(given) && given.length > 0 ? given : defaults
  return new Set(chosen.map((word) => String(word).trim().toUpperCase()))
}

function readPlace(entry: Json): Place[] {
  if (!isEntry(entry)) return []
  const { name, path } = entry
  if (typeof name !== 'string' || name === '') return []
  return [{ name, path: readPath(typeof path === 'string' && path !== '' ? path : name) }]
}

function isEntry(entry: Json): entry is { [key: string]: Json } {
  return typeof entry === 'object' && entry !== null && !Array.isArray(entry)
}

/** `data.images[0].url`; `[]` or `[*]` means every element. */
export function readPath(text: string): (string | number | '*')[] {
  return [...text.matchAll(/[^.[\]]+|\[\]/g)].map(([step], index) => {
    if (step === '[]') return '*'
    return index > 0 && /^\d{1,6}$/.test(step) ? Number(step) : step
  })
}
