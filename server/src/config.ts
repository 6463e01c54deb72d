import { resolve } from 'node:path'
import { DIALECTS } from './dialects/index.ts'
import type { OssAccount } from './files/oss-store.ts'
import type { S3Account } from './files/s3-store.ts'
import type { ConfiguredVendor } from './kernel/catalog/ensure-connections.ts'
import type { Provider, VendorAccount } from './kernel/ports/provider.ts'

export type Role = 'all' | 'api' | 'worker'

/** Everything the environment decides, checked. Nothing else in the program reads it. */
export type Config = {
  sites: readonly { name: string; port: number; publicUrl: string; epay: EpayAccount | null }[]
  role: Role
  host: string
  dataDir: string
  /** A PostgreSQL server to use instead of the embedded one. */
  databaseUrl: URL | null
  /** Root of all keys, or null to generate one in the data folder. */
  secretKey: string | null
  admin: { username: string; email: string; password: string | null }
  storage: Storage
  smtpUrl: string | null
  mailFrom: string
  trustProxy: readonly string[]
  /** CIDRs of private networks that operator-configured addresses may reach. */
  outboundAllow: readonly string[]
  /** PAYMENTS_SANDBOX where it is set; otherwise the sandbox is for sites that only this machine can see. */
  paymentsSandbox: boolean | null
  /** AUTO_AUDIT: tasks run without an administrator's approval, also where a document asks for one. */
  autoAudit: boolean
  logLevel: string
}

/** Where files lie: in the data folder, or in a bucket that all sites share. */
export type Storage =
  | { kind: 'disk' }
  | { kind: 's3'; account: S3Account }
  | { kind: 'oss'; account: OssAccount }

/** An epay merchant from the environment; used at a site's first start. */
export type EpayAccount = { url: string; merchant: string; secret: string }

/** A bad value in the environment; the message is one sentence that names it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Reads the configuration (README, *Configuration*).
 * @throws ConfigError naming the first bad value.
 */
export function readConfig(environment: Environment): Config {
  const text = (name: string): string | null => environment[name]?.trim() || null
  const list = (name: string): string[] =>
    (text(name) ?? '')
      .split(',')
      .map((one) => one.trim())
      .filter(Boolean)
  const host = text('HOST') ?? '127.0.0.1'
  const sites = readSites(text('SITES'), environment)
  return {
    sites,
    role: oneOf('ROLE', text('ROLE') ?? 'all', ['all', 'api', 'worker'] as const),
    host,
    dataDir: resolve(text('DATA_DIR') ?? './data'),
    databaseUrl: readUrl('DATABASE_URL', text('DATABASE_URL'), ['postgres:', 'postgresql:']),
    secretKey: readSecret(text('SECRET_KEY')),
    admin: {
      username: text('ADMIN_USERNAME') ?? 'admin',
      email: text('ADMIN_EMAIL') ?? 'admin@localhost',
      password: readPassword(text('ADMIN_PASSWORD')),
    },
    storage: readStorage(text('STORAGE_URL')),
    smtpUrl: readUrl('SMTP_URL', text('SMTP_URL'), ['smtp:', 'smtps:'])?.href ?? null,
    mailFrom: text('MAIL_FROM') ?? 'Atelier <no-reply@localhost>',
    trustProxy: list('TRUST_PROXY').map((cidr) => checkCidr('TRUST_PROXY', cidr)),
    outboundAllow: list('OUTBOUND_ALLOW').map((cidr) => withPrefix(checkCidr('OUTBOUND_ALLOW', cidr))),
    paymentsSandbox: readSwitch('PAYMENTS_SANDBOX', text('PAYMENTS_SANDBOX')),
    autoAudit: readSwitch('AUTO_AUDIT', text('AUTO_AUDIT')) ?? false,
    logLevel: oneOf('LOG_LEVEL', text('LOG_LEVEL') ?? 'info', [
      'trace',
      'debug',
      'info',
      'warn',
      'error',
    ] as const),
  }
}

function readSites(text: string | null, environment: Environment): Config['sites'] {
  const wanted =
    text === null
      ? [...DIALECTS.keys()]
      : text
          .split(',')
          .map((one) => one.trim())
          .filter(Boolean)
  if (wanted.length === 0) throw new ConfigError('SITES names no site.')
  const sites = wanted.map((one) => {
    const [name = '', portText, ...rest] = one.split(':')
    const dialect = DIALECTS.get(name)
    if (!dialect || rest.length > 0) {
      throw new ConfigError(
        `SITES names "${one}", but this version has only: ${[...DIALECTS.keys()].join(', ')} (each as name or name:port).`,
      )
    }
    const port = portText === undefined ? dialect.defaultPort : Number(portText)
    if (!Number.isInteger(port) || port < 1 || port > 65_535) {
      throw new ConfigError(
        `SITES gives ${name} the port "${portText}", which is not a number from 1 to 65535.`,
      )
    }
    return {
      name,
      port,
      publicUrl: readPublicUrl(name, port, environment),
      epay: readEpay(name, environment),
    }
  })
  const twice = sites.find(
    (site, index) => sites.findIndex(({ name, port }) => name === site.name || port === site.port) !== index,
  )
  if (twice) throw new ConfigError(`SITES names ${twice.name} or port ${twice.port} twice.`)
  return sites
}

