import type { InputProblem } from '../errors.ts'
import { refusal } from '../errors.ts'
import type { Json } from '../ports/provider.ts'

/**
 * One parameter of an operator-defined model. Keys beyond the five are kept as they came: `options`, `items`,
 * `default`, `min`, `max`, `maxLength` and `path` mean something to us, others to the operator's own forms.
 */
export type Parameter = {
  name: string
  type: string
  required: boolean
  description: string
  example: Json
  [extra: string]: Json
}

/** What an operator says of a model's call: the headers it takes, the arguments, and what its answer holds. */
export type Declaration = {
  headers: readonly Parameter[]
  inputs: readonly Parameter[]
  outputs: readonly Parameter[]
}

type Given = { readonly [name: string]: Json }

const MOST_DECLARATION_CHARACTERS = 256 * 1024
const MOST_PARAMETERS = 200
/** Deeper than any vendor's body, shallower than any stack. */
const MOST_DEPTH = 32
/** An entry of this name among the inputs lets through what no other entry names. */
const ANYTHING = '*'
const PROTOTYPE_KEYS = new Set(['__proto__', 'constructor', 'prototype'])

function refuse(field: string, problem: InputProblem): never {
  throw refusal('input_invalid', { field, problem })
}

/**
 * Reads an operator's declaration: three lists, all present, each entry with all five of its keys (facts 3.4).
 *
 * @param field where `value` stands in the caller's document, for the refusal (`parameters`).
 * @param names the document's words for the three lists.
 * @throws input_invalid with a path such as `parameters.request_body[0].name`
 */
export function readDeclaration(
  field: string,
  names: { readonly [list in keyof Declaration]: string },
  value: unknown,
): Declaration {
  if (!isObject(value)) refuse(field, value === undefined || value === null ? 'missing' : 'type')
  checkKeys(field, value as Json)
  if (JSON.stringify(value).length > MOST_DECLARATION_CHARACTERS) refuse(field, 'too_long')
  for (const key of Object.keys(value)) {
    if (!Object.values(names).includes(key)) refuse(`${field}.${key}`, 'unknown_field')
  }
  const list = (name: string): Parameter[] => readParameters(`${field}.${name}`, value[name])
  return { headers: list(names.headers), inputs: list(names.inputs), outputs: list(names.outputs) }
}

function readParameters(field: string, value: unknown): Parameter[] {
  if (value === undefined || value === null) refuse(field, 'missing')
  if (!Array.isArray(value)) refuse(field, 'type')
  if (value.length > MOST_PARAMETERS) refuse(field, 'too_long')
  const names = new Set<string>()
  return value.map((entry: unknown, index) => {
    const parameter = readParameter(`${field}[${index}]`, entry)
    // Of two entries with one name nobody could say which one holds.
    if (names.has(parameter.name)) refuse(`${field}[${index}].name`, 'format')
    names.add(parameter.name)
    return parameter
  })
}

function readParameter(field: string, entry: unknown): Parameter {
  if (!isObject(entry)) refuse(field, 'type')
  const { required, example } = entry
  const text = (key: string): string => {
    const value = entry[key]
    if (value === undefined || value === null) refuse(`${field}.${key}`, 'missing')
    if (typeof value !== 'string') refuse(`${field}.${key}`, 'type')
    if (value.trim() === '') refuse(`${field}.${key}`, 'too_short')
    return value
  }
  const name = text('name')
  if (PROTOTYPE_KEYS.has(name)) refuse(`${field}.name`, 'format')
  const type = text('type')
  if (required === undefined || required === null) refuse(`${field}.required`, 'missing')
  if (typeof required !== 'boolean') refuse(`${field}.required`, 'type')
  const description = text('description')
  if (example === undefined || example === null) refuse(`${field}.example`, 'missing')
  return { ...(entry as Given), name, type, required, description, example: example as Json }
}

/**
 * Checks what a client gives for the declared inputs and brings it into the declared types: forms send objects
 * and lists as JSON text, numbers now and then as text, and lists of tags as texts (facts 2.3). Null and, where
 * it is optional, the empty text count as left out; `default` fills what is left out.
 *
 * What is not declared is refused, unless the declaration has an entry named `*`, or declares no inputs at all:
 * then it is passed as given. `pattern` is not heeded: an expression of an operator can be made to take for ever.
 *
 * @throws input_invalid; the field is the parameter's name, with the place in a list (`sizes[1]`).
 */
export function checkArguments(inputs: readonly Parameter[], given: Given): { [name: string]: Json } {
  const declared = new Map(inputs.map((one) => [one.name, one]))
  const isOpen = inputs.length === 0 || declared.has(ANYTHING)
  const taken: [string, Json][] = []
  for (const [name, value] of Object.entries(given)) {
    if (PROTOTYPE_KEYS.has(name)) refuse(name, 'unknown_field')
    checkKeys(name, value)
    if (declared.has(name) && name !== ANYTHING) continue
    if (!isOpen) refuse(name, 'unknown_field')
    taken.push([name, value])
  }
  for (const parameter of inputs) {
    const { name } = parameter
    if (name === ANYTHING) continue
    const value = Object.hasOwn(given, name) ? given[name] : undefined
    const chosen = isAbsent(value) ? parameter.default : value
    if (chosen === undefined || isAbsent(chosen)) {
      if (parameter.required) refuse(name, 'missing')
      continue
    }
    const converted = convert(name, parameter, chosen)
    checkBounds(name, parameter, converted)
    taken.push([name, converted])
  }
  // Defines each key as its own, whatever it is called.
  return Object.fromEntries(taken)
}

