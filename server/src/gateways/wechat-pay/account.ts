import type { KeyObject } from 'node:crypto'
import { type GatewayAccount, GatewayError, type GatewayErrorKind } from '../../kernel/ports/gateway.ts'
import { isRecord } from '../shared/answer.ts'
import {
  readPrivateKey,
  readPublicKey,
  readSecretDocument,
  requireField,
  SecretDocumentError,
} from '../shared/secret-document.ts'

/** One merchant at WeChat Pay, whose `mchid` is `account.merchant`. */
export type WechatPayKeys = {
  appid: string
  /** Of the merchant's own certificate. */
  serial: string
  privateKey: KeyObject
  /** 32 bytes that only the merchant and WeChat know; notifications are encrypted with it. */
  apiV3Key: string
  /** WeChat's keys by serial number of a platform certificate, or by `PUB_KEY_ID_…`. */
  platform: ReadonlyMap<string, KeyObject>
}

const MODES = ['native', 'h5'] as const
export type WechatPayMode = (typeof MODES)[number]

/** The secret document, read. Throws `GatewayError` of `kind`, which never quotes it. */
export function openKeys(account: GatewayAccount, kind: GatewayErrorKind): WechatPayKeys {
  try {
    return readKeys(account)
  } catch (error) {
    if (error instanceof SecretDocumentError) throw new GatewayError(kind, `wechat-pay: ${error.message}`)
    throw error
  }
}

const SERIAL = /^(PUB_KEY_ID_[0-9A-Za-z]+|[0-9A-Fa-f]{8,40})$/

function readKeys(account: GatewayAccount): WechatPayKeys {
  const document = readSecretDocument(account.secret)
  const text = (name: string, pattern: RegExp, what: string) => requireField(document, name, pattern, what)
  const { platform } = document
  if (!isRecord(platform) || Object.keys(platform).length === 0) {
    throw new SecretDocumentError(
      'the secret document lacks platform (WeChat’s public key or certificates, PEM, by PUB_KEY_ID_… or serial number)',
    )
  }
  const keys = Object.entries(platform).map(([serial, pem]): [string, KeyObject] => {
    if (!SERIAL.test(serial) || typeof pem !== 'string')
      throw new SecretDocumentError('platform of the secret document maps serial numbers to PEM texts')
    return [serial, readPublicKey(pem, `platform ${serial} of the secret document`)]
  })
  return {
    appid: text('appid', /^wx[0-9a-z]{8,30}$/, 'an appid beginning with wx'),
    serial: text('serial', /^[0-9A-Fa-f]{8,40}$/, 'the serial number of the merchant certificate'),
    privateKey: readPrivateKey(document, 'privateKey'),
    apiV3Key: text('apiV3Key', /^[\x21-\x7e]{32}$/, 'the APIv3 key, 32 characters'),
    platform: new Map(keys),
  }
}

/** Whether the payer scans a code (the default) or opens a link in the phone's browser. Throws `GatewayError('unavailable')`. */
export function readMode({ options }: Pick<GatewayAccount, 'options'>): WechatPayMode {
  const stranger = Object.keys(options).find((name) => name !== 'mode')
  if (stranger !== undefined) throw new GatewayError('unavailable', `wechat-pay has no option ${stranger}`)
  const mode = MODES.find((one) => one === (options.mode ?? MODES[0]))
  if (mode === undefined)
    throw new GatewayError('unavailable', `the wechat-pay option mode is one of ${MODES.join(', ')}`)
  return mode
}

/** What an operator left out, in one sentence; null when the account is whole. */
export function checkWechatPayAccount(account: GatewayAccount): string | null {
  if (!/^\d{8,32}$/.test(account.merchant)) return 'wechat-pay: the merchant is the mchid, digits only.'
  try {
    openKeys(account, 'unavailable')
    readMode(account)
    return null
  } catch (error) {
    if (error instanceof GatewayError) return `${error.message}.`
    throw error
  }
}
