import type { FastifyInstance } from 'fastify'
import type { Dialect } from './dialect.ts'

/** Only what the site itself serves runs, and it speaks to nobody but the site. */
const PAGE_POLICY =
  "default-src 'none';script-src 'self';style-src 'self';connect-src 'self';form-action 'none';base-uri 'none';frame-ancestors 'none'"

/** Mounts the dialect's own pages: whole documents for people, outside the base path. */
export function mountPages(app: FastifyInstance, { pages = [] }: Dialect): void {
  for (const page of pages) {
    app.get(page.path, async (request, reply) => {
      const [path = '', search = ''] = request.url.split('?', 2)
      const body = await page.render({
        query: Object.fromEntries(new URLSearchParams(search)),
        root: path.endsWith('/') ? '../' : './',
      })
      return reply
        .headers({
          'cache-control': 'no-cache',
          'content-security-policy': PAGE_POLICY,
          'referrer-policy': 'no-referrer',
        })
        .type(page.contentType)
        .send(body)
    })
  }
}