function isAbsent(value: Json | undefined): boolean {
  return value === undefined || value === null || (typeof value === 'string' && value.trim() === '')
}

/** Keys that reach the prototype of whoever merges them are nobody's arguments; walked without recursion. */
function checkKeys(field: string, value: Json): void {
  let level: Json[] = [value]
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MOST_DEPTH) refuse(field, 'format')
    const next: Json[] = []
    for (const one of level) {
      if (typeof one !== 'object' || one === null) continue
      if (!Array.isArray(one) && Object.keys(one).some((key) => PROTOTYPE_KEYS.has(key)))
        refuse(field, 'unknown_field')
      for (const inner of Object.values(one)) next.push(inner)
    }
    level = next
  }
}

// Types ----------------------------------------------------------------------------------------------------

type Convert = (field: string, value: Json) => Json

const SCALARS: Readonly<Record<string, Convert>> = {
  string: toText,
  text: toText,
  textarea: toText,
  image: toText,
  file: toText,
  url: toText,
  integer: toInteger,
  int: toInteger,
  int32: toInteger,
  int64: toInteger,
  uint32: toUint32,
  number: toNumber,
  float: toNumber,
  double: toNumber,
  boolean: toBoolean,
  bool: toBoolean,
}

function convert(field: string, parameter: Parameter, value: Json): Json {
  const type = parameter.type.trim().toLowerCase()
  if (type === 'array') return toList(field, elementType(parameter.items), value)
  if (type.endsWith('[]')) return toList(field, type.slice(0, -2), value)
  const converted = convertOne(field, type, value)
  const choices = choicesOf(parameter)
  // A form may turn every option into text; what goes out is the option as it was declared.
  if (choices.length === 0 || type === 'object') return converted
  const choice = choices.find((one) => one === converted || isSameText(one, converted))
  return choice === undefined ? refuse(field, 'format') : choice
}

function convertOne(field: string, type: string, value: Json): Json {
  const scalar = Object.hasOwn(SCALARS, type) ? SCALARS[type] : undefined
  if (scalar) return scalar(field, value)
  if (type === 'select') return typeof value === 'object' ? refuse(field, 'type') : value
  if (type === 'array') return toList(field, null, value)
  if (type.endsWith('[]')) return toList(field, type.slice(0, -2), value)
  if (/object|json|map|dict/.test(type)) return toObject(field, value)
  return value
}

function toText(field: string, value: Json): string {
  return typeof value === 'string' ? value : refuse(field, 'type')
}

function toNumber(field: string, value: Json): number {
  const number = typeof value === 'string' && isNumeric(value) ? Number(value) : value
  if (typeof number !== 'number' || !Number.isFinite(number)) refuse(field, 'type')
  // -0 has no place in JSON.
  return number + 0
}

/** Decimal notation only: `Number` alone would read an empty text, `0x10` and `Infinity` too. */
function isNumeric(text: string): boolean {
  return text.length <= 40 && /^\s*[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d{1,3})?\s*$/i.test(text)
}

function toInteger(field: string, value: Json): number {
  const number = toNumber(field, value)
  return Number.isSafeInteger(number) ? number : refuse(field, 'type')
}

function toUint32(field: string, value: Json): number {
  const number = toInteger(field, value)
  if (number < 0) refuse(field, 'too_small')
  return number > 0xffff_ffff ? refuse(field, 'too_large') : number
}

function toBoolean(field: string, value: Json): boolean {
  const word = typeof value === 'string' ? value.trim().toLowerCase() : value
  if (word === true || word === 'true') return true
  return word === false || word === 'false' ? false : refuse(field, 'type')
}

function toList(field: string, type: string | null, value: Json): Json[] {
  const list = typeof value === 'string' ? parse(field, value) : value
  if (!Array.isArray(list)) refuse(field, 'type')
  return type === null ? list : list.map((one, index) => convertOne(`${field}[${index}]`, type, one))
}

function toObject(field: string, value: Json): Json {
  const object = typeof value === 'string' ? parse(field, value) : value
  return isObject(object) ? object : refuse(field, 'type')
}

function parse(field: string, text: string): Json {
  let value: Json
  try {
    value = JSON.parse(text)
  } catch {
    return refuse(field, 'type')
  }
  checkKeys(field, value)
  return value
}

/** `items` names the type of a list's elements, plainly or as JSON schema does. */
function elementType(items: Json | undefined): string | null {
  const type = isObject(items) ? items.type : items
  return typeof type === 'string' && type.trim() !== '' ? type.trim().toLowerCase() : null
}

/** Options are values, or objects with a `value` beside their label. */
function choicesOf(parameter: Parameter): Json[] {
  const { options } = parameter
  if (!Array.isArray(options)) return []
  return options.map((one) => (isObject(one) && one.value !== undefined ? one.value : one))
}

function isSameText(choice: Json, value: Json): boolean {
  return typeof choice !== 'object' && typeof value !== 'object' && String(choice) === String(value)
}

function checkBounds(field: string, { min, max, maxLength }: Parameter, value: Json): void {
  if (typeof value === 'number') {
    if (typeof min === 'number' && value < min) refuse(field, 'too_small')
    if (typeof max === 'number' && value > max) refuse(field, 'too_large')
  }
  const isLong = typeof value === 'string' || Array.isArray(value)
  if (isLong && typeof maxLength === 'number' && value.length > maxLength) refuse(field, 'too_long')
}

function isObject(value: unknown): value is { [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
