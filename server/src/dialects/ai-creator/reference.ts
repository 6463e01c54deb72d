import type { Reference } from '../../http/dialect.ts'

/** The page at /docs, in the words of specs/ai-creator.md. */
export const reference: Reference = {
  title: 'AI创作平台 API接口文档',
  introduction: [],
  sections: [],
  routes: {},
  tables: [],
}
