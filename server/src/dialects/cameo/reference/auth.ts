import type { RouteReference } from '../../../http/dialect.ts'

/** 认证接口. */
export const authReference: Readonly<Record<string, RouteReference>> = {}
