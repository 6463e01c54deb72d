import { gzipSync } from 'node:zlib'

// What clients send instead of what they should.

export const MEBIBYTE = 1_048_576
export const JSON_TYPE = { 'content-type': 'application/json' }

export const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
export const nestedObjects = (depth: number): string => '{"a":'.repeat(depth) + 1 + '}'.repeat(depth)

export const NOT_JSON: readonly [why: string, body: string | Buffer][] = [
  ['empty', ''],
  ['blank', ' \n '],
  ['malformed', '{prompt: 1}'],
  ['single quotes', "{'prompt':'x'}"],
  ['trailing comma', '{"prompt":"x",}'],
  ['two values', '{}{}'],
  ['undefined', 'undefined'],
  ['NaN', '{"seed":NaN}'],
  ['one quote', '"'],
  ['a NUL', '\0'],
  ['not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22])],
  ['gzip', gzipSync('{"prompt":"x"}')],
  ['unclosed arrays', '['.repeat(900_000)],
]
export const NOT_AN_OBJECT: readonly [why: string, body: string][] = [
  ['null', 'null'],
  ['array', '[]'],
  ['array of objects', '[{"prompt":"x"}]'],
  ['string', '"text"'],
  ['number', '12'],
  ['infinity', '1e999'],
  ['true', 'true'],
  ['deep array', nested(400_000)],
]

/** Values that are wrong somewhere, as raw JSON text. */
export const VALUES: readonly string[] = [
  ...['null', 'true', 'false', '""', '" "', '[]', '{}', '["x"]', '[null]', '{"x":1}', '{"length":3}'],
  ...['0', '-1', '-0', '0.1', '9007199254740992', '9007199254740993', '-9007199254740993', '1e308', '-1e308'],
  ...['1e999', '-1e999', '1e-999', '99999999999999999999999999', '"1"', '"1e999"', '"NaN"', '"-1"', '"true"'],
  ...['"\\u0000"', '"a\\u0000b"', '"\\ud800"', '"\\udc00x"', '"x\\ud83d"', '["\\u0000"]', '{"\\ud800":1}'],
  ...['{"__proto__":{"admin":true}}', '{"constructor":{"prototype":{"admin":true}}}', '"__proto__"'],
  ...['"\' or 1=1; drop table account; --"', '"a@qq.com\\r\\nBcc: b@qq.com"', '"<script>alert(1)</script>"'],
  ...[
    '"../../etc/passwd"',
    '"%24{7*7}"',
    '"%00"',
    '"\\u202e\\ufeff\\u200b"',
    '"\\ufdfa\\ufdfa\\ufdfa\\ufdfa"',
  ],
  ...[nested(30_000), nestedObjects(30_000), `"${'x'.repeat(300)}"`, `"${'长'.repeat(9_000)}"`],
  ...[`"${'x'.repeat(250)}@qq.com"`, '"İ@qq.com.evil"', '"a@b@qq.com"', '"@qq.com"', '"a@qq.com,b@qq.com"'],
  ...['"0x0"', '"99999x99999"', '"-1x-1"', '"64x64x64"', '"1e9x1e9"', '"６４x６４"', '"64 x 64"', '"63x64"'],
]

/** PostgreSQL cannot store these, wherever they are. */
export const isUnstorable = (rawValue: string): boolean => /\\u0000|\\u[dD][89a-fA-F]/.test(rawValue)

export const QUERY_VALUES: readonly string[] = [
  ...['-1', '0', '1e308', '1e999', '0.1', 'NaN', 'Infinity', '9007199254740993', '99999999999999999999'],
  ...['', '%20', '%00', 'a%00b', '%ED%A0%80', '%F0%9F%98', '%', '%zz', '%25zz', "'%20or%201=1--", '[]', '{}'],
  ...['2024-02-30', '0000-00-00', '0000-01-01', '9999-12-31', '99999-01-01', '2024-01-01T00:00:00Z'],
  ...[
    'null',
    'undefined',
    'true',
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'x'.repeat(5_000),
  ],
]

/** Parameters of a path, as they go over the wire, that name nothing anywhere. */
export const PATH_VALUES: readonly string[] = [
  ...['%zz', '%', '%E0%A4%A', '%00', 'a%00b', '%ED%A0%80', '%FF', '-1', '0', '1e308', '9007199254740993'],
  ...['99999999999999999999', '1%20or%201=1', "'", '%27%3B--', '__proto__', 'constructor', '..', '%2e%2e'],
  ...[
    '..%2f..%2fetc%2fpasswd',
    '..%5c..',
    'x'.repeat(201),
    'x'.repeat(3_000),
    '%E7%8C%AB',
    '*',
    ':id',
    'null',
  ],
]
