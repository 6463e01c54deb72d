import type { Route } from '../../http/dialect.ts'

/** 广场接口. */
export const squareRoutes: readonly Route[] = []
