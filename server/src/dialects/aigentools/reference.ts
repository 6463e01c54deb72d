import type { Reference } from '../../http/dialect.ts'

/** The page at /docs, in the words of specs/aigentools.md. */
export const reference: Reference = {
  title: 'aigentools-backend API 接口文档',
  introduction: [],
  sections: [],
  routes: {},
  tables: [],
}
