import type { Dialect } from '../http/dialect.ts'
import { aiCreator } from './ai-creator/dialect.ts'
import { aigentools } from './aigentools/dialect.ts'
import { cameo } from './cameo/dialect.ts'
import { plaza } from './plaza/dialect.ts'
import { waliassets } from './waliassets/dialect.ts'

/** Every dialect this version speaks, by the name that SITES uses. */
export const DIALECTS: ReadonlyMap<string, Dialect> = new Map(
  [aiCreator, aigentools, cameo, plaza, waliassets].map((dialect) => [dialect.name, dialect]),
)
