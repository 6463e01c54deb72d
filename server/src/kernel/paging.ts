/** A page of a list: `page` from 1, `limit` rows a page. */
export type PageRequest = { page: number; limit: number }

export type Page<Item> = { items: Item[]; total: number; page: number; limit: number; totalPages: number }

/** Puts a page together from its rows and the total of all that match. */
export function toPage<Item>(request: PageRequest, items: Item[], total: number | bigint): Page<Item> {
  const count = Number(total)
  return { items, total: count, ...request, totalPages: Math.ceil(count / request.limit) }
}
