#!/usr/bin/env node
import { Command, CommanderError } from 'commander'
import { createAdminCommand } from './cli/admin.ts'
import { createLedgerCommand } from './cli/ledger.ts'
import { UsageError } from './cli/open.ts'
import { ConfigError } from './config.ts'
import { ClusterError } from './db/embedded/cluster.ts'
import { MigrationError } from './db/migrate.ts'
import { KernelError } from './kernel/errors.ts'

const program = new Command('atelier')
  .description('Commands for operators; they work beside a running Atelier and without one.')
  .addCommand(createAdminCommand())
  .addCommand(createLedgerCommand())

try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) process.exit(error.exitCode)
  process.stderr.write(`${explain(error)}\n`)
  process.exitCode = 1
}

function explain(error: unknown): string {
  if (error instanceof KernelError) {
    if ('reason' in error.details && error.details.reason !== undefined)
      return `Refused: ${error.details.reason}`
    const details = JSON.stringify(error.details, (_name, value) =>
      typeof value === 'bigint' ? String(value) : value,
    )
    return `Refused: ${error.code.replaceAll('_', ' ')} ${details === '{}' ? '' : details}`.trim()
  }
  const isPlain = [UsageError, ConfigError, ClusterError, MigrationError].some(
    (kind) => error instanceof kind,
  )
  return isPlain
    ? (error as Error).message
    : error instanceof Error
      ? (error.stack ?? error.message)
      : String(error)
}
