// Runs the tests: all of them, or the files and node:test options given (npm test -- server/test/wallet.test.ts).
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const given = process.argv.slice(2)
const options = given.filter((argument) => argument.startsWith('-'))
const files = given.filter((argument) => !argument.startsWith('-'))
const child = spawn(
  process.execPath,
  [
    '--test',
    '--test-global-setup=server/test/global-setup.ts',
    '--test-timeout=300000',
    '--test-concurrency=2',
    // Options after a file would be the file's own.
    ...options,
    ...(files.length > 0
      ? files
      : ['server/src/**/*.test.ts', 'server/test/**/*.test.ts', 'scripts/**/*.test.ts']),
  ],
  { cwd: root, stdio: 'inherit', env: { ...process.env, NODE_ENV: 'test' } },
)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)))
