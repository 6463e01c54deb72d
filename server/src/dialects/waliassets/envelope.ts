import type { Reply } from '../../http/dialect.ts'

/** 通用响应格式: business answers are HTTP 200, good or bad; `code` tells which (specs/waliassets.md). */
export function done(data: unknown, message = '操作成功'): Reply {
  return { status: 200, body: { success: true, code: 1, message, data } }
}

/** A refusal with its business code (facts/waliassets.md, section 0). */
export function refuse(code: number, message: string, data: unknown = null, status = 200): Reply {
  return { status, body: { success: false, code, message, data } }
}
