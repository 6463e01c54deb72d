import type { Gateway, GatewayAccount, PaymentReport, RawNotification } from '../../kernel/ports/gateway.ts'
import { GatewayError } from '../../kernel/ports/gateway.ts'
import { renderCashier } from './cashier-page.ts'
import { cashierUrl, forged, hmac, isSame, readCashierLink, yuan } from './link.ts'

/**
 * A gateway for trying a whole purchase on one machine: its cashier is a page of the site itself, so
 * `account.url` is the site's own public address. No money moves.
 */
export function createSandbox(): Gateway {
  return {
    name: 'sandbox',
    create: async (account, order) => ({
      payUrl: cashierUrl(account, order),
      qrCode: null,
      gatewayTrade: gatewayTrade(order.tradeNumber),
    }),
    // Nobody else keeps books here: what the cashier page decided came as a notification.
    query: async () => null,
    readNotification,
    answers: {
      taken: { status: 200, contentType: 'text/plain; charset=utf-8', body: 'success' },
      refused: { status: 400, contentType: 'text/plain; charset=utf-8', body: 'fail' },
    },
    refund: async () => {},
    cashier: {
      page: (account, visit, outcome) =>
        renderCashier({ ...readCashierLink(account, visit), ...(outcome && { outcome }) }),
      payment: (account, visit) => {
        const { tradeNumber, amountFen } = readCashierLink(account, visit)
        return signSandboxNotification(account, { tradeNumber, amount: yuan(amountFen), isPaid: true })
      },
    },
  }
}

function gatewayTrade(tradeNumber: string): string {
  return `sandbox-${tradeNumber}`
}

// Notifications --------------------------------------------------------------------------------------------

/** What the cashier page's buttons send through the same door as any gateway. `amount` is decimal yuan. */
export function signSandboxNotification(
  account: GatewayAccount,
  payment: { tradeNumber: string; amount: string; isPaid: boolean },
): RawNotification {
  if (account.secret === '') throw new GatewayError('unavailable', 'no sandbox secret is set')
  const body = JSON.stringify({ ...payment, merchant: account.merchant })
  const sign = hmac(account, 'notification', body)
  return { method: 'POST', query: `sign=${sign}`, contentType: 'application/json', body, headers: {} }
}

function readNotification(account: GatewayAccount, { query, body }: RawNotification): PaymentReport {
  const [sign = '', ...more] = new URLSearchParams(query).getAll('sign')
  if (account.secret === '' || more.length > 0 || !isSame(sign, hmac(account, 'notification', body))) {
    throw forged('this sandbox notification was not made here')
  }
  const { tradeNumber, amount, isPaid, merchant } = readBody(body)
  return {
    tradeNumber,
    gatewayTrade: gatewayTrade(tradeNumber),
    merchant,
    amount,
    currency: 'CNY',
    isPaid,
  }
}

function readBody(body: string): { tradeNumber: string; amount: string; isPaid: boolean; merchant: string } {
  const value: unknown = JSON.parse(body)
  if (
    typeof value === 'object' &&
    value !== null &&
    'tradeNumber' in value &&
    typeof value.tradeNumber === 'string' &&
    'amount' in value &&
    typeof value.amount === 'string' &&
    'isPaid' in value &&
    typeof value.isPaid === 'boolean' &&
    'merchant' in value &&
    typeof value.merchant === 'string'
  ) {
    return {
      tradeNumber: value.tradeNumber,
      amount: value.amount,
      isPaid: value.isPaid,
      merchant: value.merchant,
    }
  }
  // Signed by us and yet unreadable: `signSandboxNotification` is broken.
  throw new GatewayError('malformed', 'this sandbox notification is not complete')
}
