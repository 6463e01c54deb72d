import { readUploadName } from './upload-name.ts'

/** What an OSS client is told of where uploads go, and the origin it makes of it. */
export type UploadPlace = { endpoint: string; bucket: string; origin: string }

const BUCKET = /^[a-z0-9_][a-z0-9-_]{1,61}[a-z0-9_]$/
const PLAIN_BUCKET = 'uploads'

/**
 * Where uploads go on a site. An OSS client puts the bucket before the host of the endpoint, so the first part
 * of the site's own name is made the bucket (`app` at `example.com`) and uploads arrive at the very host that
 * serves the site. Where that part will not do for a bucket, it is `uploads` before the whole host, which must
 * then lead here too, as `uploads.localhost` does; at a bare IP address clients leave the bucket out.
 */
export function uploadPlace(publicUrl: string): UploadPlace {
  const url = new URL(publicUrl)
  if (isAddress(url.hostname)) return { endpoint: url.origin, bucket: PLAIN_BUCKET, origin: url.origin }
  const dot = url.host.indexOf('.')
  const first = url.host.slice(0, Math.max(0, dot))
  const { protocol } = url
  if (BUCKET.test(first)) {
    return { endpoint: `${protocol}//${url.host.slice(dot + 1)}`, bucket: first, origin: url.origin }
  }
  return {
    endpoint: url.origin,
    bucket: PLAIN_BUCKET,
    origin: `${protocol}//${PLAIN_BUCKET}.${url.host}`,
  }
}

/** A file of the site itself, by what its address says. */
export type OwnFile =
  | { kind: 'file'; storeKey: string }
  | { kind: 'upload'; name: string }
  | { kind: 'nothing' }

/**
 * Reads an address of one of the site's own files: a stored file or an upload, at the site's host or with the
 * bucket before it, by http or https, since front-ends turn the one into the other (decided reading). Whatever else
 * the site's address leads to is no picture. Null for everything that is on somebody else's server.
 */
export function readOwnAddress(publicUrl: string, address: string): OwnFile | null {
  if (!URL.canParse(address)) return null
  const [site, url] = [new URL(publicUrl), new URL(address)]
  if (!isOwnHost(site, url) || url.username !== '' || url.password !== '') return null
  const base = site.pathname.replace(/\/$/, '')
  const path = url.pathname.startsWith(`${base}/`)
    ? url.pathname.slice(base.length + 1)
    : url.pathname.slice(1)
  const storeKey = /^files\/([a-z0-9]{16,64}\.[a-z0-9]{1,8})$/.exec(path)?.[1]
  if (storeKey !== undefined) return { kind: 'file', storeKey }
  // An OSS client knows nothing of a path before `uploads/`.
  const name = readUploadName(path) ?? readUploadName(url.pathname.slice(1))
  if (name !== null) return { kind: 'upload', name }
  return url.pathname.startsWith(`${base}/`) ? { kind: 'nothing' } : null
}

function isOwnHost(site: URL, url: URL): boolean {
  const ports = portsOf(url)
  const isSamePort = portsOf(site).some((port) => ports.includes(port))
  const isWeb = url.protocol === 'http:' || url.protocol === 'https:'
  const names = [site.hostname, `${PLAIN_BUCKET}.${site.hostname}`]
  return isWeb && isSamePort && names.includes(url.hostname)
}

/** Without a port it may be that of either protocol, whatever the address says it is. */
function portsOf(url: URL): string[] {
  return url.port === '' ? ['80', '443'] : [url.port]
}

function isAddress(hostname: string): boolean {
  return hostname.startsWith('[') || /^[\d.]+$/.test(hostname)
}
