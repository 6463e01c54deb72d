import { lookup as systemLookup } from 'node:dns/promises'
import { isIP, Socket } from 'node:net'
import { pipeline, type Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import ipaddr from 'ipaddr.js'
import { buildConnector, Client } from 'undici'
import {
  type Outbound,
  OutboundError,
  type OutboundReply,
  type OutboundRequest,
} from '../kernel/ports/outbound.ts'

/** All addresses of a name, as text. */
export type Lookup = (hostname: string) => Promise<readonly string[]>

type Address = ipaddr.IPv4 | ipaddr.IPv6
type Cidr = [Address, number]

const CONNECT_TIMEOUT_MS = 10_000
const REDIRECTS = new Set([301, 302, 303, 307, 308])

/**
 * What may follow a redirect to another origin. A list of what is harmless, because vendors carry keys in
 * headers of their own invention (`x-goog-api-key`).
 */
const HARMLESS_HEADERS = new Set(['accept', 'accept-language', 'range', 'user-agent'])

const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3')
const NAT64 = ipaddr.IPv6.parseCIDR('64:ff9b::/96')
/** Azure answers its guests with secrets at this address, which is public by its number. */
const AZURE_PLATFORM = '168.63.129.16'

/**
 * The outbound client. `allow` are the CIDRs of OUTBOUND_ALLOW; one that cannot be read is a RangeError here,
 * at the start, and not a surprise later.
 *
 * Each request opens a connection of its own: with a reused one it could not be told whether a reset came
 * before or after our bytes, and `unreachable` promises that nothing was sent.
 */
export function createOutbound(setup: { allow: readonly string[]; lookup?: Lookup }): Outbound {
  const allowed = setup.allow.map(readCidr)
  const lookup = setup.lookup ?? resolveBySystem
  return async (url, request) => {
    const deadline = startDeadline(request)
    try {
      return await follow(url, request, { allowed, lookup, signal: deadline.signal })
    } finally {
      deadline.clear()
    }
  }
}

type Way = { allowed: readonly Cidr[]; lookup: Lookup; signal: AbortSignal }
/** One request to one address, after the checks and before the redirects. */
type Hop = {
  method: NonNullable<OutboundRequest['method']>
  headers: Readonly<Record<string, string>>
  body: string | Uint8Array | null
  maxBytes: number
  timeoutMs: number
  isTrusted: boolean
  isRedirectFollowed: boolean
  readBody: OutboundRequest['readBody']
}

async function follow(url: string, request: OutboundRequest, way: Way): Promise<OutboundReply> {
  const method = request.method ?? 'GET'
  const most = method === 'GET' ? (request.maxRedirects ?? 0) : 0
  const first = readUrl(url)
  let target = first
  let headers = request.headers ?? {}
  for (let followed = 0; ; followed += 1) {
    const hop: Hop = {
      method,
      headers,
      body: request.body ?? null,
      maxBytes: request.maxBytes,
      timeoutMs: request.timeoutMs,
      // An operator vouches for the host that was configured, not for where it sends us.
      isTrusted: request.isOperatorConfigured === true && target.hostname === first.hostname,
      isRedirectFollowed: followed < most,
      readBody: request.readBody,
    }
    const reply = await visit(target, hop, way).catch((error: unknown): never => {
      // Something was sent before the redirect, whatever became of this connection.
      if (followed > 0 && error instanceof OutboundError && error.kind === 'unreachable') {
        throw new OutboundError('interrupted', error.message, { cause: error })
      }
      throw error
    })
    const location = reply.headers.location
    if (!hop.isRedirectFollowed || !REDIRECTS.has(reply.status) || location === undefined) return reply
    const next = readUrl(location, target)
    if (next.origin !== target.origin) headers = onlyHarmless(headers)
    target = next
  }
}

/** Checks one address, connects to exactly what was checked, and reads the answer within its bounds. */
async function visit(target: URL, hop: Hop, way: Way): Promise<OutboundReply> {
  checkPort(target, hop.isTrusted)
  if (way.signal.aborted) throw unreachable(target, way.signal.reason)
  const addresses = await checkedAddresses(target, hop.isTrusted, way)
  let isConnected = false
  const onConnected = (): void => {
    isConnected = true
  }
  const client = new Client(target.origin, {
    connect: pinnedConnector(addresses, Math.min(CONNECT_TIMEOUT_MS, hop.timeoutMs), onConnected, way.signal),
    // The deadline over everything is ours.
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  try {
    const answering = client.request({
      method: hop.method,
      path: `${target.pathname}${target.search}`,
      headers: { ...lowerCased(hop.headers), 'accept-encoding': 'identity' },
      body: hop.body,
      signal: way.signal,
    })
    // undici heeds the signal only once it is connected.
    const answer = await beforeAbort(answering, way.signal)
    const headers = flatten(answer.headers)
    const isLeft =
      hop.isRedirectFollowed && REDIRECTS.has(answer.statusCode) && headers.location !== undefined
    const head = { status: answer.statusCode, headers, url: target.href }
    if (isLeft) return { ...head, body: new Uint8Array() }
    const content = readContent(answer.body, headers, hop.maxBytes)
    if (!hop.readBody) return { ...head, body: await collect(content) }
    const explained = (error: unknown): OutboundError => explain(error, target, true, way.signal)
    await handOver(content, hop.readBody, head, explained)
    return { ...head, body: new Uint8Array() }
  } catch (error) {
    if (error instanceof ReaderFailure) throw error.cause
    throw explain(error, target, isConnected, way.signal)
  } finally {
    // Not awaited: a connection that is still being opened must not hold up the answer.
    client.destroy().catch(() => {})
  }
}

function explain(error: unknown, target: URL, isConnected: boolean, signal: AbortSignal): OutboundError {
  if (error instanceof OutboundError) return error
  if (!isConnected) return unreachable(target, error)
  if (signal.reason === TOO_SLOW) {
    return new OutboundError('too_slow', `${target.host} did not answer in time`, { cause: error })
  }
  if (codeOf(error) === 'UND_ERR_HEADERS_OVERFLOW') {
    return new OutboundError('too_large', `${target.host} sent too many headers`, { cause: error })
  }
  return new OutboundError('interrupted', `${target.host} broke off (${codeOf(error)})`, { cause: error })
}

function unreachable(target: URL, error: unknown): OutboundError {
  return new OutboundError('unreachable', `no connection to ${target.host} (${codeOf(error)})`, {
    cause: error,
  })
}

/** Messages name the host and a code, never a path or a query: those may carry secrets. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'failed'
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0])
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}

// Addresses ------------------------------------------------------------------------------------------------

function readUrl(text: string, base?: URL): URL {
  const url = URL.parse(text, base?.href)
  if (!url) throw new OutboundError('forbidden', 'this is not an address')
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new OutboundError('forbidden', `addresses begin with http or https, not ${url.protocol}`)
  }
  if (url.username !== '' || url.password !== '') {
    throw new OutboundError('forbidden', `the address of ${url.host} carries credentials`)
  }
  return url
}

function checkPort(target: URL, isTrusted: boolean): void {
  const port = Number(target.port || (target.protocol === 'https:' ? 443 : 80))
  // Low ports are mail, shells and databases, none of which an image lives behind.
  if (isTrusted || port === 80 || port === 443 || port >= 1024) return
  throw new OutboundError('forbidden', `port ${port} of ${target.hostname} is not for the web`)
}

/**
 * Every address of the target, each one checked. One private address among public ones refuses the name: which
 * of them a connection takes is not ours to choose.
 */
async function checkedAddresses(target: URL, isTrusted: boolean, way: Way): Promise<readonly string[]> {
  // URL has normalised every notation of an address: decimal, octal, hexadecimal, short, full-width.
  const host = target.hostname.replace(/^\[|\]$/g, '')
  const addresses = isIP(host) ? [host] : await resolve(host, target, way)
  const isFine = (address: string): boolean =>
    isPublicAddress(address) || (isTrusted && isWithin(address, way.allowed))
  if (addresses.every(isFine)) return addresses
  throw new OutboundError('forbidden', `${target.hostname} is not a public address`)
}

async function resolve(host: string, target: URL, way: Way): Promise<readonly string[]> {
  try {
    const addresses = await beforeAbort(way.lookup(host), way.signal)
    if (addresses.length === 0) throw new Error('no addresses')
    return addresses
  } catch (error) {
    throw unreachable(target, error)
  }
}

async function resolveBySystem(hostname: string): Promise<string[]> {
  const found = await systemLookup(hostname, { all: true })
  return found.map(({ address }) => address)
}

/**
 * Whether an address belongs to the public internet. Told by what is allowed rather than by what is not:
 * anything set aside for a purpose (private, loopback, link-local, carrier NAT, documentation, benchmarks,
 * 6to4, Teredo, …) is refused. An IPv4 address inside IPv6 (mapped, NAT64) is judged as the IPv4 address.
 */
export function isPublicAddress(text: string): boolean {
  const address = readAddress(text)
  if (address === null) return false
  if (address instanceof ipaddr.IPv4) {
    return address.range() === 'unicast' && address.toString() !== AZURE_PLATFORM
  }
  if (address.match(NAT64)) return isPublicAddress(address.toByteArray().slice(12).join('.'))
  return address.match(GLOBAL_UNICAST) && address.range() === 'unicast'
}

function isWithin(text: string, ranges: readonly Cidr[]): boolean {
  const address = readAddress(text)
  if (address === null) return false
  return ranges.some(([network, bits]) => address.kind() === network.kind() && address.match(network, bits))
}

/** An address in a notation that connecting takes literally; IPv4 in IPv6 becomes IPv4. */
function readAddress(text: string): Address | null {
  return isIP(text) !== 0 && ipaddr.isValid(text) ? ipaddr.process(text) : null
}

function readCidr(text: string): Cidr {
  if (!ipaddr.isValidCIDR(text)) throw new RangeError(`not a CIDR such as 10.0.0.0/8: ${text}`)
  return ipaddr.parseCIDR(text)
}

/**
 * Connects to the given addresses only, the first that answers. The lookup hands out what was checked, so a
 * name that resolves to something else by now (DNS rebinding) gains nothing; literal addresses skip the
 * lookup, so the far end of the open socket is compared as well.
 */
function pinnedConnector(
  addresses: readonly string[],
  timeoutMs: number,
  onConnected: () => void,
  signal: AbortSignal,
): buildConnector.connector {
  const connect = buildConnector({
    allowH2: false,
    timeout: timeoutMs,
    lookup: (_hostname, options, callback) => {
      const found = addresses.map((address) => ({ address, family: isIP(address) }))
      const [first] = found
      if (options.all) callback(null, found)
      else callback(null, first?.address ?? '', first?.family)
    },
  })
  const pinned = new Set(addresses.map((address) => readAddress(address)?.toString()))
  return (options, callback) => {
    const opening: unknown = connect(options, (error, socket) => {
      if (error) return callback(error, null)
      const peer = readAddress(socket.remoteAddress ?? '')?.toString()
      if (peer === undefined || !pinned.has(peer)) {
        socket.destroy()
        return callback(new Error('connected to another address than the checked one'), null)
      }
      onConnected()
      callback(null, socket)
    })
    // undici would leave a socket that is still being opened to its time-out.
    if (opening instanceof Socket) {
      signal.addEventListener('abort', () => opening.destroy(new Error('called off')), { once: true })
    }
  }
}

// Answers --------------------------------------------------------------------------------------------------

/** The content piece by piece, at most `maxBytes`, counted after decompression. */
async function* readContent(
  body: Readable,
  headers: Readonly<Record<string, string>>,
  maxBytes: number,
): AsyncGenerator<Buffer> {
  const tooLarge = (): OutboundError =>
    new OutboundError('too_large', `the answer is longer than ${maxBytes} bytes`)
  if (Number(headers['content-length'] ?? 0) > maxBytes) throw tooLarge()
  let total = 0
  for await (const chunk of decoded(body, headers['content-encoding'] ?? 'identity')) {
    total += chunk.length
    // Asked this way round so that a cap of NaN is no cap left out.
    if (!(total <= maxBytes)) throw tooLarge()
    yield chunk
  }
}

async function collect(content: AsyncIterable<Buffer>): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  for await (const chunk of content) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** What the reader of a body threw, on its way to the caller as it is. */
class ReaderFailure extends Error {}

/**
 * Gives the content to its reader, which is never asked to take more than it reads. A body that broke off is an
 * error even when the reader took the break for the end.
 */
async function handOver(
  content: AsyncIterable<Buffer>,
  read: NonNullable<OutboundRequest['readBody']>,
  head: Omit<OutboundReply, 'body'>,
  explained: (error: unknown) => OutboundError,
): Promise<void> {
  let broken: OutboundError | undefined
  async function* watched(): AsyncGenerator<Uint8Array> {
    try {
      yield* content
    } catch (error) {
      broken = explained(error)
      throw broken
    }
  }
  try {
    await read(watched(), head)
  } catch (error) {
    throw broken ?? new ReaderFailure('the reader of a body failed', { cause: error })
  }
  if (broken) throw broken
}

/** We ask for `identity`; some servers compress all the same. */
function decoded(body: Readable, encoding: string): Readable {
  const decoder = DECODERS[encoding.trim().toLowerCase()]
  if (decoder === undefined) throw new OutboundError('interrupted', 'the answer is encoded in an unknown way')
  // A failure reaches the reader through the last stream.
  return decoder === null ? body : pipeline(body, decoder(), () => {})
}

const DECODERS: Readonly<Record<string, (() => NodeJS.ReadWriteStream & Readable) | null>> = {
  '': null,
  identity: null,
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
}

function flatten(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const flat: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return flat
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

function onlyHarmless(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => HARMLESS_HEADERS.has(name.toLowerCase())),
  )
}

// Time -----------------------------------------------------------------------------------------------------

const TOO_SLOW = new Error('too slow')

function startDeadline(request: OutboundRequest): { signal: AbortSignal; clear: () => void } {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(TOO_SLOW), request.timeoutMs)
  const abort = (): void => controller.abort(request.signal?.reason)
  request.signal?.addEventListener('abort', abort, { once: true })
  if (request.signal?.aborted) abort()
  return {
    signal: controller.signal,
    clear: () => {
      clearTimeout(timer)
      request.signal?.removeEventListener('abort', abort)
    },
  }
}

/** For work that cannot be called off at every moment, only no longer waited for. */
async function beforeAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return Promise.race([
    work,
    new Promise<never>((_, reject) => {
      if (signal.aborted) reject(signal.reason)
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    }),
  ])
}
