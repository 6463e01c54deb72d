import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const root = fileURLToPath(new URL('..', import.meta.url))
let copy: string
before(async () => {
  copy = await mkdtemp(join(tmpdir(), 'atelier-architecture-'))
  await cp(join(root, 'server/src'), join(copy, 'server/src'), { recursive: true })
  for (const file of ['package.json', 'tsconfig.json', '.dependency-cruiser.mjs'])
    await cp(join(root, file), join(copy, file))
  await symlink(join(root, 'node_modules'), join(copy, 'node_modules'))
})
after(() => rm(copy, { recursive: true, force: true }))

/** What dependency-cruiser says of the copy. */
async function cruise(): Promise<string> {
  const run = promisify(execFile)
  const args = [
    join(root, 'node_modules/.bin/depcruise'),
    '--config',
    '.dependency-cruiser.mjs',
    'server/src',
  ]
  return run(process.execPath, args, { cwd: copy }).then(
    ({ stdout }) => stdout,
    (error: { stdout: string }) => error.stdout,
  )
}

const PLANTED: readonly (readonly [rule: string, file: string, text: string])[] = [
  [
    'kernel-sees-kernel-and-db',
    'kernel/planted.ts',
    `import { route } from '../http/dialect.ts'\nexport const planted = route\n`,
  ],
  [
    'kernel-sees-kernel-and-db',
    'kernel/planted.ts',
    `import type { Dialect } from '../http/dialect.ts'\nexport type Planted = Dialect\n`,
  ],
  [
    'db-is-a-leaf',
    'db/planted.ts',
    `import { units } from '../kernel/money.ts'\nexport const planted = units(1)\n`,
  ],
  [
    'http-sees-kernel',
    'http/planted.ts',
    `import { waliassets } from '../dialects/waliassets/dialect.ts'\nexport const planted = waliassets\n`,
  ],
  [
    'jobs-see-kernel',
    'jobs/planted.ts',
    `import { buildApp } from '../http/app.ts'\nexport const planted = buildApp\n`,
  ],
  [
    'dialect-sees-its-own-folder',
    'dialects/other/planted.ts',
    `import { done } from '../waliassets/envelope.ts'\nexport const planted = done\n`,
  ],
  [
    'dialect-sees-its-own-folder',
    'dialects/other/planted.ts',
    `import { statement } from '../../db/database.ts'\nexport const planted = statement\n`,
  ],
  [
    'providers-see-ports',
    'providers/planted/planted.ts',
    `import { createSketch } from '../sketch/sketch.ts'\nexport const planted = createSketch\n`,
  ],
  [
    'providers-see-ports',
    'providers/planted/planted.ts',
    `import { units } from '../../kernel/money.ts'\nexport const planted = units(1)\n`,
  ],
  [
    'platforms-see-ports',
    'platforms/planted/planted.ts',
    `import { createWechat } from '../wechat/wechat.ts'\nexport const planted = createWechat\n`,
  ],
  [
    'files-see-ports',
    'files/planted.ts',
    `import { createSmtpMailer } from '../mail/mailer.ts'\nexport const planted = createSmtpMailer\n`,
  ],
  [
    'mail-see-ports',
    'mail/planted.ts',
    `import { openDiskStore } from '../files/disk-store.ts'\nexport const planted = openDiskStore\n`,
  ],
  [
    'limits-see-ports',
    'limits/planted.ts',
    `import { units } from '../kernel/money.ts'\nexport const planted = units(1)\n`,
  ],
  [
    'events-see-ports',
    'events/planted.ts',
    `import { units } from '../kernel/money.ts'\nexport const planted = units(1)\n`,
  ],
  [
    'edges-are-handed-in',
    'planted.ts',
    `import { createSketch } from './providers/sketch/sketch.ts'\nexport const planted = createSketch\n`,
  ],
  ['main-is-the-root', 'jobs/planted.ts', `import '../main.ts'\nexport const planted = 1\n`],
  [
    'no-cycles',
    'kernel/planted.ts',
    `import { planted as other } from './planted-too.ts'\nexport const planted = (): number => other()\n`,
  ],
  [
    'tests-stay-outside',
    'kernel/planted.ts',
    `import './generation/advance.test.ts'\nexport const planted = 1\n`,
  ],
]

test('the house as it stands breaks no rule', async () => {
  assert.match(await cruise(), /no dependency violations found/)
})

for (const [rule, file, text] of PLANTED) {
  test(`${rule}: a planted ${/'(.*)'/.exec(text)?.[1]} in ${file} is found`, async () => {
    const path = join(copy, 'server/src', file)
    const partner = join(copy, 'server/src/kernel/planted-too.ts')
    await cp(join(copy, 'server/src/kernel/money.ts'), path).catch(() => {})
    await writeFile(path, text)
    if (rule === 'no-cycles') {
      await writeFile(
        partner,
        `import { planted as back } from './planted.ts'\nexport const planted = (): number => back()\n`,
      )
    }
    try {
      const said = await cruise()
      assert.ok(said.includes(`error ${rule}`), said)
    } finally {
      await rm(path, { force: true })
      await rm(partner, { force: true })
    }
  })
}
