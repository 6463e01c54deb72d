import type { Route } from '../../http/dialect.ts'

/** 作品管理接口. */
export const worksRoutes: readonly Route[] = []
