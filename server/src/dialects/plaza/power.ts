import type { Route } from '../../http/dialect.ts'

/** 算力/会员接口. */
export const powerRoutes: readonly Route[] = []
