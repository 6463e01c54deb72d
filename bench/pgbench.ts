// The same statements through PostgreSQL's own load generator, where it is installed.
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Connection } from '../server/src/db/database.ts'
import type { Recorded } from './record.ts'

const exec = promisify(execFile)

export async function findPgbench(): Promise<string | null> {
  try {
    return (await exec('pgbench', ['--version'])).stdout.trim()
  } catch {
    return null
  }
}

/** Writes the recorded values of a statement into its text, except those that differ by call. */
function inline({ what, values }: Recorded, differing: Readonly<Record<number, string>>): string {
  return what.text.replaceAll(/\$(\d+)/g, (_, digits: string) => {
    const place = Number(digits)
    return differing[place] ?? literal(values[place - 1])
  })
}

function literal(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  if (Array.isArray(value)) return `array[${value.map(literal).join(', ')}]`
  if (Buffer.isBuffer(value)) return `'\\x${value.toString('hex')}'`
  const text = String(value).replaceAll("'", "''").replaceAll('\\', '\\\\')
  // Plain, `:image` would be one of pgbench's variables.
  return `U&'${text.replaceAll(':', '\\003A')}'`
}

export type PgbenchScripts = { submit: string; status: string }

export async function writeScripts(
  dir: string,
  statements: { submit: Recorded; status: Recorded },
  accounts: { first: bigint; last: bigint },
): Promise<PgbenchScripts> {
  const account = `\\set account random(${accounts.first}, ${accounts.last})\n`
  const scripts = { submit: join(dir, 'submit.sql'), status: join(dir, 'status.sql') }
  const oneLine = (text: string): string => `${text.replaceAll(/\s*\n\s*/g, ' ')};\n`
  await writeFile(
    scripts.submit,
    account + oneLine(inline(statements.submit, { 2: ':account', 3: `'img_' || gen_random_uuid()` })),
  )
  // The handle is made of the account, as the seed names one task of each.
  await writeFile(
    scripts.status,
    account + oneLine(inline(statements.status, { 1: `'bench_' || :account`, 2: ':account' })),
  )
  return scripts
}

/** Transactions a second of `clients` connections over about a second. */
export async function runPgbench(
  connection: Connection,
  script: string,
  clients: number,
  seconds: number,
): Promise<number> {
  const { stdout } = await exec(
    'pgbench',
    [
      ...['-n', '-M', 'prepared', '-c', String(clients), '-j', '1', '-T', String(seconds), '-f', script],
      ...['-h', connection.host, '-p', String(connection.port), '-U', connection.user, connection.database],
    ],
    { env: { ...process.env, PGPASSWORD: connection.password } },
  )
  const tps = /tps = ([\d.]+) \(without initial connection time\)/.exec(stdout)?.[1]
  if (tps === undefined) throw new Error(`pgbench said: ${stdout}`)
  return Number(tps)
}
