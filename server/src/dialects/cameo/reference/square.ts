import type { RouteReference } from '../../../http/dialect.ts'

/** square of its front-end. */
export const squareReference: Readonly<Record<string, RouteReference>> = {}
