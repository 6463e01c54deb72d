import type { Json, ProviderConnection, ProviderKind } from '../../kernel/ports/provider.ts'
import { placesIn, wordsOf } from './body.ts'

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
  /** What pictures and clips are asked for with; null where only declared arguments are sent. */
  body: Json | null
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
    body: isEntry(options.body ?? null) ? (options.body ?? null) : null,
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

const NAMES = ['method', 'queryUrl', 'successWords', 'failureWords', 'pollSeconds', 'outputs', 'body']

/**
 * What is wrong with the options of a connection that makes pictures or clips, in a sentence; null when nothing is.
 * Stricter than reading them is: here somebody is there to be told.
 */
export function problemWith({ options }: ProviderConnection, kind: ProviderKind): string | null {
  const { method, queryUrl, pollSeconds, outputs, body } = options
  const unknown = Object.keys(options).find((name) => !NAMES.includes(name))
  if (unknown !== undefined) return `There is no option ${unknown}; there are ${NAMES.join(', ')}.`
  if (method !== undefined && method !== 'POST' && method !== 'PUT') return 'method is POST or PUT.'
  if (queryUrl !== undefined && !(typeof queryUrl === 'string' && /%s|\{id\}/.test(queryUrl)))
    return 'queryUrl is an address with {id} where the number of the job goes.'
  if (queryUrl !== undefined && !URL.canParse(String(queryUrl))) return 'queryUrl is no address.'
  for (const name of ['successWords', 'failureWords']) {
    const words = options[name]
    if (words !== undefined && !(Array.isArray(words) && words.every((word) => typeof word === 'string')))
      return `${name} is a list of words.`
  }
  if (
    pollSeconds !== undefined &&
    !(typeof pollSeconds === 'number' && pollSeconds > 0 && pollSeconds <= 600)
  )
    return 'pollSeconds is a number above 0, at most 600.'
  if (outputs !== undefined && !(Array.isArray(outputs) && outputs.every((one) => readPlace(one).length > 0)))
    return 'outputs is a list of objects with a name, and a path where it is not the name.'
  return kind === 'custom' ? null : problemWithBody(body, kind)
}

function problemWithBody(body: Json | undefined, kind: ProviderKind): string | null {
  if (body === undefined || !isEntry(body))
    return 'body is an object: what is sent, with {prompt} where the prompt goes.'
  const known = wordsOf(kind)
  const places = placesIn(body)
  const unknown = places.find((name) => !known.includes(name))
  if (unknown !== undefined)
    return `Nothing goes to {${unknown}} in the body; there are ${known.map((name) => `{${name}}`).join(', ')}.`
  return places.includes('prompt') ? null : 'The body has no {prompt}.'
}
