import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { RawNotification } from '../../src/kernel/ports/gateway.ts'

/** An order as the stand-in keeps it; names as on the wire. */
export type StandInOrder = {
  trade_no: string
  out_trade_no: string
  type: string
  name: string
  money: string
  notify_url: string
  return_url: string
  status: 0 | 1
  refunded: boolean
}

/**
 * Ways a notification can be wrong. Those that only a forger could send are signed wrongly; the others carry a
 * good signature over wrong content, as a confused gateway or a stolen key would send them.
 */
export type Mutation =
  | 'empty-key'
  | 'other-key'
  | 'key-undefined'
  | 'missing-sign'
  | 'empty-sign'
  | 'tampered-money'
  | 'wrong-pid'
  | 'money-more'
  | 'money-less'
  | 'money-exponent'
  | 'money-nan'
  | 'money-negative'
  | 'money-spaces'
  | 'repeated-money'
  | 'repeated-sign'
  | 'trade-closed'
  | 'unknown-order'
  | 'hidden-parameter'

export type NotifyOptions = { method?: 'GET' | 'POST'; mutate?: Mutation }

/**
 * How the next answers go wrong. `cut` and `hang` happen after the order was opened or refunded: from outside
 * nobody can tell. `html` and the codes happen before anything is done.
 */
export type Misbehaviour =
  | 'http-500'
  | 'http-429'
  | 'http-404'
  | 'hang'
  | 'cut'
  | 'slow'
  | 'bom'
  | 'html'
  | 'wrong-json'
  | 'empty'
  | 'redirect'
  | 'code-as-text'
  | 'relative-paths'
  | 'nested'
  | 'trade-status'
  | 'other-order'
  | 'no-links'
  | 'bad-links'
  | 'o-id'
  | 'echo-key'
  | 'query-string-only'
  | 'finds-by-own-number-only'
  | 'finds-by-trade-no-only'
  | 'refuses'

export type StandInRequest = { method: string; path: string; query: string; form: Record<string, string> }

export type EpayStandIn = {
  url: string
  pid: string
  key: string
  orders: Map<string, StandInOrder>
  /** Everything that was asked, in order. */
  requests: StandInRequest[]
  /** Holds for all scripts until changed. */
  misbehaves: (how: Misbehaviour | null) => void
  /** The payer pays; nobody is told yet. */
  pay: (tradeNumber: string) => void
  /** Builds one notification without sending it. */
  notification: (tradeNumber: string, options?: NotifyOptions) => RawNotification
  /** Sends it to the order's notify_url, `times` at once, and gives the answers. */
  notify: (
    tradeNumber: string,
    options?: NotifyOptions & { times?: number; to?: string },
  ) => Promise<{ status: number; body: string }[]>
  close: () => Promise<void>
}

/** Signs on its own, by the document, so that the adapter is not compared with itself. */
function md5Sign(params: Record<string, string>, key: string): string {
  const names = Object.keys(params)
    .filter((name) => !['sign', 'sign_type'].includes(name) && params[name])
    .sort()
  const text = names.map((name) => `${name}=${params[name]}`).join('&')
  return createHash('md5')
    .update(text + key)
    .digest('hex')
}

