import type { Route } from '../../http/dialect.ts'

/** 用户相关接口. */
export const authRoutes: readonly Route[] = []
