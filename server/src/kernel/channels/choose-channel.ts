import type { Channel, Model, SealedConnection } from '../catalog/catalog.ts'
import { openConnection } from '../catalog/connections.ts'
import type { Context } from '../context.ts'
import type { Provider } from '../ports/provider.ts'
import { credentialFingerprint } from './credential-fingerprint.ts'

/** A channel with who serves it, and the name of the credential it is served with. */
export type Served = { channel: Channel; provider: Provider; credential: string }

/**
 * Who can serve a model, in the order in which they are to be asked: the lower priority first, drawn by weight among
 * equals. A channel whose provider is not of this installation, or whose key cannot be decrypted here, is as good as
 * switched off.
 *
 * @param isFit tells which providers can do what is wanted; every one unless given.
 */
export function channelsOf(
  context: Context,
  model: Model | undefined,
  isFit: (provider: Provider) => boolean = () => true,
): Served[] {
  const served = (model?.channels ?? []).flatMap((channel): Served[] => {
    const provider = context.providers.get(channel.provider)
    if (!provider || !isFit(provider)) return []
    const credential = credentialOf(context, channel)
    return credential === null ? [] : [{ channel, provider, credential }]
  })
  return drawByWeight(context, served)
}

/** By priority, and among equals one after the other by its weight among those that are left. */
function drawByWeight(context: Context, served: readonly Served[]): Served[] {
  const rest = [...served].sort((a, b) => a.channel.priority - b.channel.priority)
  const drawn: Served[] = []
  while (rest.length > 0) {
    const first = rest[0]?.channel.priority
    const equals = rest.filter(({ channel }) => channel.priority === first)
    const total = equals.reduce((sum, { channel }) => sum + channel.weight, 0)
    let place = equals.length > 1 ? context.ids.integer(1, total) : 1
    const next = equals.find(({ channel }) => {
      place -= channel.weight
      return place <= 0
    })
    if (!next) throw new Error('a draw among channels came to nothing')
    drawn.push(next)
    rest.splice(rest.indexOf(next), 1)
  }
  return drawn
}

/** Decrypted once for each reading of the catalogue; only its fingerprint is kept. */
const fingerprints = new WeakMap<SealedConnection, string | null>()

/** The fingerprint of a channel's credential; null when it was sealed under another SECRET_KEY. */
export function credentialOf(context: Context, channel: Channel): string | null {
  const { connection, provider } = channel
  if (!connection) return credentialFingerprint(context, provider, null)
  const known = fingerprints.get(connection)
  if (known !== undefined) return known
  const made = tryFingerprint(context, channel)
  fingerprints.set(connection, made)
  return made
}

function tryFingerprint(context: Context, channel: Channel): string | null {
  try {
    return credentialFingerprint(context, channel.provider, openConnection(context, channel))
  } catch (error) {
    context.log.error({ error, channel: channel.id }, 'the connection of a channel cannot be decrypted')
    return null
  }
}

export type Choice = {
  /** Those that may be tried now, in order. */
  usable: Served[]
  /** Milliseconds until one may be; null when there are none at all. */
  waitMs: number | null
  /** Whether one is left that has not refused the task and is not cut off. */
  hasFresh: boolean
}

/**
 * Which channels a task may be tried at now. One that has refused it in this series of attempts is left alone while
 * another is in service, even if that one has to be waited for.
 */
export function chooseChannels(
  context: Context,
  served: readonly Served[],
  refusedBy: readonly bigint[],
): Choice {
  const now = context.clock.now().getTime()
  const gates = context.vendorGates
  const isInService = ({ credential, provider }: Served): boolean =>
    provider.repeatable || gates.read(credential, now).state !== 'open'
  const fresh = served.filter(({ channel }) => !refusedBy.includes(channel.id))
  const hasFresh = fresh.some(isInService)
  const pool = hasFresh ? fresh : served
  const waits = pool.map((one) => waitOf(context, one, now))
  return {
    usable: pool.filter((_one, place) => waits[place] === 0),
    waitMs: waits.length === 0 ? null : Math.min(...waits),
    hasFresh,
  }
}

/** What costs nobody anything to repeat needs no breaker. */
function waitOf(context: Context, { credential, provider }: Served, now: number): number {
  return provider.repeatable ? 0 : context.vendorGates.wait(credential, now)
}
