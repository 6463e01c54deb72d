import type { RouteReference } from '../../../http/dialect.ts'

/** 生成接口. */
export const generateReference: Readonly<Record<string, RouteReference>> = {}
