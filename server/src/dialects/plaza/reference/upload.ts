import type { RouteReference } from '../../../http/dialect.ts'

/** 文件上传接口. */
export const uploadReference: Readonly<Record<string, RouteReference>> = {}
