import type { Route } from '../../http/dialect.ts'

/** 作品接口. */
export const worksRoutes: readonly Route[] = []
