import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { KernelError } from '../errors.ts'
import type { Json } from '../ports/provider.ts'
import type { Parameter } from './declaration.ts'
import { checkArguments, readDeclaration } from './declaration.ts'

const names = { headers: 'request_header', inputs: 'request_body', outputs: 'response_parameters' }

const entry = { name: 'prompt', type: 'string', required: true, description: 'Input', example: 'Hello' }

function parameter(changes: Partial<Parameter>): Parameter {
  return { ...entry, name: 'x', ...changes }
}

function refusalOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
    const { field, problem } = error.details as { field: string; problem: string }
    return `${field} ${problem}`
  }
  return 'none'
}

const declare = (value: unknown) => readDeclaration('parameters', names, value)
const whole = { request_header: [], request_body: [entry], response_parameters: [] }

test('a whole declaration is read, with every extra key', () => {
  const select = {
    ...entry,
    name: 'size',
    type: 'select',
    options: ['1:1', { label: 'wide', value: '16:9' }],
  }
  assert.deepEqual(declare({ ...whole, request_body: [entry, select] }), {
    headers: [],
    inputs: [entry, select],
    outputs: [],
  })
})

const without = (key: string) =>
  Object.fromEntries(Object.entries(entry).filter(([name]) => name !== key)) as Json

const badDeclarations: [unknown, string][] = [
  [undefined, 'parameters missing'],
  [null, 'parameters missing'],
  ['{}', 'parameters type'],
  [{ request_header: [], request_body: [] }, 'parameters.response_parameters missing'],
  [{ ...whole, request_header: null }, 'parameters.request_header missing'],
  [{ ...whole, request_header: {} }, 'parameters.request_header type'],
  [{ ...whole, api_key: 'x' }, 'parameters.api_key unknown_field'],
  [{ ...whole, request_body: ['prompt'] }, 'parameters.request_body[0] type'],
  [{ ...whole, request_body: [entry, entry] }, 'parameters.request_body[1].name format'],
  [{ ...whole, request_body: [without('name')] }, 'parameters.request_body[0].name missing'],
  [{ ...whole, request_body: [{ ...entry, name: ' ' }] }, 'parameters.request_body[0].name too_short'],
  [{ ...whole, request_body: [{ ...entry, name: '__proto__' }] }, 'parameters.request_body[0].name format'],
  [{ ...whole, request_body: [{ ...entry, type: 7 }] }, 'parameters.request_body[0].type type'],
  [{ ...whole, request_body: [without('required')] }, 'parameters.request_body[0].required missing'],
  [{ ...whole, request_body: [{ ...entry, required: 'yes' }] }, 'parameters.request_body[0].required type'],
  [{ ...whole, request_body: [without('description')] }, 'parameters.request_body[0].description missing'],
  [{ ...whole, request_body: [{ ...entry, example: null }] }, 'parameters.request_body[0].example missing'],
  [{ ...whole, request_body: [{ ...entry, example: 'x'.repeat(300_000) }] }, 'parameters too_long'],
]
for (const [value, expected] of badDeclarations) {
  test(`a declaration is refused: ${expected}`, () => {
    assert.equal(
      refusalOf(() => declare(value)),
      expected,
    )
  })
}

test('an example may be false, zero or empty: it is only null that is none', () => {
  for (const example of [false, 0, '', [], {}]) {
    assert.deepEqual(declare({ ...whole, request_body: [{ ...entry, example }] }).inputs[0]?.example, example)
  }
})

