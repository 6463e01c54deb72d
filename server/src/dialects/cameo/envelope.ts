import type { Reply } from '../../http/dialect.ts'
import type { Page } from '../../kernel/paging.ts'

/** 响应格式: code 0 and HTTP 200 on every success (decided reading *cameo*). */
export function done(data: unknown, message = 'success'): Reply {
  return { status: 200, body: { code: 0, message, data } }
}

/** A page of a list, its rows as `present` shows them. */
export function donePage<Item>(
  { items, total, page, limit }: Page<Item>,
  present: (item: Item) => object,
): Reply {
  return done({ list: items.map(present), total, page, pageSize: limit })
}

/** 错误码: the code is the HTTP status. */
export function refuse(code: number, message: string, status = code, data: unknown = null): Reply {
  return { status, body: { code, message, data } }
}
