import type { Json } from '../../kernel/ports/provider.ts'
import type { Options, Place } from './options.ts'

// Finds things in a vendor's answer: first where the operator's declaration says, then where the vendors we know
// put them (facts 3.5).

type Found = { url: string } | { base64: string }
type Fields = { readonly [key: string]: Json }

export type Answer = {
  status: 'done' | 'failed' | 'other' | 'none'
  id: string | null
  queryUrl: string | null
  /** 0…99, or null. */
  progress: number | null
  files: readonly Found[]
  /** Whether the files lie where nothing but results lies; `url` alone may be anything. */
  isSurelyResult: boolean
  /** What the vendor says went wrong. */
  words: string
  /** An error without a status: a refusal that came with a 200. */
  isError: boolean
}

const MOST_FILES = 16

/** What an entry of the declaration is, told by its name. */
const ROLES = {
  id: ['task_id', 'taskid', 'id', 'job_id', 'request_id', 'prediction_id'],
  status: ['status', 'state', 'task_status', 'taskstatus'],
  progress: ['progress', 'progress_percent', 'percent'],
  error: ['error', 'reason', 'fail_reason', 'message', 'error_message', 'msg'],
  queryUrl: ['query_url', 'queryurl', 'status_url', 'polling_url', 'poll_url'],
  file: [
    ...['file', 'files', 'file_url', 'result_url', 'result', 'results', 'url', 'urls', 'output', 'outputs'],
    ...['image', 'images', 'image_url', 'image_urls', 'video', 'videos', 'video_url', 'video_urls'],
    ...['audio', 'audios', 'audio_url', 'audio_urls', 'b64_json', 'base64', 'data'],
  ],
} as const

type Role = keyof typeof ROLES

const DEFAULTS: Readonly<Record<Exclude<Role, 'file'>, readonly string[]>> = {
  status: [
    'task.status',
    'data.status',
    'status',
    'data.task_status',
    'output.task_status',
    'task_status',
    'state',
  ],
  id: [
    ...['data.id', 'data.task_id', 'id', 'task_id', 'data', 'task.task_id', 'task.id'],
    ...['data.taskId', 'taskId', 'output.task_id'],
  ],
  progress: ['task.progress_percent', 'task.progress', 'data.progress', 'progress', 'progress_percent'],
  error: [
    ...['task.reason', 'data.reason', 'reason', 'task.fail_reason', 'data.fail_reason', 'fail_reason'],
    ...['error.message', 'data.error.message', 'error', 'data.error', 'task.error', 'message', 'msg'],
  ],
  queryUrl: ['data.query_url', 'query_url', 'data.status_url', 'status_url', 'polling_url', 'urls.get'],
}

/** Where one result object may lie inside the answer. */
const ROOTS = [
  '',
  'task',
  'data',
  'result',
  'output',
  'data.result',
  'data.output',
  'data.task_result',
  'response',
]
const SURE_FILES = [
  ...['videos', 'images', 'audios', 'image', 'video', 'audio'],
  ...['video_url', 'image_url', 'audio_url', 'video_urls', 'image_urls', 'b64_json'],
]
/** In the facts' own order. */
const LOOSE_FILES = [
  'url',
  'file_url',
  'result_url',
  'output',
  'outputs',
  'results',
  'urls',
  'result',
  'data',
]

/** Reads an answer by the declaration, then by custom. */
export function readAnswer(body: Json, options: Options): Answer {
  const first = (role: Exclude<Role, 'file'>, isFine: (value: Json) => boolean): Json => {
    const places = [...declared(options, role), ...DEFAULTS[role].map((path) => path.split('.'))]
    for (const path of places) for (const value of valuesAt(body, path)) if (isFine(value)) return value
    return null
  }
  const id = first('id', isJobNumber)
  const queryUrl = first('queryUrl', isText)
  const error = first('error', isErrorText)
  const { status, files, isSurelyResult } = readResult(body, options)
  return {
    status,
    id: id === null ? null : String(id),
    queryUrl: typeof queryUrl === 'string' ? queryUrl : null,
    progress: readProgress(first('progress', (value) => typeof value === 'number' || isText(value))),
    files,
    isSurelyResult,
    words: typeof error === 'string' ? error : error === null ? '' : JSON.stringify(error),
    isError: isRefusal(body),
  }
}

function readResult(body: Json, options: Options): Pick<Answer, 'status' | 'files' | 'isSurelyResult'> {
  const places = [...declared(options, 'status'), ...DEFAULTS.status.map((path) => path.split('.'))]
  const told = places
    .flatMap((path) => valuesAt(body, path))
    .find((value) => wordMeans(toWord(value), options) !== 'other' || isWord(value))
  const status = told === undefined ? 'none' : wordMeans(toWord(told), options)
  const chosen = declared(options, 'file')
    .map((path) => valuesAt(body, path).flatMap((value) => filesIn(value, BARE_BASE64)))
    .find((files) => files.length > 0)
  const sure = chosen ?? filesUnder(body, SURE_FILES) ?? dataList(body)
  const files = sure ?? filesUnder(body, LOOSE_FILES) ?? []
  return { status, files: files.slice(0, MOST_FILES), isSurelyResult: sure !== undefined }
}

