import { sign, verify } from 'node:crypto'
import type { GatewayAccount, RawNotification } from '../../src/kernel/ports/gateway.ts'
import { type KeyPair, makeKeys, pemOf } from './self-signed.ts'
import {
  type Misbehaviour,
  type StandInCall,
  type StandInReply,
  startStandInServer,
} from './stand-in-server.ts'

/** A trade as the stand-in keeps it; names as on the wire. */
export type AlipayTrade = {
  trade_no: string
  out_trade_no: string
  total_amount: string
  subject: string
  notify_url: string
  return_url: string
  /** Alipay knows a trade from the moment its payer has come. */
  status: 'unvisited' | 'WAIT_BUYER_PAY' | 'TRADE_SUCCESS' | 'TRADE_FINISHED' | 'TRADE_CLOSED'
  refunds: Map<string, string>
}

/**
 * Ways a notification can be wrong: what only a forger sends is signed wrongly, the rest carries a good signature
 * over wrong content, as a confused gateway or a stolen key would send it.
 */
export type AlipayMutation =
  | 'other-key'
  | 'app-key'
  | 'missing-sign'
  | 'empty-sign'
  | 'sha1'
  | 'no-sign-type'
  | 'tampered-amount'
  | 'tampered-order'
  | 'repeated-amount'
  | 'repeated-sign'
  | 'by-get'
  | 'as-json'
  | 'wrong-app'
  | 'wrong-seller'
  | 'amount-more'
  | 'amount-less'
  | 'amount-exponent'
  | 'amount-nan'
  | 'amount-negative'
  | 'amount-spaces'
  | 'closed'
  | 'waiting'
  | 'unknown-order'
  | 'hidden-parameter'
  | 'paid-back'

export type AlipayStandIn = {
  url: string
  appId: string
  account: GatewayAccount
  /** The keys in the account's secret, for tests that look where they must not be. */
  privateKeyPem: string
  /** Alipay's own key, to sign what no stand-in would. */
  alipayKeys: KeyPair
  trades: Map<string, AlipayTrade>
  requests: StandInCall[]
  misbehaves: (how: Misbehaviour | null) => void
  pay: (tradeNumber: string) => void
  notification: (
    tradeNumber: string,
    options?: { mutate?: AlipayMutation; changes?: Record<string, string> },
  ) => RawNotification
  close: () => Promise<void>
}

/** Signs on its own, by the document, so that the adapter is not compared with itself. */
function joined(params: Readonly<Record<string, string>>, without: readonly string[]): string {
  return Object.keys(params)
    .filter((name) => !without.includes(name))
    .sort()
    .map((name) => `${name}=${params[name]}`)
    .join('&')
}

