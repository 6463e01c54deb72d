import type { Route } from '../../http/dialect.ts'

/** AI助手接口. */
export const assistantRoutes: readonly Route[] = []
