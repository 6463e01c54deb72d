import type { RouteReference } from '../../../http/dialect.ts'

/** 用户相关接口. */
export const authReference: Readonly<Record<string, RouteReference>> = {}
