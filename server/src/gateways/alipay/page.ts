import { type GatewayAccount, GatewayError, type GatewayOrder } from '../../kernel/ports/gateway.ts'
import { signRsa } from '../shared/rsa.ts'
import { beijingTime } from '../shared/texts.ts'
import { openKeys } from './account.ts'

/**
 * The signed address of Alipay's page for one order: nothing is called, the payer's browser brings the order there
 * (protocols.md 2.2, `alipay.trade.page.pay`). Parameters follow the first version of the interface, whose times
 * are Beijing's.
 */
export function pageUrl(
  account: GatewayAccount,
  order: Pick<GatewayOrder, 'notifyUrl' | 'returnUrl'>,
  content: Readonly<Record<string, string>>,
): string {
  const keys = openKeys(account, 'unavailable')
  const params: Record<string, string> = {
    app_id: account.merchant,
    method: 'alipay.trade.page.pay',
    format: 'JSON',
    charset: 'utf-8',
    sign_type: 'RSA2',
    timestamp: beijingTime(new Date()).replace('T', ' '),
    version: '1.0',
    notify_url: order.notifyUrl,
    return_url: order.returnUrl,
    biz_content: JSON.stringify({ ...content, product_code: 'FAST_INSTANT_TRADE_PAY' }),
    ...(keys.certificates && {
      app_cert_sn: keys.certificates.app,
      alipay_root_cert_sn: keys.certificates.root,
    }),
  }
  const filled = Object.entries(params).filter(([, value]) => value !== '')
  const signed = filled
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
  const url = URL.parse(`${account.url}/gateway.do`)
  if (!url) throw new GatewayError('unavailable', 'alipay: the address of the gateway is none')
  url.search = new URLSearchParams([...filled, ['sign', signRsa(signed, keys.privateKey)]]).toString()
  return url.href
}
