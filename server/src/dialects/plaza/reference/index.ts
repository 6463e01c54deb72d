import type { Reference } from '../../../http/dialect.ts'
import { assistantReference } from './assistant.ts'
import { authReference } from './auth.ts'
import { configReference } from './config.ts'
import { generateReference } from './generate.ts'
import { liveTable } from './live.ts'
import { powerReference } from './power.ts'
import { squareReference } from './square.ts'
import { uploadReference } from './upload.ts'
import { worksReference } from './works.ts'

/**
 * The words and examples of specs/plaza.md for the page at /docs. That they are the document's, and that the site answers
 * so, is checked against contracts/plaza.
 */
export const reference: Reference = {
  title: 'API接口文档',
  introduction: [],
  sections: [],
  routes: {
    ...authReference,
    ...generateReference,
    ...worksReference,
    ...squareReference,
    ...assistantReference,
    ...uploadReference,
    ...powerReference,
    ...configReference,
  },
  tables: [liveTable],
}
