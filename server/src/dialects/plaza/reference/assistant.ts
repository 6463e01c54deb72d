import type { RouteReference } from '../../../http/dialect.ts'

/** AI助手接口. */
export const assistantReference: Readonly<Record<string, RouteReference>> = {}
