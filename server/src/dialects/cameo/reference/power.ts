import type { RouteReference } from '../../../http/dialect.ts'

/** power, memberships and codes of its front-end. */
export const powerReference: Readonly<Record<string, RouteReference>> = {}
