import type { Reply } from '../../http/dialect.ts'

/** 响应格式: all four fields, also where an example leaves some out; HTTP says what `code` says. */
export function done(data: unknown, message = 'success', code: 200 | 201 = 200): Reply {
  return { status: code, body: { code, message, data, timestamp: Date.now() } }
}

/**
 * 错误响应.
 * @param error what is wrong in detail, such as the fields of a body; the message again where there is no more to say.
 */
export function refuse(code: number, message: string, error = message, status = code): Reply {
  return { status, body: { code, message, error, timestamp: Date.now() } }
}
