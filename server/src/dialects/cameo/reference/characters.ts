import type { RouteReference } from '../../../http/dialect.ts'

/** 角色接口. */
export const charactersReference: Readonly<Record<string, RouteReference>> = {}
