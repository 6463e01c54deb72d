import type { CashierOutcome } from '../../kernel/ports/gateway.ts'
import { type CashierLink, yuan } from './link.ts'

export type CashierPage = CashierLink & {
  /** Without one the page asks; with one it tells. */
  outcome?: CashierOutcome
}

const METHODS: Readonly<Record<string, string>> = {
  alipay: '支付宝',
  wxpay: '微信支付',
  wechat: '微信支付',
  qqpay: 'QQ钱包',
  bank: '银行卡',
}

const RESULTS: Readonly<Record<CashierOutcome, { mark: string; title: string; text: string }>> = {
  paid: { mark: '✓', title: '支付成功', text: '这是一笔模拟支付，没有产生真实扣款。' },
  cancelled: { mark: '!', title: '已取消支付', text: '订单尚未支付，可以返回商户，或者重新支付。' },
  closed: { mark: '×', title: '订单已关闭', text: '该订单已过期或已处理，无法再次支付。' },
}

/**
 * The sandbox cashier as a complete page in Chinese. It needs no script and nothing from elsewhere: the
 * buttons post `outcome=paid` or `outcome=cancelled` as a form to the page's own address, query included.
 */
export function renderCashier(page: CashierPage): string {
  const title = page.outcome ? RESULTS[page.outcome].title : '收银台'
  return `<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'">
<title>${title} · 沙箱</title>
<style>${STYLE}</style>
</head>
<body>
<p class="banner">沙箱收银台 · 不会产生真实扣款</p>
<main>
${page.outcome ? renderResult(page, page.outcome) : renderChoice(page)}
</main>
<footer>仅供本机试用购买流程，正式收款请配置支付网关</footer>
</body>
</html>
`
}

function renderChoice(page: CashierPage): string {
  return `<p class="label">应付金额</p>
${renderAmount(page)}
${renderDetails(page)}
<form method="post">
<button class="pay" name="outcome" value="paid">确认支付（模拟）</button>
<button class="cancel" name="outcome" value="cancelled">取消支付</button>
</form>`
}

function renderResult(page: CashierPage, outcome: CashierOutcome): string {
  const { mark, title, text } = RESULTS[outcome]
  const back = webAddress(page.returnUrl)
  return `<p class="mark ${outcome}" aria-hidden="true">${mark}</p>
<h1>${title}</h1>
<p class="text">${text}</p>
${outcome === 'paid' ? renderAmount(page) : ''}
${renderDetails(page)}
${back ? `<a class="pay" href="${escapeHtml(back)}">返回商户</a>` : '<p class="text">可以关闭此页面</p>'}
${outcome === 'cancelled' ? '<a class="cancel" href="">重新支付</a>' : ''}`
}

function renderAmount(page: CashierPage): string {
  const [whole = '0', fraction = '00'] = yuan(page.amountFen).split('.')
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',')
  return `<p class="amount"><span>¥</span>${grouped}<small>.${fraction}</small></p>`
}

function renderDetails(page: CashierPage): string {
  const method = Object.hasOwn(METHODS, page.method) ? METHODS[page.method] : page.method
  const rows = [
    ['商品', page.name],
    ['订单号', page.tradeNumber],
    ['支付方式', method || '任意'],
  ]
  const list = rows.map(([term, detail]) => `<div><dt>${term}</dt><dd>${escapeHtml(detail ?? '')}</dd></div>`)
  return `<dl>${list.join('')}</dl>`
}

/** A signed link still says what somebody else chose: only web addresses become links. */
function webAddress(text: string): string | null {
  const url = URL.parse(text)
  return url && (url.protocol === 'https:' || url.protocol === 'http:') ? url.href : null
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
}

const STYLE = `
:root{--ground:#f3f1ec;--card:#fff;--ink:#1f2328;--soft:#6b7280;--line:#e7e4dc;--accent:#1f6feb;--press:#1a5fcc}
@media (prefers-color-scheme:dark){:root{--ground:#15171a;--card:#1f2226;--ink:#e9eaec;--soft:#9aa1ab;--line:#31353b;--accent:#3b82f6;--press:#2f6fd8}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:flex;flex-direction:column;align-items:center;background:var(--ground);color:var(--ink);font:16px/1.6 system-ui,-apple-system,"PingFang SC","Microsoft YaHei","Noto Sans CJK SC","Noto Sans SC",sans-serif}
.banner{width:100%;margin:0;padding:10px 16px;text-align:center;font-weight:600;letter-spacing:.04em;color:#7a4b00;background:repeating-linear-gradient(-45deg,#ffe9b8 0 14px,#ffe2a1 14px 28px);border-bottom:1px solid #f2cd7c}
main{width:calc(100% - 32px);max-width:420px;margin:auto 0;padding:36px 32px 32px;text-align:center;background:var(--card);border:1px solid var(--line);border-radius:16px;box-shadow:0 12px 32px rgb(0 0 0/.06)}
h1{margin:12px 0 4px;font-size:22px}
.label{margin:0;color:var(--soft);font-size:14px}
.text{margin:0;color:var(--soft);font-size:14px}
.amount{margin:6px 0 24px;font-size:52px;font-weight:700;line-height:1.15;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.amount span{margin-right:4px;font-size:.5em;font-weight:600;vertical-align:.35em}
.amount small{font-size:.55em}
.text+.amount{margin-top:20px;font-size:40px}
.text+dl{margin-top:24px}
dl{margin:0 0 28px;padding:6px 0;border-top:1px solid var(--line);border-bottom:1px solid var(--line);text-align:left;font-size:14px}
dl div{display:flex;gap:24px;justify-content:space-between;padding:8px 0}
dt{flex:none;color:var(--soft)}
dd{margin:0;text-align:right;overflow-wrap:anywhere}
button,a{display:block;width:100%;padding:13px 16px;border-radius:10px;border:1px solid transparent;font:inherit;font-weight:600;text-align:center;text-decoration:none;cursor:pointer}
.pay{color:#fff;background:var(--accent)}
.pay:hover{background:var(--press)}
.cancel{margin-top:12px;color:var(--soft);background:none;border-color:var(--line)}
.cancel:hover{color:var(--ink)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.mark{width:64px;height:64px;margin:0 auto;border-radius:50%;font-size:34px;font-weight:700;line-height:64px;color:#fff}
.mark.paid{background:#1f9d55}
.mark.cancelled{background:#d08700}
.mark.closed{background:#8b929c}
footer{padding:20px 16px;color:var(--soft);font-size:13px;text-align:center}
@media (max-width:400px){main{padding:28px 20px 24px}.amount{font-size:44px}}
`