/** Starts an Alipay on 127.0.0.1 with one application, whose books last as long as it runs. */
export async function startAlipayStandIn({
  appId = '2021000000000001',
  sellerId = '2088000000000001',
  appKeys = makeKeys(),
  alipayKeys = makeKeys(),
} = {}): Promise<AlipayStandIn> {
  const trades = new Map<string, AlipayTrade>()
  let how: Misbehaviour | null = null
  let count = 0
  const otherKeys = makeKeys()

  function act(call: StandInCall): StandInReply {
    if (call.path === '/gateway.do') return visitPage(call.query)
    const [status, answer] = actV3(call)
    return signed(status, how === 'wrong-json' ? '{"code":' : JSON.stringify(answer))
  }

  /** `alipay-timestamp\nalipay-nonce\nbody\n` (protocols.md 2.2). */
  function signed(status: number, body: string): StandInReply {
    const timestamp = String(Date.now())
    const nonce = `n${Math.floor(performance.now())}`
    const key = how === 'other-key' ? otherKeys.privateKey : alipayKeys.privateKey
    const signature = sign('sha256', Buffer.from(`${timestamp}\n${nonce}\n${body}\n`), key).toString('base64')
    const headers = {
      'content-type': 'application/json',
      'alipay-timestamp': timestamp,
      'alipay-nonce': nonce,
      'alipay-signature': signature,
    }
    if (how === 'unsigned') return { status, headers: { 'content-type': 'application/json' }, body }
    return { status, headers, body: how === 'other-body' ? `${body} ` : body }
  }

  type Answer = [number, object]

  function isOurs(call: StandInCall): boolean {
    const [scheme, rest = ''] = (call.headers.authorization ?? '').split(' ', 2)
    const at = rest.indexOf(',sign=')
    const parts = rest.slice(0, at)
    const named = new URLSearchParams(parts.replaceAll(',', '&'))
    const text = `${parts}\n${call.method}\n${call.target}\n${call.body}\n`
    return (
      scheme === 'ALIPAY-SHA256withRSA' &&
      named.get('app_id') === appId &&
      Math.abs(Date.now() - Number(named.get('timestamp'))) < 600_000 &&
      (named.get('nonce') ?? '') !== '' &&
      verify('sha256', Buffer.from(text), appKeys.publicKey, Buffer.from(rest.slice(at + 6), 'base64'))
    )
  }

  function actV3(call: StandInCall): Answer {
    if (how === 'refuses')
      return [400, { code: 'ACQ.ACCESS_FORBIDDEN', message: '无权限使用接口', links: [] }]
    if (how === 'system-error') return [400, { code: 'ACQ.SYSTEM_ERROR', message: '系统错误' }]
    if (how === 'echo') {
      const { authorization } = call.headers
      return [400, { code: 'INVALID_PARAMETER', message: `bad header ${authorization}\n${authorization}` }]
    }
    if (!isOurs(call)) return [401, { code: 'invalid-signature', message: '验签出错' }]
    const body = JSON.parse(call.body) as Record<string, string>
    if (call.path === '/v3/alipay/trade/precreate') return precreate(body)
    const trade = find(body)
    if (!trade || trade.status === 'unvisited')
      return [404, { code: 'ACQ.TRADE_NOT_EXIST', message: '交易不存在' }]
    if (call.path === '/v3/alipay/trade/query') return [200, show(trade)]
    if (call.path === '/v3/alipay/trade/close') return closeTrade(trade)
    if (call.path === '/v3/alipay/trade/refund') return payBack(trade, body)
    if (call.path === '/v3/alipay/trade/fastpay/refund/query') return showRefund(trade, body)
    return [404, { code: 'invalid-method', message: '不存在的方法名' }]
  }

  function open(content: Record<string, string>, urls: { notify: string; back: string }): AlipayTrade | null {
    const { out_trade_no = '', total_amount = '', subject = '', time_expire = '' } = content
    const isFine =
      /^\w{1,64}$/.test(out_trade_no) &&
      /^\d{1,9}\.\d\d$/.test(total_amount) &&
      Number(total_amount) > 0 &&
      subject !== '' &&
      Buffer.byteLength(subject) <= 256 &&
      !/[/=&]/.test(subject) &&
      // Beijing's wall clock, and not yet over.
      Date.parse(`${time_expire.replace(' ', 'T')}+08:00`) > Date.now()
    if (!isFine) return null
    count += 1
    const trade: AlipayTrade = {
      trade_no: `20261120220014${String(count).padStart(14, '0')}`,
      out_trade_no,
      total_amount,
      subject,
      notify_url: urls.notify,
      return_url: urls.back,
      status: 'unvisited',
      refunds: new Map(),
    }
    trades.set(out_trade_no, trade)
    return trade
  }

  function precreate(body: Record<string, string>): Answer {
    const trade = open(body, { notify: body.notify_url ?? '', back: '' })
    if (!trade) return [400, { code: 'ACQ.INVALID_PARAMETER', message: '参数无效' }]
    const out_trade_no = how === 'other-order' ? 'T_other' : trade.out_trade_no
    return [
      200,
      how === 'no-place' ? { out_trade_no } : { out_trade_no, qr_code: `https://qr.alipay.com/bax${count}` },
    ]
  }

  /** The payer's browser, at the first version of the interface. */
  function visitPage(query: URLSearchParams): StandInReply {
    const params = Object.fromEntries(query)
    const text = joined(params, ['sign'])
    const isTrue =
      params.app_id === appId &&
      params.sign_type === 'RSA2' &&
      params.method === 'alipay.trade.page.pay' &&
      verify('sha256', Buffer.from(text), appKeys.publicKey, Buffer.from(params.sign ?? '', 'base64'))
    const html = { 'content-type': 'text/html; charset=utf-8' }
    if (!isTrue) return { status: 400, headers: html, body: 'invalid-signature' }
    const content = JSON.parse(params.biz_content ?? '{}') as Record<string, string>
    const urls = { notify: params.notify_url ?? '', back: params.return_url ?? '' }
    const known = trades.get(content.out_trade_no ?? '')
    const trade = known ?? (content.product_code === 'FAST_INSTANT_TRADE_PAY' ? open(content, urls) : null)
    if (!trade) return { status: 400, headers: html, body: 'INVALID_PARAMETER' }
    if (trade.status === 'unvisited') trade.status = 'WAIT_BUYER_PAY'
    return { status: 200, headers: html, body: `pay ${trade.total_amount}` }
  }

  function find(body: Record<string, string>): AlipayTrade | undefined {
    if (body.trade_no) return [...trades.values()].find(({ trade_no }) => trade_no === body.trade_no)
    return trades.get(body.out_trade_no ?? '')
  }

  function show(trade: AlipayTrade): object {
    const { trade_no, total_amount, status } = trade
    const out_trade_no = how === 'other-order' ? 'T_other' : trade.out_trade_no
    return { trade_no, out_trade_no, total_amount, trade_status: status, buyer_logon_id: 'abc***@x.com' }
  }

  function closeTrade(trade: AlipayTrade): Answer {
    if (trade.status === 'TRADE_SUCCESS' || trade.status === 'TRADE_FINISHED')
      return [400, { code: 'ACQ.TRADE_STATUS_ERROR', message: '交易状态不合法' }]
    trade.status = 'TRADE_CLOSED'
    return [200, { trade_no: trade.trade_no, out_trade_no: trade.out_trade_no }]
  }

  function payBack(trade: AlipayTrade, body: Record<string, string>): Answer {
    const { out_request_no = '', refund_amount = '' } = body
    if (trade.refunds.has(out_request_no)) return [200, { ...show(trade), fund_change: 'N' }]
    if (trade.status !== 'TRADE_SUCCESS')
      return [400, { code: 'ACQ.TRADE_HAS_FINISHED', message: '交易已完结' }]
    if (refund_amount !== trade.total_amount)
      return [400, { code: 'ACQ.REFUND_AMT_NOT_EQUAL_TOTAL', message: '退款金额超限' }]
    if (how === 'refund-processing') return [200, { ...show(trade), fund_change: 'N' }]
    trade.refunds.set(out_request_no, refund_amount)
    trade.status = 'TRADE_CLOSED'
    return [200, { ...show(trade), fund_change: 'Y', refund_fee: refund_amount }]
  }

  function showRefund(trade: AlipayTrade, { out_request_no = '' }: Record<string, string>): Answer {
    const refund_amount = trade.refunds.get(out_request_no)
    const { trade_no, out_trade_no } = trade
    if (refund_amount === undefined) return [200, { trade_no, out_trade_no }]
    return [200, { trade_no, out_trade_no, out_request_no, refund_amount, refund_status: 'REFUND_SUCCESS' }]
  }

  // Notifications ------------------------------------------------------------------------------------------

  function notification(
    tradeNumber: string,
    { mutate, changes = {} }: { mutate?: AlipayMutation; changes?: Record<string, string> } = {},
  ): RawNotification {
    const trade = trades.get(tradeNumber)
    if (!trade) throw new Error(`the stand-in knows no trade ${tradeNumber}`)
    const { trade_no, out_trade_no, total_amount, subject } = trade
    const facts: Record<string, string> = {
      gmt_create: '2026-11-20 20:45:00',
      charset: 'utf-8',
      gmt_payment: '2026-11-20 20:45:12',
      notify_time: '2026-11-20 20:45:13',
      subject,
      buyer_id: '2088000000009999',
      invoice_amount: total_amount,
      version: '1.0',
      notify_id: `2026112000222${count}`,
      fund_bill_list: `[{"amount":"${total_amount}","fundChannel":"ALIPAYACCOUNT"}]`,
      notify_type: 'trade_status_sync',
      out_trade_no,
      total_amount,
      trade_status: 'TRADE_SUCCESS',
      trade_no,
      auth_app_id: appId,
      receipt_amount: total_amount,
      app_id: appId,
      seller_id: sellerId,
      ...changes,
    }
    const content = mutate ? { ...facts, ...CONTENT[mutate]?.(facts) } : facts
    const key =
      mutate === 'other-key'
        ? otherKeys.privateKey
        : mutate === 'app-key'
          ? appKeys.privateKey
          : alipayKeys.privateKey
    const isSha1 = mutate === 'sha1'
    const signature = sign(isSha1 ? 'sha1' : 'sha256', Buffer.from(joined(content, [])), key).toString(
      'base64',
    )
    const form = new URLSearchParams({ ...content, sign_type: isSha1 ? 'RSA' : 'RSA2', sign: signature })
    if (mutate) AFTERWARDS[mutate]?.(form)
    const post = { method: 'POST', query: '', headers: {} }
    const contentType = 'application/x-www-form-urlencoded; charset=utf-8'
    if (mutate === 'by-get')
      return { method: 'GET', query: form.toString(), contentType: '', body: '', headers: {} }
    if (mutate === 'as-json')
      return { ...post, contentType: 'application/json', body: JSON.stringify(Object.fromEntries(form)) }
    return { ...post, contentType, body: form.toString() }
  }

  const server = await startStandInServer(act, () => how)
  const secret = JSON.stringify({
    sellerId,
    privateKey: pemOf.privateKey(appKeys.privateKey),
    alipayPublicKey: pemOf.publicKey(alipayKeys.publicKey),
  })
  return {
    ...server,
    appId,
    account: { url: server.url, merchant: appId, secret, options: {} },
    privateKeyPem: pemOf.privateKey(appKeys.privateKey),
    alipayKeys,
    trades,
    misbehaves: (next) => {
      how = next
    },
    pay: (tradeNumber) => {
      const trade = trades.get(tradeNumber)
      if (!trade || trade.status === 'TRADE_CLOSED') throw new Error(`nobody can pay ${tradeNumber}`)
      trade.status = 'TRADE_SUCCESS'
    },
    notification,
  }
}

