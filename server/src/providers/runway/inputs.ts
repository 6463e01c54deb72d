import type { Outbound, OutboundReply } from '../../kernel/ports/outbound.ts'
import { type CallOptions, ProviderError } from '../../kernel/ports/provider.ts'
import { encodeForm } from '../shared/form.ts'
import { isObject, parseJson, textOf } from '../shared/json.ts'
import { dataAddress } from '../shared/pictures.ts'
import { send } from '../shared/wire.ts'
import type { Deployment } from './call.ts'
import { refusalOf } from './refusal.ts'

const MAX_BYTES = 1024 * 1024

type Picture = { bytes: Uint8Array; mediaType: string }

/**
 * What a picture is called in a request: itself as a data address, or, where that is too long, what Runway calls the
 * copy it was given first. Nothing of it costs anything, so whatever goes wrong is `unavailable`, unless it was refused.
 */
export async function giveInput(
  outbound: Outbound,
  picture: Picture,
  to: Deployment,
  call: Pick<CallOptions, 'signal'>,
): Promise<string> {
  const inline = dataAddress(picture)
  if (inline.length <= to.options.mostInline) return inline
  try {
    return await upload(outbound, picture, to, call)
  } catch (error) {
    if (!(error instanceof ProviderError) || error.kind !== 'ambiguous') throw error
    throw new ProviderError('unavailable', error.message, { cause: error })
  }
}

async function upload(
  outbound: Outbound,
  { bytes, mediaType }: Picture,
  to: Deployment,
  { signal }: Pick<CallOptions, 'signal'>,
): Promise<string> {
  const reply = await send(outbound, to, {
    path: 'v1/uploads',
    body: JSON.stringify({ filename: `source.${mediaType.split('/')[1] ?? 'png'}`, type: 'ephemeral' }),
    contentType: 'application/json',
    maxBytes: MAX_BYTES,
    signal,
  })
  const body = parseJson(reply.body)
  if (!isGood(reply)) throw refusalOf(to, reply, body)
  const place = isObject(body) ? body : {}
  const address = URL.parse(textOf(place.uploadUrl))
  const name = textOf(place.runwayUri)
  if (!address || name === '')
    throw new ProviderError('unavailable', 'runway: it offered no place for an upload')
  const fields = isObject(place.fields) ? place.fields : {}
  const form = await encodeForm(
    Object.fromEntries(Object.entries(fields).map(([field, value]) => [field, textOf(value)])),
    [{ name: 'file', bytes, mediaType }],
  )
  const stored = await store(outbound, address, form, to, signal)
  if (!isGood(stored)) throw new ProviderError('unavailable', `runway: its storage answered ${stored.status}`)
  return name
}

/** To the storage, which is another host as a rule: the key stays at home. */
async function store(
  outbound: Outbound,
  address: URL,
  { body, contentType }: { body: Uint8Array; contentType: string },
  { endpoint, timeoutMs }: Deployment,
  signal: AbortSignal,
): Promise<OutboundReply> {
  try {
    return await outbound(address.href, {
      method: 'POST',
      headers: { 'content-type': contentType },
      body,
      timeoutMs,
      maxBytes: MAX_BYTES,
      ...(address.host === new URL(endpoint('')).host && { isOperatorConfigured: true }),
      signal,
    })
  } catch (error) {
    throw new ProviderError('unavailable', 'runway: its storage did not take an upload', { cause: error })
  }
}

const isGood = ({ status }: OutboundReply): boolean => status >= 200 && status < 300
