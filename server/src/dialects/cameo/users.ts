import type { Route } from '../../http/dialect.ts'

/** 用户接口. */
export const usersRoutes: readonly Route[] = []