function moved(amount: string, fen: bigint): string {
  const sum = BigInt(amount.replace('.', '')) + fen
  return `${sum / 100n}.${(sum % 100n).toString().padStart(2, '0')}`
}

/** What a mutation changes before signing. */
const CONTENT: Partial<Record<AlipayMutation, (facts: Record<string, string>) => Record<string, string>>> = {
  'wrong-app': () => ({ app_id: '2021000000000009' }),
  'wrong-seller': () => ({ seller_id: '2088000000000009' }),
  'amount-more': ({ total_amount = '' }) => ({ total_amount: moved(total_amount, 1n) }),
  'amount-less': ({ total_amount = '' }) => ({ total_amount: moved(total_amount, -1n) }),
  'amount-exponent': () => ({ total_amount: '2e0' }),
  'amount-nan': () => ({ total_amount: 'NaN' }),
  'amount-negative': ({ total_amount = '' }) => ({ total_amount: `-${total_amount}` }),
  'amount-spaces': ({ total_amount = '' }) => ({ total_amount: ` ${total_amount}` }),
  closed: () => ({ trade_status: 'TRADE_CLOSED' }),
  waiting: () => ({ trade_status: 'WAIT_BUYER_PAY' }),
  'unknown-order': () => ({ out_trade_no: 'T_nobody_knows' }),
  'hidden-parameter': ({ subject = '' }) => ({ subject: `${subject}&total_amount=0.01` }),
  'paid-back': ({ total_amount = '' }) => ({ refund_fee: total_amount, gmt_refund: '2026-11-20 21:00:00.1' }),
}

