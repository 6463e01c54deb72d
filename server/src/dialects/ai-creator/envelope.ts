import type { Reply } from '../../http/dialect.ts'
import type { Page } from '../../kernel/paging.ts'

/** 通用响应格式. */
export function done(data: unknown, message = 'success'): Reply {
  return { status: 200, body: { code: 200, message, data } }
}

/** A page of a list, its rows as `present` shows them. */
export function donePage<Item>(
  { items, total, page, limit }: Page<Item>,
  present: (item: Item) => object,
): Reply {
  return done({ total, page, page_size: limit, items: items.map(present) })
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