const sizes = { options: [5, { label: 'ten', value: 10 }, true] }
const accepted: [Partial<Parameter>, Json, Json][] = [
  [{ type: 'string' }, '5', '5'],
  [{ type: 'textarea' }, 'a\nb', 'a\nb'],
  [{ type: 'image' }, 'https://a.example/b.png', 'https://a.example/b.png'],
  [{ type: 'integer' }, 5, 5],
  [{ type: 'integer' }, ' 5 ', 5],
  [{ type: 'integer' }, '5.0', 5],
  [{ type: 'number' }, '-1.5e2', -150],
  [{ type: 'number' }, '.5', 0.5],
  [{ type: 'uint32' }, '4294967295', 4294967295],
  [{ type: 'boolean' }, false, false],
  [{ type: 'Boolean' }, 'True', true],
  [{ type: 'select', ...sizes }, 5, 5],
  [{ type: 'select', ...sizes }, '10', 10],
  [{ type: 'select', ...sizes }, 'true', true],
  [{ type: 'select' }, 'anything', 'anything'],
  [{ type: 'integer', options: [5, 10] }, '10', 10],
  [{ type: 'array' }, ['a', 'b'], ['a', 'b']],
  [{ type: 'array' }, '["a",1]', ['a', 1]],
  [{ type: 'array', items: 'integer' }, ['1', '2'], [1, 2]],
  [{ type: 'array', items: { type: 'object' } }, ['{"a":1}'], [{ a: 1 }]],
  [{ type: 'object' }, { a: [1] }, { a: [1] }],
  [{ type: 'object' }, ' {"a":1} ', { a: 1 }],
  [{ type: 'object[]' }, '[{"a":1}]', [{ a: 1 }]],
  [{ type: 'number[]' }, '["1",2.5]', [1, 2.5]],
  [{ type: 'string[]' }, ['a'], ['a']],
  [{ type: 'colour' }, '#fff', '#fff'],
  [{ type: 'colour[]' }, '["#fff"]', ['#fff']],
  [{ type: 'json' }, '{"a":1}', { a: 1 }],
  [{ type: 'integer', min: 1, max: 5 }, 5, 5],
]
for (const [declared, given, expected] of accepted) {
  test(`${JSON.stringify(declared)} takes ${JSON.stringify(given)}`, () => {
    assert.deepEqual(checkArguments([parameter(declared)], { x: given }), { x: expected })
  })
}

const refused: [Partial<Parameter>, Json, string][] = [
  [{ type: 'string' }, 5, 'x type'],
  [{ type: 'string' }, ['a'], 'x type'],
  [{ type: 'string', required: true }, '', 'x missing'],
  [{ type: 'string', required: true }, null, 'x missing'],
  [{ type: 'integer' }, 1.5, 'x type'],
  [{ type: 'integer' }, '0x10', 'x type'],
  [{ type: 'integer' }, '9007199254740993', 'x type'],
  [{ type: 'number' }, 'Infinity', 'x type'],
  [{ type: 'number' }, '1e999', 'x type'],
  [{ type: 'number' }, true, 'x type'],
  [{ type: 'uint32' }, -1, 'x too_small'],
  [{ type: 'uint32' }, 4294967296, 'x too_large'],
  [{ type: 'boolean' }, 1, 'x type'],
  [{ type: 'select', ...sizes }, 7, 'x format'],
  [{ type: 'select', ...sizes }, { value: 5 }, 'x type'],
  [{ type: 'array' }, 'a,b', 'x type'],
  [{ type: 'array' }, '{"a":1}', 'x type'],
  [{ type: 'array', items: 'integer' }, ['1', 'b'], 'x[1] type'],
  [{ type: 'object' }, '[1]', 'x type'],
  [{ type: 'object' }, '{"a":', 'x type'],
  [{ type: 'object' }, JSON.parse('{"a":{"__proto__":{"b":1}}}'), 'x unknown_field'],
  [{ type: 'object' }, '{"a":{"__proto__":{"b":1}}}', 'x unknown_field'],
  [{ type: 'array' }, `${'['.repeat(40)}${']'.repeat(40)}`, 'x format'],
  [{ type: 'object[]' }, '[1]', 'x[0] type'],
  [{ type: 'integer', min: 1 }, 0, 'x too_small'],
  [{ type: 'number', max: 1 }, '1.1', 'x too_large'],
  [{ type: 'string', maxLength: 2 }, 'abc', 'x too_long'],
  [{ type: 'array', maxLength: 1 }, ['a', 'b'], 'x too_long'],
]
for (const [declared, given, expected] of refused) {
  test(`${JSON.stringify(declared)} refuses ${JSON.stringify(given)}`, () => {
    assert.equal(
      refusalOf(() => checkArguments([parameter(declared)], { x: given })),
      expected,
    )
  })
}

