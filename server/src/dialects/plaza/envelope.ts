import type { Reply } from '../../http/dialect.ts'
import type { Page } from '../../kernel/paging.ts'

/** 响应格式: all four fields, also where an example leaves some out; HTTP says what `code` says. */
export function done(data: unknown, message = 'success', code: 200 | 201 = 200): Reply {
  return { status: code, body: { code, message, data, timestamp: Date.now() } }
}

/** A page of a list, its rows as `present` shows them. */
export function donePage<Item>(
  { items, total, page, limit }: Page<Item>,
  present: (item: Item) => object,
): Reply {
  return done({ list: items.map(present), total, page, pageSize: limit })
}

/**
 * 错误响应.
 * @param error what is wrong in detail, such as the fields of a body; the message again where there is no more to say.
 */
export function refuse(code: number, message: string, error = message, status = code): Reply {
  return { status, body: { code, message, error, timestamp: Date.now() } }
}