/** The suffix of a site's own variables: `AI_CREATOR` for `ai-creator`. */
function suffixOf(site: string): string {
  return site.toUpperCase().replaceAll('-', '_')
}

/** `EPAY_URL`, `EPAY_PID`, `EPAY_KEY`, all or none; a form with the site's suffix wins. */
function readEpay(site: string, environment: Environment): EpayAccount | null {
  const text = (name: string): string | null =>
    environment[`${name}_${suffixOf(site)}`]?.trim() || environment[name]?.trim() || null
  const url = readUrl('EPAY_URL', text('EPAY_URL'), ['http:', 'https:'])?.href.replace(/\/+$/, '') ?? null
  const merchant = text('EPAY_PID')
  const secret = text('EPAY_KEY')
  if (url === null && merchant === null && secret === null) return null
  if (url === null || merchant === null || secret === null) {
    throw new ConfigError('EPAY_URL, EPAY_PID and EPAY_KEY belong together: set all three, or none.')
  }
  return { url, merchant, secret }
}

/**
 * The vendors that have a key or an address here, in the order of the providers. A key alone means the vendor's usual
 * address; an address alone is a deployment that asks for no key. Which variables there are, the providers say.
 * @throws ConfigError naming the first bad value.
 */
export function readVendors(
  environment: Environment,
  providers: readonly Pick<Provider, 'name' | 'account'>[],
): ConfiguredVendor[] {
  return providers.flatMap(({ name, account }) => {
    const vendor = account && readVendor(name, account, environment)
    return vendor ? [vendor] : []
  })
}

function readVendor(
  provider: string,
  { keyVariable, addressVariable, address }: VendorAccount,
  environment: Environment,
): ConfiguredVendor | null {
  const key = keyVariable === null ? null : environment[keyVariable]?.trim() || null
  // It goes into a header; a line break or a full-width character means a mistake while copying.
  if (key !== null && !/^[\x21-\x7e]+$/.test(key)) {
    throw new ConfigError(`${keyVariable} has characters that no key has.`)
  }
  const url = readUrl(addressVariable, environment[addressVariable]?.trim() || null, ['http:', 'https:'])
  if (url && (url.hash || url.username || url.password)) {
    throw new ConfigError(`${addressVariable} must not have a fragment, a user or a password.`)
  }
  if (!url && key === null) return null
  const usual = url?.href ?? address
  if (usual === null) throw new ConfigError(`${keyVariable} needs ${addressVariable} beside it.`)
  return { provider, url: usual.replace(/\/+$/, ''), secret: key ?? '' }
}

function readPublicUrl(site: string, port: number, environment: Environment): string {
  const name = `PUBLIC_URL_${suffixOf(site)}`
  const url = readUrl(name, environment[name]?.trim() || null, ['http:', 'https:'])
  if (url && (url.search || url.hash)) throw new ConfigError(`${name} must not have a query or a fragment.`)
  return url ? url.href.replace(/\/+$/, '') : `http://localhost:${port}`
}

function readUrl(name: string, text: string | null, protocols: readonly string[]): URL | null {
  if (text === null) return null
  const url = URL.canParse(text) ? new URL(text) : null
  // The value may hold a password, so it is not shown.
  if (!url || !protocols.includes(url.protocol)) {
    throw new ConfigError(
      `${name} is not an address that begins with ${protocols.map((one) => `${one}//`).join(' or ')}.`,
    )
  }
  return url
}

const STORAGE_FORMS = 'file:, s3://key:secret@host/bucket or oss://key:secret@bucket.region'

/**
 * `file:`, `s3://key:secret@host[:port]/bucket?region=…&path_style=1&tls=0` or
 * `oss://key:secret@bucket.region?role_arn=…&endpoint=…&sts_endpoint=…`. Nothing of the value is shown in an error
 * but the names of its parameters: the rest may be a secret in the wrong place.
 */
function readStorage(text: string | null): Storage {
  if (text === null || text === 'file:') return { kind: 'disk' }
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || url.hostname === '' || url.hash !== '') {
    throw new ConfigError(`STORAGE_URL is none of ${STORAGE_FORMS} (with %2F for a / in the secret).`)
  }
  if (url.protocol === 's3:') return { kind: 's3', account: readS3(url) }
  if (url.protocol === 'oss:') return { kind: 'oss', account: readOss(url) }
  throw new ConfigError(`STORAGE_URL is none of ${STORAGE_FORMS}.`)
}

