import { Command } from 'commander'
import { checkInvariants } from '../kernel/wallet/invariants.ts'
import { verifyLedger } from '../kernel/wallet/verify.ts'
import { withSite } from './open.ts'
import { print, printRows } from './table.ts'

/** `atelier ledger`: what an accountant asks. */
export function createLedgerCommand(): Command {
  const ledger = new Command('ledger').description('the books of a site')
  ledger
    .command('verify')
    .description('check every chain, balance and hold; the exit code is 1 when anything is broken')
    .option('--site <name>', 'the site, where several are configured')
    .option('--json', 'one JSON object a line, for other programs')
    .action((options: { site?: string; json?: boolean }) =>
      withSite(options.site, async (context) => {
        const findings = await verifyLedger(context)
        await checkInvariants(context)
        if (findings.length === 0) {
          print('The books are true: every entry follows from the one before, every hold from its task.')
          return
        }
        printRows(
          findings.map(({ check, details }) => ({ check, details: JSON.stringify(details) })),
          options.json ?? false,
        )
        process.exitCode = 1
      }),
    )
  return ledger
}
