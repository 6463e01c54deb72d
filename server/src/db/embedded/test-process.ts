// One process of Atelier, as the tests see it: opens the cluster, says so, and stops it on SIGTERM. It also
// ends when its standard input does, so that none outlives its test.
import { openCluster } from './cluster.ts'

const [dataDir = '', role = 'own'] = process.argv.slice(2)
const say = (event: string, details: Record<string, unknown>) => {
  process.stdout.write(`${JSON.stringify({ event, ...details })}\n`)
}

try {
  const cluster = await openCluster({
    dataDir,
    role: role === 'join' ? 'join' : 'own',
    log: say,
    durable: false,
  })
  say('opened', { owner: cluster.owner, connection: cluster.connection('postgres') })
  const leave = async () => {
    await cluster.stop()
    say('left', {})
    process.stdin.destroy()
  }
  process.once('SIGTERM', () => void leave())
  process.stdin.once('end', () => void leave()).resume()
} catch (error) {
  say(
    'failed',
    error instanceof Error ? { name: error.name, message: error.message } : { message: String(error) },
  )
}
