import type { RouteReference } from '../../../http/dialect.ts'

/** 广场接口. */
export const squareReference: Readonly<Record<string, RouteReference>> = {}
