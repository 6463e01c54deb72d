import type { Route } from '../../http/dialect.ts'

/** power, memberships and codes of its front-end. */
export const powerRoutes: readonly Route[] = []
