import type { KeyObject } from 'node:crypto'
import { type GatewayAccount, GatewayError, type GatewayErrorKind } from '../../kernel/ports/gateway.ts'
import {
  readPrivateKey,
  readPublicKey,
  readSecretDocument,
  requireField,
  SecretDocumentError,
} from '../shared/secret-document.ts'

/** One application at Alipay, whose `app_id` is `account.merchant`. */
export type AlipayKeys = {
  /** The 16 digits of whoever gets the money. */
  sellerId: string
  privateKey: KeyObject
  /** Of Alipay, for this application: not the application's own public key. */
  alipayPublicKey: KeyObject
  /** Serial numbers of certificate mode; null where plain keys are used. */
  certificates: { app: string; root: string } | null
}

const MODES = ['page', 'qr'] as const
export type AlipayMode = (typeof MODES)[number]

/** The secret document, read. Throws `GatewayError` of `kind`, which never quotes it. */
export function openKeys(account: GatewayAccount, kind: GatewayErrorKind): AlipayKeys {
  try {
    return readKeys(account)
  } catch (error) {
    if (error instanceof SecretDocumentError) throw new GatewayError(kind, `alipay: ${error.message}`)
    throw error
  }
}

function readKeys(account: GatewayAccount): AlipayKeys {
  const document = readSecretDocument(account.secret)
  const text = (name: string, pattern: RegExp, what: string) => requireField(document, name, pattern, what)
  const isCertified = 'appCertSn' in document || 'alipayRootCertSn' in document
  return {
    sellerId: text('sellerId', /^2088\d{12}$/, 'the 16 digits beginning with 2088'),
    privateKey: readPrivateKey(document, 'privateKey'),
    alipayPublicKey: readPublicKey(
      text('alipayPublicKey', /./s, "Alipay's public key or its certificate, PEM"),
      'alipayPublicKey of the secret document',
    ),
    certificates: isCertified
      ? {
          app: text('appCertSn', /^[0-9a-f]{32}$/, '32 hex digits'),
          root: text(
            'alipayRootCertSn',
            /^[0-9a-f]{32}(_[0-9a-f]{32})*$/,
            'groups of 32 hex digits joined by _',
          ),
        }
      : null,
  }
}

/** Where the payer pays: on Alipay's page (the default) or by scanning a code. Throws `GatewayError('unavailable')`. */
export function readMode({ options }: Pick<GatewayAccount, 'options'>): AlipayMode {
  const stranger = Object.keys(options).find((name) => name !== 'mode')
  if (stranger !== undefined) throw new GatewayError('unavailable', `alipay has no option ${stranger}`)
  const mode = MODES.find((one) => one === (options.mode ?? MODES[0]))
  if (mode === undefined)
    throw new GatewayError('unavailable', `the alipay option mode is one of ${MODES.join(', ')}`)
  return mode
}

/** What an operator left out, in one sentence; null when the account is whole. */
export function checkAlipayAccount(account: GatewayAccount): string | null {
  if (!/^\d{16}$/.test(account.merchant)) return 'alipay: the merchant is the app_id, 16 digits.'
  try {
    openKeys(account, 'unavailable')
    readMode(account)
    return null
  } catch (error) {
    if (error instanceof GatewayError) return `${error.message}.`
    throw error
  }
}
