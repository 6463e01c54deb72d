import { createCipheriv, randomBytes, sign, verify } from 'node:crypto'
import type { GatewayAccount, RawNotification } from '../../src/kernel/ports/gateway.ts'
import { makeCertificate, makeKeys, pemOf } from './self-signed.ts'
import {
  type Misbehaviour,
  type StandInCall,
  type StandInReply,
  startStandInServer,
} from './stand-in-server.ts'

/** A transaction as the stand-in keeps it; names as on the wire. */
export type WechatTransaction = {
  transaction_id: string
  out_trade_no: string
  description: string
  total: number
  notify_url: string
  trade_type: 'NATIVE' | 'MWEB'
  trade_state: 'NOTPAY' | 'SUCCESS' | 'CLOSED' | 'REFUND'
}

type Refund = { out_refund_no: string; refund_id: string; status: 'SUCCESS' | 'PROCESSING' | 'CLOSED' }

/**
 * Ways a notification can be wrong: what only a forger sends is signed wrongly, the rest carries a good signature
 * over wrong content, as a confused gateway or a stolen key would send it.
 */
export type WechatMutation =
  | 'other-key'
  | 'merchant-key'
  | 'other-serial'
  | 'missing-serial'
  | 'missing-signature'
  | 'empty-signature'
  | 'repeated-signature'
  | 'signature-test'
  | 'stale'
  | 'future'
  | 'new-time'
  | 'no-time'
  | 'tampered-body'
  | 'reformatted-body'
  | 'plain-resource'
  | 'other-api-key'
  | 'other-associated-data'
  | 'by-get'
  | 'refund-event'
  | 'wrong-mchid'
  | 'wrong-appid'
  | 'amount-more'
  | 'amount-less'
  | 'amount-fraction'
  | 'amount-exponent'
  | 'amount-negative'
  | 'amount-text'
  | 'no-amount'
  | 'other-currency'
  | 'not-paid'
  | 'paid-back'
  | 'unknown-order'

export type WechatPayStandIn = {
  url: string
  mchid: string
  account: GatewayAccount
  /** Parts of the account's secret, for tests that look where they must not be. */
  privateKeyPem: string
  apiV3Key: string
  /** Both serials under which it may sign: of a platform certificate, and of its public key. */
  serials: { certificate: string; publicKey: string }
  transactions: Map<string, WechatTransaction>
  requests: StandInCall[]
  misbehaves: (how: Misbehaviour | null) => void
  /** Signs with the platform certificate's key, or with the public key (the default). */
  signsWith: (which: 'certificate' | 'publicKey') => void
  /** Refunds under way are done. */
  settleRefunds: () => void
  pay: (tradeNumber: string) => void
  notification: (
    tradeNumber: string,
    options?: { mutate?: WechatMutation; changes?: Record<string, unknown> },
  ) => RawNotification
  close: () => Promise<void>
}