/** What a mutation does to the signed form. */
const AFTERWARDS: Partial<Record<AlipayMutation, (form: URLSearchParams) => void>> = {
  'missing-sign': (form) => form.delete('sign'),
  'empty-sign': (form) => form.set('sign', ''),
  'no-sign-type': (form) => form.delete('sign_type'),
  'tampered-amount': (form) => form.set('total_amount', '0.01'),
  'tampered-order': (form) => form.set('out_trade_no', 'T_other'),
  'repeated-amount': (form) => form.append('total_amount', '0.01'),
  'repeated-sign': (form) => form.append('sign', form.get('sign') ?? ''),
}

/** Every way in which a notification is no payment of its order. */
export const ALIPAY_FORGERIES: readonly AlipayMutation[] = [
  'other-key',
  'app-key',
  'missing-sign',
  'empty-sign',
  'sha1',
  'no-sign-type',
  'tampered-amount',
  'tampered-order',
  'repeated-amount',
  'repeated-sign',
  'by-get',
  'as-json',
  'wrong-app',
  'wrong-seller',
  'amount-more',
  'amount-less',
  'amount-exponent',
  'amount-nan',
  'amount-negative',
  'amount-spaces',
  'closed',
  'waiting',
  'unknown-order',
  'hidden-parameter',
  'paid-back',
]
