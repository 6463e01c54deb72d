import type { Reply } from '../../http/dialect.ts'

/** 通用响应格式. */
export function done(data: unknown, message = 'success'): Reply {
  return { status: 200, body: { code: 200, message, data } }
}

/**
 * A refusal. `code` is the HTTP status, or a detail code of appendix G, which travels with HTTP 400 (decided reading
 * *ai-creator*).
 */
export function refuse(
  code: number,
  message: string,
  status = code >= 40_000 ? 400 : code,
  data: unknown = null,
): Reply {
  return { status, body: { code, message, data } }
}
