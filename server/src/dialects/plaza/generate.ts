import type { Route } from '../../http/dialect.ts'

/** 图片生成接口 and 视频生成接口. */
export const generateRoutes: readonly Route[] = []
