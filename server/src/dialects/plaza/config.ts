import type { Route } from '../../http/dialect.ts'

/** AI服务商配置接口. */
export const configRoutes: readonly Route[] = []