/** Starts an epay on 127.0.0.1 with one merchant, whose books last as long as it runs. */
export async function startEpayStandIn({
  pid = '1001',
  key = 'stand-in-key-0123456789abcdefghi',
} = {}): Promise<EpayStandIn> {
  const orders = new Map<string, StandInOrder>()
  const requests: StandInRequest[] = []
  let how: Misbehaviour | null = null
  let count = 0

  const server = createServer((request, response) => {
    readRequest(request)
      .then((asked) => {
        requests.push(asked)
        return handle(asked, response)
      })
      .catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  async function handle(asked: StandInRequest, response: ServerResponse): Promise<void> {
    const early = how ? EARLY[how] : undefined
    if (early) return early(response)
    const query = Object.fromEntries(new URLSearchParams(asked.query))
    const form = how === 'query-string-only' ? query : { ...query, ...asked.form }
    const answer = act(asked.path, form)
    if (how === 'cut') return void response.destroy()
    if (how === 'hang') return
    if (how === 'slow') await new Promise((resolve) => setTimeout(resolve, 150))
    response.setHeader('content-type', 'text/html; charset=utf-8')
    response.end(how === 'bom' ? `\u{feff}\u{feff}\n${JSON.stringify(answer)}` : JSON.stringify(answer))
  }

  function act(path: string, form: Record<string, string>): object {
    if (how === 'refuses') return { code: -1, msg: '通道维护中' }
    if (how === 'echo-key') return { code: -1, msg: `bad request: key=${key}\nsee line 2` }
    if (path === '/mapi.php') return openOrder(form)
    if (path === '/submit.php') return openOrder(form)
    if (path === '/api.php' && form.act === 'order') return showOrder(form)
    if (path === '/api.php' && form.act === 'refund') return payBack(form)
    return { code: -5, msg: 'No Act!' }
  }

  function openOrder(form: Record<string, string>): object {
    if (form.pid !== pid) return { code: -1, msg: '商户不存在' }
    if (form.sign !== md5Sign(form, key)) return { code: -1, msg: '签名校验失败' }
    const { out_trade_no = '', name = '', money = '', type = '', notify_url = '', return_url = '' } = form
    if (!out_trade_no || !name || !notify_url) return { code: -1, msg: '参数不完整' }
    if (!/^\d+(\.\d{1,2})?$/.test(money) || Number(money) <= 0) return { code: -1, msg: '金额不合法' }
    if (Buffer.byteLength(name) > 127) return { code: -1, msg: '商品名称过长' }
    count += 1
    // Longer than a double holds: a reader who parses it as a number loses digits.
    const trade_no = `20261120204500${String(count).padStart(5, '0')}`
    const order = { trade_no, out_trade_no, type, name, money, notify_url, return_url }
    orders.set(out_trade_no, { ...order, status: 0, refunded: false })
    return { code: how === 'code-as-text' ? '1' : 1, msg: '', ...links(trade_no) }
  }

  function links(trade_no: string): object {
    const payurl = `${url}/pay/${trade_no}`
    const qrcode = `weixin://wxpay/bizpayurl?pr=${trade_no}`
    if (how === 'relative-paths') return { trade_no, payurl: `/pay/${trade_no}`, qrcode: `/qr/${trade_no}` }
    if (how === 'o-id') return { O_id: trade_no, payurl2: payurl }
    if (how === 'no-links') return { trade_no }
    if (how === 'bad-links')
      return { trade_no, payurl: 'javascript:alert(1)', urlscheme: 'file:///etc/passwd' }
    return { trade_no, payurl, qrcode }
  }

  function find(form: Record<string, string>): StandInOrder | undefined {
    if (form.trade_no && how !== 'finds-by-own-number-only') {
      return [...orders.values()].find((order) => order.trade_no === form.trade_no)
    }
    return how === 'finds-by-trade-no-only' ? undefined : orders.get(form.out_trade_no ?? '')
  }

  /** The scripts of the api take the key, or a signature in its place. */
  function isMerchant(form: Record<string, string>): boolean {
    return form.pid === pid && (form.key === key || form.sign === md5Sign(form, key))
  }

  function showOrder(form: Record<string, string>): object {
    if (!isMerchant(form)) return { code: -3, msg: '商户ID或密钥错误' }
    const order = find(form)
    if (!order) return { code: -1, msg: '订单号不存在' }
    const { notify_url: _, return_url: __, refunded: ___, status, ...shown } = order
    const out_trade_no = how === 'other-order' ? 'T_other' : order.out_trade_no
    const facts = { ...shown, out_trade_no, pid: Number(pid), addtime: '2026-11-20 20:45:00', endtime: '' }
    if (how === 'nested') return { code: 1, msg: 'ok', data: { ...facts, status: String(status) } }
    if (how === 'trade-status') {
      return { code: 1, msg: 'ok', ...facts, trade_status: status ? 'TRADE_SUCCESS' : 'WAIT_BUYER_PAY' }
    }
    return { code: 1, msg: '查询订单号成功！', ...facts, status }
  }

  function payBack(form: Record<string, string>): object {
    if (!isMerchant(form)) return { code: -3, msg: '商户ID或密钥错误' }
    const order = find(form)
    if (!order) return { code: -1, msg: '订单编号不存在！' }
    if (order.status !== 1) return { code: -1, msg: '订单未支付' }
    if (order.refunded) return { code: -1, msg: '该订单已全额退款' }
    if (form.money !== order.money) return { code: -1, msg: '退款金额不正确' }
    order.refunded = true
    return { code: 1, msg: '退款成功' }
  }

  function orderOf(tradeNumber: string): StandInOrder {
    const order = orders.get(tradeNumber)
    if (!order) throw new Error(`the stand-in knows no order ${tradeNumber}`)
    return order
  }

  const standIn: EpayStandIn = {
    url,
    pid,
    key,
    orders,
    requests,
    misbehaves: (next) => {
      how = next
    },
    pay: (tradeNumber) => {
      orderOf(tradeNumber).status = 1
    },
    notification: (tradeNumber, options = {}) => {
      const { trade_no, out_trade_no, type, name, money } = orderOf(tradeNumber)
      const facts = {
        pid,
        trade_no,
        out_trade_no,
        type,
        name,
        money,
        trade_status: 'TRADE_SUCCESS',
        param: '',
      }
      const text = encode(facts, key, options.mutate)
      return options.method === 'POST'
        ? {
            method: 'POST',
            query: '',
            contentType: 'application/x-www-form-urlencoded',
            body: text,
            headers: {},
          }
        : { method: 'GET', query: text, contentType: '', body: '', headers: {} }
    },
    notify: async (tradeNumber, { times = 1, to, ...options } = {}) => {
      const { method, query, contentType, body } = standIn.notification(tradeNumber, options)
      const target = `${to ?? orderOf(tradeNumber).notify_url}${query ? `?${query}` : ''}`
      const send = async (): Promise<{ status: number; body: string }> => {
        const form = method === 'POST' ? { headers: { 'content-type': contentType }, body } : {}
        const reply = await fetch(target, { method, ...form, redirect: 'manual' })
        return { status: reply.status, body: await reply.text() }
      }
      return Promise.all(Array.from({ length: times }, send))
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return standIn
}

/** Misbehaviour that needs no look at the request. */
const EARLY: Partial<Record<Misbehaviour, (response: ServerResponse) => void>> = {
  'http-500': (response) => void response.writeHead(500).end('<h1>Internal Server Error</h1>'),
  'http-429': (response) => void response.writeHead(429).end('slow down'),
  'http-404': (response) => void response.writeHead(404).end('{"message":"Not Found"}'),
  html: (response) => void response.end('<!doctype html><title>安全验证</title>'),
  'wrong-json': (response) => void response.end('{"code":1,"msg":'),
  empty: (response) => void response.end(),
  redirect: (response) => void response.writeHead(301, { location: 'https://pay.example.com/' }).end(),
}

const HUNDREDTH = 1n

function moved(money: string, fen: bigint): string {
  const amount = BigInt(money.replace('.', '')) + fen
  return `${amount / 100n}.${(amount % 100n).toString().padStart(2, '0')}`
}

/** What a mutation changes before signing. */
const CONTENT: Partial<Record<Mutation, (facts: Record<string, string>) => Record<string, string>>> = {
  'wrong-pid': () => ({ pid: '2002' }),
  'money-more': ({ money = '' }) => ({ money: moved(money, HUNDREDTH) }),
  'money-less': ({ money = '' }) => ({ money: moved(money, -HUNDREDTH) }),
  'money-exponent': () => ({ money: '1e2' }),
  'money-nan': () => ({ money: 'NaN' }),
  'money-negative': ({ money = '' }) => ({ money: `-${money}` }),
  'money-spaces': ({ money = '' }) => ({ money: ` ${money}` }),
  'trade-closed': () => ({ trade_status: 'TRADE_CLOSED' }),
  'unknown-order': () => ({ out_trade_no: 'T_nobody_knows' }),
  'hidden-parameter': ({ name = '' }) => ({ name: `${name}&out_trade_no=T_other` }),
}

const KEYS: Partial<Record<Mutation, string>> = {
  'empty-key': '',
  'other-key': 'another-key-0123456789abcdefghij',
  'key-undefined': 'undefined',
}

/** What a mutation does to the signed text. */
const AFTERWARDS: Partial<Record<Mutation, (form: URLSearchParams) => void>> = {
  'missing-sign': (form) => form.delete('sign'),
  'empty-sign': (form) => form.set('sign', ''),
  'tampered-money': (form) => form.set('money', '0.01'),
  'repeated-money': (form) => form.append('money', '0.01'),
  'repeated-sign': (form) => form.append('sign', '0'.repeat(32)),
}

function encode(facts: Record<string, string>, key: string, mutate?: Mutation): string {
  const content = mutate ? { ...facts, ...CONTENT[mutate]?.(facts) } : facts
  const sign = md5Sign(content, (mutate && KEYS[mutate]) ?? key)
  const form = new URLSearchParams({ ...content, sign, sign_type: 'MD5' })
  if (mutate) AFTERWARDS[mutate]?.(form)
  return form.toString()
}

async function readRequest(request: IncomingMessage): Promise<StandInRequest> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  const { pathname, search } = new URL(request.url ?? '/', 'http://stand.in')
  const form = Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString()))
  return { method: request.method ?? '', path: pathname, query: search.slice(1), form }
}