function readS3(url: URL): S3Account {
  const parameters = storageParameters(url, ['region', 'path_style', 'tls'])
  const bucket = /^\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\/?$/.exec(url.pathname)?.[1]
  if (bucket === undefined) {
    throw new ConfigError('STORAGE_URL names no bucket: it must be s3://key:secret@host/bucket.')
  }
  const region = parameters.get('region') ?? 'us-east-1'
  if (!/^[a-z0-9-]{1,64}$/.test(region)) throw new ConfigError('STORAGE_URL has a region that is none.')
  const isTls = readSwitch('tls of STORAGE_URL', parameters.get('tls') ?? null) ?? true
  const isAmazon = url.hostname.endsWith('.amazonaws.com')
  return {
    endpoint: `${isTls ? 'https' : 'http'}://${url.host}`,
    region,
    bucket,
    isPathStyle: readSwitch('path_style of STORAGE_URL', parameters.get('path_style') ?? null) ?? !isAmazon,
    ...storageKeys(url),
  }
}

function readOss(url: URL): OssAccount {
  const parameters = storageParameters(url, ['role_arn', 'endpoint', 'sts_endpoint'])
  const [, bucket, region] = /^([a-z0-9][a-z0-9-]{1,61}[a-z0-9])\.((?:oss-)?[a-z0-9-]+)$/.exec(url.host) ?? []
  if (bucket === undefined || region === undefined || !/^\/?$/.test(url.pathname)) {
    throw new ConfigError(
      'STORAGE_URL names no bucket and region: it must be oss://key:secret@bucket.region, with a region such as oss-cn-beijing.',
    )
  }
  const roleArn = parameters.get('role_arn') ?? null
  if (roleArn !== null && !/^acs:ram::\d+:role\/[\w.@-]+$/.test(roleArn)) {
    throw new ConfigError('STORAGE_URL has a role_arn that is not like acs:ram::<account>:role/<name>.')
  }
  const address = (name: string): string | null =>
    readUrl(`${name} of STORAGE_URL`, parameters.get(name) ?? null, ['http:', 'https:'])?.origin ?? null
  const { accessKeyId, secretAccessKey: accessKeySecret } = storageKeys(url)
  return {
    bucket,
    region: region.startsWith('oss-') ? region : `oss-${region}`,
    accessKeyId,
    accessKeySecret,
    endpoint: address('endpoint'),
    roleArn,
    stsEndpoint: address('sts_endpoint'),
  }
}

function storageKeys(url: URL): { accessKeyId: string; secretAccessKey: string } {
  try {
    const accessKeyId = decodeURIComponent(url.username)
    const secretAccessKey = decodeURIComponent(url.password)
    if (accessKeyId !== '' && secretAccessKey !== '') return { accessKeyId, secretAccessKey }
  } catch {
    // A % that escapes nothing.
  }
  throw new ConfigError(`STORAGE_URL has no key and secret: it must be ${STORAGE_FORMS}.`)
}

function storageParameters(url: URL, known: readonly string[]): Map<string, string> {
  const parameters = new Map(url.searchParams)
  for (const name of parameters.keys()) {
    if (!known.includes(name)) {
      throw new ConfigError(`STORAGE_URL has an unknown parameter; known are ${known.join(', ')}.`)
    }
  }
  return parameters
}

function readSecret(text: string | null): string | null {
  if (text !== null && Buffer.byteLength(text) < 32) {
    throw new ConfigError(
      'SECRET_KEY is shorter than 32 bytes: use for example the output of "openssl rand -hex 32".',
    )
  }
  return text
}

function readPassword(text: string | null): string | null {
  if (text !== null && text.length < 8) throw new ConfigError('ADMIN_PASSWORD is shorter than 8 characters.')
  return text
}

function readSwitch(name: string, text: string | null): boolean | null {
  if (text === null) return null
  const word = oneOf(name, text.toLowerCase(), ['on', 'off', 'true', 'false', '1', '0'] as const)
  return word === 'on' || word === 'true' || word === '1'
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '[::1]' || host === '::1' || /^127\./.test(host)

/**
 * Whether a site may offer the sandbox cashier, which gives credits for nothing: as PAYMENTS_SANDBOX says, and
 * by default only where both the bind address and the public address are this machine's own. A site behind a
 * reverse proxy is bound to loopback too, and must not offer it.
 */
export function allowsSandbox(config: Config, site: Config['sites'][number]): boolean {
  return config.paymentsSandbox ?? (isLoopback(config.host) && isLoopback(new URL(site.publicUrl).hostname))
}

/** A single address as the network that holds only it. */
function withPrefix(cidr: string): string {
  if (cidr.includes('/')) return cidr
  return cidr.includes(':') ? `${cidr}/128` : `${cidr}/32`
}

function checkCidr(name: string, cidr: string): string {
  if (!/^[0-9a-fA-F.:]+(\/\d{1,3})?$/.test(cidr)) {
    throw new ConfigError(`${name} has "${cidr}", which is not an address or CIDR such as 10.0.0.0/8.`)
  }
  return cidr
}

function oneOf<Choice extends string>(name: string, text: string, choices: readonly Choice[]): Choice {
  const choice = choices.find((one) => one === text)
  if (choice === undefined)
    throw new ConfigError(`${name} is "${text}", but must be one of: ${choices.join(', ')}.`)
  return choice
}
