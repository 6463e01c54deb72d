import type { Route } from '../../http/dialect.ts'

/** 生成接口. */
export const generateRoutes: readonly Route[] = []
