import type { Reference } from '../../../http/dialect.ts'
import { assistantReference } from './assistant.ts'
import { authReference } from './auth.ts'
import { charactersReference } from './characters.ts'
import { generateReference } from './generate.ts'
import { imageModelsReference } from './image-models.ts'
import { powerReference } from './power.ts'
import { squareReference } from './square.ts'
import { uploadReference } from './upload.ts'
import { usersReference } from './users.ts'
import { worksReference } from './works.ts'

/**
 * The words and examples of specs/cameo.md for the page at /docs. That they are the document's, and that the site answers
 * so, is checked against contracts/cameo.
 */
export const reference: Reference = {
  title: '后端API接口文档',
  introduction: [],
  sections: [],
  routes: {
    ...authReference,
    ...usersReference,
    ...worksReference,
    ...charactersReference,
    ...imageModelsReference,
    ...generateReference,
    ...uploadReference,
    ...squareReference,
    ...assistantReference,
    ...powerReference,
  },
  tables: [],
}
