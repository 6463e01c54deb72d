import type { RouteReference } from '../../../http/dialect.ts'

/** assistant of its front-end. */
export const assistantReference: Readonly<Record<string, RouteReference>> = {}