/** Starts a WeChat Pay on 127.0.0.1 with one merchant, whose books last as long as it runs. */
export async function startWechatPayStandIn({
  mchid = '1900000001',
  appid = 'wxd678efh567hg6787',
  apiV3Key = '0123456789abcdef0123456789abcdef',
} = {}): Promise<WechatPayStandIn> {
  const merchantKeys = makeKeys()
  const merchantCertificate = makeCertificate(merchantKeys)
  const certifiedKeys = makeKeys()
  const certificate = makeCertificate(certifiedKeys)
  const publicKeys = makeKeys()
  const otherKeys = makeKeys()
  const serials = { certificate: certificate.serial, publicKey: 'PUB_KEY_ID_0119000000012026112000000001' }
  const transactions = new Map<string, WechatTransaction>()
  const refunds = new Map<string, Refund>()
  let how: Misbehaviour | null = null
  let signer: 'certificate' | 'publicKey' = 'publicKey'
  let count = 0

  const signature = (text: string, key = signer === 'publicKey' ? publicKeys : certifiedKeys): string =>
    sign('sha256', Buffer.from(text), key.privateKey).toString('base64')

  /** The four headers over `timestamp\nnonce\nbody\n` (protocols.md 2.3). */
  function signedHeaders(body: string, timestamp: number, key?: typeof otherKeys): Record<string, string> {
    const nonce = randomBytes(16).toString('hex')
    return {
      'wechatpay-timestamp': String(timestamp),
      'wechatpay-nonce': nonce,
      'wechatpay-serial': serials[signer],
      'wechatpay-signature': signature(`${timestamp}\n${nonce}\n${body}\n`, key),
    }
  }

  const nowSeconds = (): number => Math.floor(Date.now() / 1_000)

  function act(call: StandInCall): StandInReply {
    const [status, answer] = actV3(call)
    const body = how === 'wrong-json' ? '{"code":' : answer === null ? '' : JSON.stringify(answer)
    const timestamp = nowSeconds() - (how === 'stale' ? 600 : 0)
    const headers = signedHeaders(body, timestamp, how === 'other-key' ? otherKeys : undefined)
    if (how === 'other-serial') headers['wechatpay-serial'] = 'PUB_KEY_ID_0000000000000000000000000000'
    const plain = { 'content-type': 'application/json' }
    if (how === 'unsigned') return { status, headers: plain, body }
    return { status, headers: { ...plain, ...headers }, body: how === 'other-body' ? `${body} ` : body }
  }

  type Answer = [number, object | null]

  function isOurs(call: StandInCall): boolean {
    const [scheme, rest = ''] = (call.headers.authorization ?? '').split(/ (.*)/s, 2)
    const part = (name: string): string => new RegExp(`(?:^|,)${name}="([^"]*)"`).exec(rest)?.[1] ?? ''
    const timestamp = part('timestamp')
    const text = `${call.method}\n${call.target}\n${timestamp}\n${part('nonce_str')}\n${call.body}\n`
    return (
      scheme === 'WECHATPAY2-SHA256-RSA2048' &&
      part('mchid') === mchid &&
      part('serial_no') === merchantCertificate.serial &&
      Math.abs(nowSeconds() - Number(timestamp)) <= 300 &&
      part('nonce_str') !== '' &&
      (call.headers['user-agent'] ?? '') !== '' &&
      [undefined, serials.publicKey, serials.certificate].includes(call.headers['wechatpay-serial']) &&
      verify('sha256', Buffer.from(text), merchantKeys.publicKey, Buffer.from(part('signature'), 'base64'))
    )
  }

  function actV3(call: StandInCall): Answer {
    if (how === 'refuses') return [403, { code: 'NO_AUTH', message: '商户无权限' }]
    if (how === 'system-error') return [400, { code: 'SYSTEM_ERROR', message: '系统错误' }]
    if (how === 'echo') {
      const { authorization } = call.headers
      return [400, { code: 'PARAM_ERROR', message: `bad ${authorization}\n${authorization} ${apiV3Key}` }]
    }
    if (!isOurs(call)) return [401, { code: 'SIGN_ERROR', message: '签名错误' }]
    const body = call.body === '' ? {} : JSON.parse(call.body)
    const { path, method } = call
    if (method === 'POST' && path === '/v3/pay/transactions/native') return open(body, 'NATIVE')
    if (method === 'POST' && path === '/v3/pay/transactions/h5') return open(body, 'MWEB')
    if (method === 'POST' && path === '/v3/refund/domestic/refunds') return payBack(body)
    const refund = /^\/v3\/refund\/domestic\/refunds\/([^/]+)$/.exec(path)?.[1]
    if (method === 'GET' && refund !== undefined) return showRefund(refund)
    const [, number = '', closing] =
      /^\/v3\/pay\/transactions\/out-trade-no\/([^/]+?)(\/close)?$/.exec(path) ?? []
    const transaction = transactions.get(number)
    if (method === 'POST' && closing) return closeTransaction(transaction, body)
    if (method !== 'GET' || call.query.get('mchid') !== mchid)
      return [400, { code: 'PARAM_ERROR', message: '参数错误' }]
    if (!transaction) return [404, { code: 'ORDER_NOT_EXIST', message: '订单不存在' }]
    return [200, show(transaction)]
  }

  function open(body: Record<string, unknown>, trade_type: WechatTransaction['trade_type']): Answer {
    const { out_trade_no, description, notify_url, time_expire } = body as Record<string, string>
    const amount = body.amount as { total?: unknown; currency?: unknown } | undefined
    const scene = body.scene_info as { payer_client_ip?: string; h5_info?: { type?: string } } | undefined
    const isFine =
      body.mchid === mchid &&
      body.appid === appid &&
      /^[0-9A-Za-z_\-|*]{6,32}$/.test(out_trade_no ?? '') &&
      (description ?? '') !== '' &&
      Buffer.byteLength(description ?? '') <= 127 &&
      /^https?:\/\/[^?]+$/.test(notify_url ?? '') &&
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00$/.test(time_expire ?? '') &&
      Date.parse(time_expire ?? '') > Date.now() &&
      Number.isSafeInteger(amount?.total) &&
      Number(amount?.total) > 0 &&
      amount?.currency === 'CNY' &&
      (trade_type === 'NATIVE' || (scene?.payer_client_ip && scene.h5_info?.type === 'Wap'))
    if (!isFine) return [400, { code: 'PARAM_ERROR', message: '参数错误' }]
    count += 1
    transactions.set(out_trade_no ?? '', {
      transaction_id: `42000020262026112000${String(count).padStart(8, '0')}`,
      out_trade_no: out_trade_no ?? '',
      description: description ?? '',
      total: Number(amount.total),
      notify_url: notify_url ?? '',
      trade_type,
      trade_state: 'NOTPAY',
    })
    if (how === 'no-place') return [200, { prepay_id: `wx2020${count}` }]
    if (trade_type === 'NATIVE') return [200, { code_url: `weixin://wxpay/bizpayurl?pr=p4lpSuKzz${count}` }]
    return [
      200,
      { h5_url: `https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=wx2020${count}&package=1` },
    ]
  }

  /** What is told of a transaction, when asked and in a notification alike. */
  function show(transaction: WechatTransaction): Record<string, unknown> {
    const { transaction_id, trade_type, trade_state, total } = transaction
    const out_trade_no = how === 'other-order' ? 'T_other' : transaction.out_trade_no
    const base = { appid, mchid, out_trade_no, trade_state, trade_state_desc: '说明' }
    if (trade_state !== 'SUCCESS' && trade_state !== 'REFUND')
      return { ...base, amount: { total, currency: 'CNY' } }
    return {
      ...base,
      transaction_id,
      trade_type,
      bank_type: 'CMC',
      attach: '',
      success_time: '2026-11-20T20:45:12+08:00',
      payer: { openid: 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o' },
      amount: { total, payer_total: total, currency: 'CNY', payer_currency: 'CNY' },
    }
  }

  function closeTransaction(transaction: WechatTransaction | undefined, body: { mchid?: string }): Answer {
    if (body.mchid !== mchid) return [400, { code: 'PARAM_ERROR', message: '参数错误' }]
    if (!transaction) return [404, { code: 'ORDER_NOT_EXIST', message: '订单不存在' }]
    if (transaction.trade_state === 'SUCCESS' || transaction.trade_state === 'REFUND')
      return [400, { code: 'ORDERPAID', message: '订单已支付' }]
    transaction.trade_state = 'CLOSED'
    return [204, null]
  }

  function payBack(body: Record<string, unknown>): Answer {
    const { transaction_id, out_trade_no, out_refund_no = '' } = body as Record<string, string>
    const amount = body.amount as { refund?: number; total?: number; currency?: string } | undefined
    const transaction = transaction_id
      ? [...transactions.values()].find((one) => one.transaction_id === transaction_id)
      : transactions.get(out_trade_no ?? '')
    if (!transaction) return [404, { code: 'RESOURCE_NOT_EXISTS', message: '订单不存在' }]
    const known = refunds.get(out_refund_no)
    if (known) return [200, known]
    if (transaction.trade_state !== 'SUCCESS')
      return [400, { code: 'INVALID_REQUEST', message: '订单未支付' }]
    if (
      amount?.total !== transaction.total ||
      amount.refund !== transaction.total ||
      amount.currency !== 'CNY'
    )
      return [400, { code: 'PARAM_ERROR', message: '退款金额错误' }]
    const status = how === 'refund-processing' ? 'PROCESSING' : how === 'refund-closed' ? 'CLOSED' : 'SUCCESS'
    const refund: Refund = { out_refund_no, refund_id: `503000${refunds.size}`, status }
    refunds.set(out_refund_no, refund)
    if (status !== 'CLOSED') transaction.trade_state = 'REFUND'
    // As in life: it is taken first, and done when it is asked after.
    return [200, status === 'SUCCESS' ? { ...refund, status: 'PROCESSING' } : refund]
  }

  function showRefund(out_refund_no: string): Answer {
    const refund = refunds.get(out_refund_no)
    return refund ? [200, refund] : [404, { code: 'RESOURCE_NOT_EXISTS', message: '退款单不存在' }]
  }

  // Notifications ------------------------------------------------------------------------------------------

  function encrypt(text: string, key: string, associatedData: string): { ciphertext: string; nonce: string } {
    const nonce = randomBytes(6).toString('hex')
    const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(associatedData))
    const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
    return { ciphertext: sealed.toString('base64'), nonce }
  }

  function notification(
    tradeNumber: string,
    { mutate, changes = {} }: { mutate?: WechatMutation; changes?: Record<string, unknown> } = {},
  ): RawNotification {
    const transaction = transactions.get(tradeNumber)
    if (!transaction) throw new Error(`the stand-in knows no transaction ${tradeNumber}`)
    const facts = { ...show({ ...transaction, trade_state: 'SUCCESS' }), ...changes }
    const content = { ...facts, ...(mutate && CONTENT[mutate]?.(transaction)) }
    const plain = JSON.stringify(content)
    const key = mutate === 'other-api-key' ? 'fedcba9876543210fedcba9876543210' : apiV3Key
    const sealed = encrypt(plain, key, 'transaction')
    const resource = {
      original_type: 'transaction',
      algorithm: 'AEAD_AES_256_GCM',
      associated_data: mutate === 'other-associated-data' ? 'refund' : 'transaction',
      ...sealed,
    }
    const body = JSON.stringify({
      id: `EV-2026112020451${count}`,
      create_time: '2026-11-20T20:45:13+08:00',
      resource_type: 'encrypt-resource',
      event_type: mutate === 'refund-event' ? 'REFUND.SUCCESS' : 'TRANSACTION.SUCCESS',
      summary: '支付成功',
      resource:
        mutate === 'plain-resource' ? { ...resource, algorithm: 'NONE', ciphertext: plain } : resource,
    })
    const offset = mutate === 'stale' || mutate === 'new-time' ? -600 : mutate === 'future' ? 600 : 0
    const signer = mutate === 'other-key' ? otherKeys : mutate === 'merchant-key' ? merchantKeys : undefined
    const headers = signedHeaders(body, nowSeconds() + offset, signer)
    if (mutate) HEADERS[mutate]?.(headers)
    if (mutate === 'new-time') headers['wechatpay-timestamp'] = String(nowSeconds())
    return {
      method: mutate === 'by-get' ? 'GET' : 'POST',
      query: '',
      contentType: 'application/json',
      body: mutate ? (BODIES[mutate]?.(body) ?? body) : body,
      headers,
    }
  }

  const server = await startStandInServer(act, () => how)
  const secret = JSON.stringify({
    appid,
    serial: merchantCertificate.serial,
    privateKey: pemOf.privateKey(merchantKeys.privateKey),
    apiV3Key,
    platform: {
      [serials.certificate]: certificate.pem,
      [serials.publicKey]: pemOf.publicKey(publicKeys.publicKey),
    },
  })
  return {
    ...server,
    mchid,
    account: { url: server.url, merchant: mchid, secret, options: {} },
    privateKeyPem: pemOf.privateKey(merchantKeys.privateKey),
    apiV3Key,
    serials,
    transactions,
    misbehaves: (next) => {
      how = next
    },
    signsWith: (which) => {
      signer = which
    },
    settleRefunds: () => {
      for (const refund of refunds.values()) if (refund.status === 'PROCESSING') refund.status = 'SUCCESS'
    },
    pay: (tradeNumber) => {
      const transaction = transactions.get(tradeNumber)
      if (transaction?.trade_state !== 'NOTPAY') throw new Error(`nobody can pay ${tradeNumber}`)
      transaction.trade_state = 'SUCCESS'
    },
    notification,
  }
}

