import type { Route } from '../../http/dialect.ts'

/** square of its front-end. */
export const squareRoutes: readonly Route[] = []
