import type { Route } from '../../http/dialect.ts'

/** 认证接口. */
export const authRoutes: readonly Route[] = []
