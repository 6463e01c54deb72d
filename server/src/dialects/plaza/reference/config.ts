import type { RouteReference } from '../../../http/dialect.ts'

/** AI服务商配置接口. */
export const configReference: Readonly<Record<string, RouteReference>> = {}
