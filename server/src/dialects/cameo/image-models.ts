import type { Route } from '../../http/dialect.ts'
import { route } from '../../http/dialect.ts'
import { isUsable, listVendors } from '../../kernel/catalog/vendors.ts'
import { done } from './envelope.ts'

/**
 * `GET /generate/image-models`: beyond the document, and what its front-end refuses to draw without (facts/cameo.md, 2).
 * Asked before a login, so it says nothing but names.
 */
const imageModels = route({
  method: 'GET',
  path: '/generate/image-models',
  allow: 'public',
  rate: 'read',
  run: async (context) => {
    const models = context.catalog.models().filter((model) => model.kind === 'image' && isUsable(model))
    const first = models.filter(({ isDefault }) => isDefault)
    const vendors = await listVendors(context)
    return {
      models: [...first, ...models.filter((model) => !model.isDefault)].map(({ name }) => name),
      vendors: vendors.filter(({ kind, isOpen }) => kind === 'image' && isOpen),
    }
  },
  reply: ({ models, vendors }) =>
    done({
      models,
      providers: vendors.map((vendor) => ({
        ...{ id: vendor.name, name: vendor.title, models: vendor.models },
        servedBy: vendor.servedBy.join(', '),
      })),
    }),
})

export const imageModelRoutes: readonly Route[] = [imageModels]
