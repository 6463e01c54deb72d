import type { Reply } from '../../http/dialect.ts'

/**
 * 通用响应格式. A success says `status: 200` in its body even where HTTP says 201, as the document's examples do
 * (facts/aigentools.md, 1.0).
 */
export function done(message: string, data: unknown, httpStatus = 200): Reply {
  return { status: httpStatus, body: { status: 200, message, data } }
}

/** 错误响应: the body repeats the HTTP status, and `data` is null. */
export function refuse(status: number, message: string): Reply {
  return { status, body: { status, message, data: null } }
}
