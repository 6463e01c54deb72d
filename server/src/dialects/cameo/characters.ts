import type { Route } from '../../http/dialect.ts'

/** 角色接口. */
export const charactersRoutes: readonly Route[] = []
