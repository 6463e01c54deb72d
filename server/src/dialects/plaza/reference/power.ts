import type { RouteReference } from '../../../http/dialect.ts'

/** 算力/会员接口. */
export const powerReference: Readonly<Record<string, RouteReference>> = {}