function wordMeans(word: string, options: Options): 'done' | 'failed' | 'other' {
  if (options.successWords.has(word)) return 'done'
  return options.failureWords.has(word) ? 'failed' : 'other'
}

function toWord(value: Json): string {
  return typeof value === 'object' ? '' : String(value).trim().toUpperCase()
}

/** Numbers are status words only where the operator lists them: a `status: 200` is an envelope. */
function isWord(value: Json): boolean {
  return typeof value === 'string' && /\D/.test(value.trim())
}

/** An address is no number, nor is a whole picture. */
function isJobNumber(value: Json): boolean {
  if (typeof value === 'number') return true
  return typeof value === 'string' && /^(?!https?:|data:)\S{1,500}$/i.test(value)
}

function declared(options: Options, role: Role): Place['path'][] {
  const names: readonly string[] = ROLES[role]
  return options.outputs.filter(({ name }) => names.includes(lastName(name))).map(({ path }) => path)
}

/** An entry may be named by its place: `videos[].video_url` is a `video_url`. */
function lastName(name: string): string {
  return (name.match(/[^.[\]\d*]+/g)?.at(-1) ?? '').toLowerCase()
}

/** Every value at a path; a list on the way that is not told otherwise means each of its elements. */
function valuesAt(body: Json, path: readonly (string | number)[]): Json[] {
  let level: Json[] = [body]
  for (const step of path) {
    level = level.flatMap((value): Json[] => {
      if (Array.isArray(value)) {
        if (step === '*') return value
        if (typeof step === 'number') return value[step] === undefined ? [] : [value[step]]
        return value.flatMap((one) => own(one, step))
      }
      return step === '*' ? [value] : own(value, String(step))
    })
  }
  return level
}

function own(value: Json, key: string): Json[] {
  if (!isFields(value) || !Object.hasOwn(value, key)) return []
  const found = value[key]
  return found === undefined ? [] : [found]
}

// Files ----------------------------------------------------------------------------------------------------

function filesUnder(body: Json, names: readonly string[]): Found[] | undefined {
  for (const root of ROOTS) {
    for (const name of names) {
      const path = root === '' ? [name] : [...root.split('.'), name]
      const files = valuesAt(body, path).flatMap((value) =>
        filesIn(value, name === 'b64_json' ? NAMED_BASE64 : NO_BASE64),
      )
      if (files.length > 0) return files
    }
  }
  return undefined
}

/** `data: [{url}]`, `data: [{b64_json}]`, or the answer itself as a list of addresses. */
function dataList(body: Json): Found[] | undefined {
  for (const list of [body, ...valuesAt(body, ['data']), ...valuesAt(body, ['data', 'data'])]) {
    const files = Array.isArray(list) ? filesIn(list, NO_BASE64) : []
    if (files.length > 0) return files
  }
  return undefined
}

/** How long a text must be to be taken for base64: where the name says so, where a file is declared, elsewhere. */
const NAMED_BASE64 = 32
const BARE_BASE64 = 256
const NO_BASE64 = Number.POSITIVE_INFINITY

function filesIn(value: Json, leastBase64: number): Found[] {
  if (typeof value === 'string') return fileIn(value.trim(), leastBase64)
  if (Array.isArray(value)) return value.flatMap((one) => filesIn(one, leastBase64))
  if (!isFields(value)) return []
  for (const key of ['video_url', 'image_url', 'audio_url', 'file_url', 'result_url', 'url']) {
    const files = own(value, key).flatMap((one) => filesIn(one, NO_BASE64))
    if (files.length > 0) return files
  }
  return ['b64_json', 'base64'].flatMap((key) => own(value, key)).flatMap((one) => filesIn(one, NAMED_BASE64))
}

function fileIn(text: string, leastBase64: number): Found[] {
  if (/^https?:\/\//i.test(text)) return [{ url: text }]
  const inline = /^data:[^,]{0,200};base64,/i.exec(text)
  if (inline) return [{ base64: text.slice(inline[0].length) }]
  return text.length >= leastBase64 && /^[A-Za-z0-9+/]+={0,2}$/.test(text) ? [{ base64: text }] : []
}

// Small things ---------------------------------------------------------------------------------------------

function readProgress(value: Json): number | null {
  const number = typeof value === 'string' ? Number(value.replace(/%$/, '')) : Number(value ?? Number.NaN)
  if (!Number.isFinite(number)) return null
  const percent = number > 0 && number < 1 ? number * 100 : number
  return Math.max(0, Math.min(99, Math.floor(percent)))
}

function isRefusal(body: Json): boolean {
  if (!isFields(body)) return false
  return body.success === false || isErrorText(body.error ?? null)
}

function isErrorText(value: Json): boolean {
  return isText(value) || (isFields(value) && Object.keys(value).length > 0)
}

function isText(value: Json): boolean {
  return typeof value === 'string' && value.trim() !== ''
}

function isFields(value: Json): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
