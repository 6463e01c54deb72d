import { GatewayError, type PaymentReport } from '../../kernel/ports/gateway.ts'
import type { Answer } from '../shared/answer.ts'

/**
 * A transaction as WeChat tells it, in a notification or when asked. Its amount is whole fen and becomes decimal
 * yuan; what is no whole number of fen stays as it came, and is no amount to the kernel.
 */
export function readTransaction(appid: string, transaction: Answer): PaymentReport {
  const amount = transaction.nested('amount')
  const isPaid = transaction.text('trade_state') === 'SUCCESS'
  const currency = amount?.text('currency') || 'CNY'
  if (currency !== 'CNY') throw new GatewayError('malformed', 'wechat-pay tells of another currency than CNY')
  const mchid = transaction.text('mchid')
  const named = transaction.text('appid')
  return {
    tradeNumber: transaction.text('out_trade_no'),
    gatewayTrade: transaction.text('transaction_id'),
    // A merchant has many applications, and one key for all: the kernel refuses a stranger's.
    merchant: named === appid ? mchid : `${mchid} for ${named}`,
    amount: yuanOfFen(amount?.text('total') ?? ''),
    currency,
    isPaid,
  }
}

function yuanOfFen(total: string): string {
  if (!/^(0|[1-9]\d{0,10})$/.test(total)) return total === '' ? '' : `${total} fen`
  const digits = total.padStart(3, '0')
  return `${digits.slice(0, -2)}.${digits.slice(-2)}`
}
