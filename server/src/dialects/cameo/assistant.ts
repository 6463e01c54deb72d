import type { Route } from '../../http/dialect.ts'

/** assistant of its front-end. */
export const assistantRoutes: readonly Route[] = []
