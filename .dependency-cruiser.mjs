// The rules of the house (ARCHITECTURE.md). Each is proved by a planted violation in
// scripts/architecture.test.ts.

const src = '^server/src/'
const TESTS = '\\.test\\.ts$|/test-[^/]*\\.ts$'

/** A rule that forbids `from` to import our own files other than `allowed`. */
const only = (name, comment, from, allowed) => ({
  name,
  severity: 'error',
  comment,
  from: { path: `${src}${from}`, pathNot: TESTS },
  to: { path: src, pathNot: allowed.map((one) => `${src}${one}`) },
})

/** @type {import('dependency-cruiser').IConfiguration} */
// biome-ignore lint/style/noDefaultExport: the tool wants one.
export default {
  forbidden: [
    only('kernel-sees-kernel-and-db', 'The product knows no HTTP, no vendor and no document.', 'kernel/', [
      'kernel/',
      'db/',
    ]),
    only('db-is-a-leaf', 'The database layer knows nothing of the product.', 'db/', ['db/']),
    only('http-sees-kernel', 'HTTP turns requests into kernel calls.', 'http/', [
      'http/',
      'kernel/',
      'db/errors',
      'db/database',
    ]),
    only('jobs-see-kernel', 'Jobs call use-cases, as routes do.', 'jobs/', ['jobs/', 'kernel/']),
    only(
      'dialect-sees-its-own-folder',
      'Dialects are strangers to each other and to the database.',
      'dialects/([^/]+)/',
      ['dialects/$1/', 'dialects/shared/', 'http/dialect\\.ts$', 'kernel/'],
    ),
    ...['providers', 'gateways', 'platforms', 'decks', 'files', 'mail', 'limits'].map((edge) =>
      only(`${edge}-see-ports`, 'Edges know their port and are strangers to each other.', `${edge}/([^/]+)`, [
        `${edge}/$1`,
        `${edge}/shared/`,
        'kernel/ports/',
      ]),
    ),
    only('events-see-ports', 'Events know their port and the notifications of the database.', 'events/', [
      'events/',
      'kernel/ports/',
      'db/database\\.ts$',
      'db/notifications\\.ts$',
    ]),
    {
      name: 'edges-are-handed-in',
      severity: 'error',
      comment: 'Providers reach the kernel as values; only the list of edges imports them.',
      from: {
        path: src,
        pathNot: [`${src}edges\\.ts$`, `${src}(providers|gateways|platforms)/`],
      },
      to: { path: `${src}(providers|gateways|platforms)/` },
    },
    {
      name: 'main-is-the-root',
      severity: 'error',
      comment: 'The composition root is imported by nobody.',
      from: { path: '.' },
      to: { path: `${src}(main|atelier)\\.ts$` },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      comment: 'A cycle means that two rooms are one.',
      from: { path: src },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'tests-stay-outside',
      severity: 'error',
      comment: 'The product does not import its tests.',
      from: { path: src, pathNot: TESTS },
      to: { path: ['^server/test/', TESTS] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    parser: 'swc',
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.mjs', '.js'] },
  },
}
