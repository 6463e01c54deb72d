// Installs what is missing, so that `npm start` and `npm test` are a newcomer's only commands. Runs on the
// machine's own Node, which may be older than the one the project brings (node_modules/.bin/node), and so
// uses nothing but its built-ins.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const stamp = join(root, 'node_modules', '.atelier-installed')
const wanted = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .update(`${process.platform} ${process.arch}`)
  .digest('hex')

const installed = existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted
if (!installed || !existsSync(join(root, 'node_modules', '.bin', 'node'))) {
  process.stdout.write('Installing packages (once, about a minute) …\n')
  const npm = process.env.npm_execpath
  // Not `npm ci`: it refuses a lock that lacks the binaries of platforms which the registry at hand does not
  // carry. `--no-save` installs the locked versions, checks their hashes and leaves the lock as it is.
  const args = ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error']
  const [command, commandArgs] = npm ? [process.execPath, [npm, ...args]] : ['npm', args]
  const { status } = spawnSync(command, commandArgs, { cwd: root, stdio: 'inherit' })
  if (status !== 0) {
    process.stderr.write('The packages could not be installed: see the message of npm above.\n')
    process.exit(1)
  }
  writeFileSync(stamp, wanted)
}
