import type { RouteReference } from '../../../http/dialect.ts'

/** uploads of its front-end. */
export const uploadReference: Readonly<Record<string, RouteReference>> = {}
