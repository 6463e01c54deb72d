import type { RouteReference } from '../../../http/dialect.ts'

/** 作品接口. */
export const worksReference: Readonly<Record<string, RouteReference>> = {}
