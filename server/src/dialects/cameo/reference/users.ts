import type { RouteReference } from '../../../http/dialect.ts'

/** 用户接口. */
export const usersReference: Readonly<Record<string, RouteReference>> = {}