test('what is left out is left out, filled by its default, or missed', () => {
  const optional = parameter({ required: false })
  for (const given of [{}, { x: '' }, { x: null }]) assert.deepEqual(checkArguments([optional], given), {})
  const filled = parameter({ type: 'integer', default: '3' })
  assert.deepEqual(checkArguments([filled], {}), { x: 3 })
  assert.equal(
    refusalOf(() => checkArguments([parameter({})], {})),
    'x missing',
  )
  const zero = parameter({ type: 'boolean' })
  assert.deepEqual(checkArguments([zero], { x: false }), { x: false })
})

test('what is not declared is refused, or passed where the declaration is open', () => {
  const x = parameter({ required: false })
  assert.equal(
    refusalOf(() => checkArguments([x], { y: 1 })),
    'y unknown_field',
  )
  assert.deepEqual(checkArguments([x, parameter({ name: '*' })], { y: '1', x: 'a' }), { y: '1', x: 'a' })
  assert.deepEqual(checkArguments([], { y: { z: 1 } }), { y: { z: 1 } })
})

test('a key that reaches a prototype is never an argument, however open the declaration', () => {
  for (const key of ['__proto__', 'constructor', 'prototype']) {
    const given = JSON.parse(`{"${key}":{"polluted":true}}`)
    assert.equal(
      refusalOf(() => checkArguments([], given)),
      `${key} unknown_field`,
    )
    assert.equal(
      refusalOf(() => checkArguments([], { a: [given] })),
      'a unknown_field',
    )
  }
  assert.equal(
    refusalOf(() => checkArguments([parameter({ name: 'toString' })], {})),
    'toString missing',
    'what every object inherits was not given',
  )
})

const anyType = fc.constantFrom(
  ...[
    'string',
    'integer',
    'uint32',
    'number',
    'boolean',
    'select',
    'array',
    'object',
    'object[]',
    'number[]',
    'odd',
  ],
)

test('whatever is given, it is taken in its declared type or refused: twice is as once', () => {
  fc.assert(
    fc.property(anyType, fc.jsonValue({ maxDepth: 4 }), fc.boolean(), (type, given, required) => {
      const inputs = [parameter({ type, required })]
      let once: { [name: string]: Json }
      try {
        once = checkArguments(inputs, { x: given as Json })
      } catch (error) {
        assert.ok(error instanceof KernelError && error.code === 'input_invalid')
        return
      }
      assert.deepEqual(JSON.parse(JSON.stringify(once)), once, 'survives the task row')
      assert.deepEqual(checkArguments(inputs, once), once)
    }),
  )
})

test('JSON text of a list or an object means the same as the value itself', () => {
  const list = parameter({ type: 'array' })
  fc.assert(
    fc.property(fc.array(fc.jsonValue({ maxDepth: 2 })), (value) => {
      const attempt = (given: Json) => {
        try {
          return checkArguments([list], { x: given })
        } catch (error) {
          return (error as KernelError).details
        }
      }
      assert.deepEqual(attempt(JSON.stringify(value)), attempt(JSON.parse(JSON.stringify(value))))
    }),
  )
})

test('a number as text is the number', () => {
  fc.assert(
    fc.property(fc.integer(), (value) => {
      assert.deepEqual(checkArguments([parameter({ type: 'integer' })], { x: String(value) }), { x: value })
    }),
  )
})
