import type { Route } from '../../http/dialect.ts'

/** uploads of its front-end. */
export const uploadRoutes: readonly Route[] = []
