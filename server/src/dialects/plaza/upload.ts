import type { Route } from '../../http/dialect.ts'

/** 文件上传接口. */
export const uploadRoutes: readonly Route[] = []