const amountOf = (total: unknown, currency = 'CNY') => ({ amount: { total, payer_total: total, currency } })

/** What a mutation changes before encrypting and signing. */
const CONTENT: Partial<Record<WechatMutation, (transaction: WechatTransaction) => Record<string, unknown>>> =
  {
    'wrong-mchid': () => ({ mchid: '1900000009' }),
    'wrong-appid': () => ({ appid: 'wx0000000000000000' }),
    'amount-more': ({ total }) => amountOf(total + 1),
    'amount-less': ({ total }) => amountOf(total - 1),
    'amount-fraction': ({ total }) => amountOf(total + 0.5),
    'amount-exponent': () => amountOf('2e2'),
    'amount-negative': ({ total }) => amountOf(-total),
    'amount-text': ({ total }) => amountOf(`${total}元`),
    'no-amount': () => ({ amount: {} }),
    'other-currency': ({ total }) => amountOf(total, 'USD'),
    'not-paid': () => ({ trade_state: 'NOTPAY' }),
    'paid-back': () => ({ trade_state: 'REFUND' }),
    'unknown-order': () => ({ out_trade_no: 'T_nobody_knows' }),
  }

/** What a mutation does to the headers once the body is signed. */
const HEADERS: Partial<Record<WechatMutation, (headers: Record<string, string>) => void>> = {
  'other-serial': (headers) => {
    headers['wechatpay-serial'] = '5157F09EFDC096DE15EBE81A47057A7232F1B8E1'
  },
  'missing-serial': (headers) => void delete headers['wechatpay-serial'],
  'missing-signature': (headers) => void delete headers['wechatpay-signature'],
  'empty-signature': (headers) => {
    headers['wechatpay-signature'] = ''
  },
  'repeated-signature': (headers) => {
    headers['wechatpay-signature'] = `${headers['wechatpay-signature']}, ${headers['wechatpay-signature']}`
  },
  'signature-test': (headers) => {
    headers['wechatpay-signature'] = `WECHATPAY/SIGNTEST/${headers['wechatpay-signature']}`
  },
  'no-time': (headers) => void delete headers['wechatpay-timestamp'],
}

/** What a mutation does to the signed body. */
const BODIES: Partial<Record<WechatMutation, (body: string) => string>> = {
  'tampered-body': (body) => body.replace('EV-', 'EW-'),
  'reformatted-body': (body) => JSON.stringify(JSON.parse(body), null, 2),
  'by-get': () => '',
}

/** Every way in which a notification is no payment of its order. */
export const WECHAT_FORGERIES: readonly WechatMutation[] = [
  'other-key',
  'merchant-key',
  'other-serial',
  'missing-serial',
  'missing-signature',
  'empty-signature',
  'repeated-signature',
  'signature-test',
  'stale',
  'future',
  'new-time',
  'no-time',
  'tampered-body',
  'reformatted-body',
  'plain-resource',
  'other-api-key',
  'other-associated-data',
  'by-get',
  'refund-event',
  'wrong-mchid',
  'wrong-appid',
  'amount-more',
  'amount-less',
  'amount-fraction',
  'amount-exponent',
  'amount-negative',
  'amount-text',
  'no-amount',
  'other-currency',
  'not-paid',
  'paid-back',
  'unknown-order',
]
