import type { PageRequest } from '../../kernel/paging.ts'
import type { Query } from '../shared/query.ts'
import { readPageOf } from '../shared/query.ts'

/** `page` and `pageSize`, 20 rows unless given; more than 100 means 100. */
export function readPage(query: Query, usual = 20): PageRequest {
  return readPageOf(query, { limitName: 'pageSize', usual, most: 100 })
}
