import { toString as toQrCode } from 'qrcode'
import type { Handoff } from '../kernel/publishing/handoff.ts'
import { hashtags } from './handoff-package.ts'

/**
 * The hand-off as a complete page in Chinese, for a phone first: save the files, copy the words, post, paste the
 * link. It needs nothing from elsewhere, and without script only the copy buttons are missing.
 *
 * @param nonce what the page's policy lets its own style and script run by.
 * @param refused what was pasted and held no link to the platform.
 */
export async function renderHandoff(handoff: Handoff, nonce: string, refused?: string): Promise<string> {
  const { guide, postUrl } = handoff
  const side = postUrl === null ? await renderQrCode(handoff) : ''
  const main = postUrl === null ? renderSteps(handoff, refused) : renderDone(handoff, postUrl)
  return renderPage(
    `发布到${guide.name}`,
    nonce,
    `<header><div class="in"><span class="badge">${escapeHtml(guide.name)}</span><p class="until">${postUrl === null ? `链接 ${day(handoff.expiresAt)} 前有效` : '已完成'}</p></div></header>
<div class="in grid${postUrl === null ? '' : ' one'}"><main>${main}</main>${side}</div>
<footer>此页面仅凭链接访问，请勿转发给他人</footer>
<script nonce="${nonce}">${SCRIPT}</script>`,
  )
}

/** For an address that leads nowhere, or no longer. */
export function renderNoHandoff(nonce: string): string {
  return renderPage(
    '链接已失效',
    nonce,
    `<div class="in grid one"><main><section class="card end"><p class="mark off" aria-hidden="true">!</p>
<h1>链接不存在或已过期</h1><p class="soft">请回到创作平台，在“发布历史”中重新发布，获取新的链接。</p></section></main></div>`,
  )
}

function renderPage(title: string, nonce: string, body: string): string {
  return `<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
<style nonce="${nonce}">${STYLE}</style>
</head>
<body>
${body}
</body>
</html>
`
}

function renderSteps(handoff: Handoff, refused: string | undefined): string {
  const { guide, title, body, tags, files, token } = handoff
  const isClip = files.some(({ mediaType }) => mediaType.startsWith('video/'))
  const unnamed = tags.filter((tag) => !body.includes(`#${tag}`))
  const words = [title, body, hashtags(unnamed)].filter((one) => one !== '').join('\n\n')
  const steps: [string, string, string][] = [
    ['media', isClip ? '保存视频' : '保存图片', files.length === 0 ? '' : renderFiles(handoff, isClip)],
    [
      'words',
      '复制文案',
      `${renderField('title', '标题', title, guide.longestTitle)}${renderField('body', '正文', body, guide.longestBody)}${renderField('tags', '话题', hashtags(tags), null)}
<button type="button" class="wide" data-copy-text="${escapeHtml(words)}">复制全部文案</button>`,
    ],
    [
      'post',
      `去${guide.name}发布`,
      `<p class="soft">在${escapeHtml(guide.name)} App 或创作者页面新建作品，选择刚保存的${isClip ? '视频' : '图片'}，粘贴文案后发布。</p>
<a class="button main" href="${escapeHtml(guide.authorUrl)}" target="_blank" rel="noopener noreferrer">打开${escapeHtml(guide.name)}创作页面</a>`,
    ],
    ['link', '填写作品链接', renderForm(handoff, refused)],
  ]
  const shown = steps.filter(([, , content]) => content !== '')
  return `<section class="intro"><h1>发布到${escapeHtml(guide.name)}</h1>
<p class="soft">${escapeHtml(guide.name)}暂不支持由第三方直接发布这类作品。跟着下面 ${shown.length} 步，一分钟即可手动完成。</p>
<a class="button" href="/handoff/${token}/package.zip" download>下载素材包（ZIP）</a></section>
${shown.map(([id, name, content], index) => `<section class="card" id="${id}"><h2><span class="number">${index + 1}</span>${escapeHtml(name)}</h2>${content}</section>`).join('\n')}`
}

function renderFiles({ files, guide }: Handoff, isClip: boolean): string {
  const most = guide.mostPictures
  const note =
    !isClip && most !== null && files.length > most
      ? `<p class="warn">${escapeHtml(guide.name)}最多 ${most} 张图片，请选择其中 ${most} 张。</p>`
      : ''
  const items = files.map(({ storeKey, mediaType }, index) => {
    const address = `/files/${storeKey}`
    const shown = mediaType.startsWith('video/')
      ? `<video src="${address}" controls playsinline preload="metadata"></video>`
      : `<img src="${address}" alt="第 ${index + 1} 张" loading="lazy">`
    return `<li>${shown}<a class="save" href="${address}" download="${String(index + 1).padStart(2, '0')}">${isClip ? '保存视频' : `保存第 ${index + 1} 张`}</a></li>`
  })
  const hint = isClip ? '手机上点“保存视频”，或长按视频保存。' : '手机上长按图片即可存入相册；请按顺序选择。'
  return `<p class="soft">${hint}</p>${note}<ul class="files${items.length === 1 ? ' single' : items.length === 2 || items.length === 4 ? ' pairs' : ''}">${items.join('')}</ul>`
}

/** On a phone, where a field that is too low would have to be scrolled inside the page. */
const CHARACTERS_A_LINE = 18

function renderField(id: string, label: string, text: string, longest: number | null): string {
  if (text === '') return ''
  const length = [...text].length
  const isLong = longest !== null && length > longest
  const count =
    longest === null ? '' : `<span class="count${isLong ? ' over' : ''}">${length} / ${longest} 字</span>`
  const lines = text.split('\n').map((line) => Math.max(1, Math.ceil([...line].length / CHARACTERS_A_LINE)))
  const rows = Math.min(
    12,
    lines.reduce((sum, one) => sum + one, 0),
  )
  return `<div class="field"><div class="row"><label for="${id}-text">${label}</label>${count}<button type="button" class="copy" data-copy="${id}-text">复制</button></div>
<textarea id="${id}-text" rows="${rows}" readonly>${escapeHtml(text)}</textarea>${isLong ? `<p class="warn">超过平台上限，请在粘贴后精简。</p>` : ''}</div>`
}

function renderForm({ token, guide }: Handoff, refused: string | undefined): string {
  const error =
    refused === undefined
      ? ''
      : `<p class="warn" id="link-error" role="alert">没有找到${escapeHtml(guide.name)}的作品链接，请在 App 中点“分享 → 复制链接”后粘贴。</p>`
  return `<p class="soft">发布后把作品链接粘贴到这里，发布记录会更新为“已发布”。</p>
<form method="post" action="/handoff/${token}">
<textarea name="link" rows="2" maxlength="2000" required aria-label="作品链接" placeholder="粘贴作品链接或分享文案"${error ? ' aria-invalid="true" aria-describedby="link-error"' : ''}>${escapeHtml(refused ?? '')}</textarea>${error}
<button class="wide main">我已发布，完成</button>
</form>`
}

function renderDone({ guide, title }: Handoff, postUrl: string): string {
  return `<section class="card end"><p class="mark" aria-hidden="true">✓</p><h1>已发布到${escapeHtml(guide.name)}</h1>
<p class="soft">${escapeHtml(title)}</p>
<a class="button main" href="${escapeHtml(postUrl)}" target="_blank" rel="noopener noreferrer">查看作品</a>
<p class="soft">可以关闭此页面了。</p></section>`
}

async function renderQrCode({ url, guide }: Handoff): Promise<string> {
  const svg = await toQrCode(url, { type: 'svg', margin: 0, errorCorrectionLevel: 'M' })
  return `<aside class="card"><h2>用手机继续</h2><div class="qr" role="img" aria-label="本页面的二维码">${svg}</div>
<p class="soft">用手机相机或微信扫码打开本页，在手机上保存素材并打开${escapeHtml(guide.name)} App 发布。</p></aside>`
}

const ZONE_MS = 8 * 3_600_000

/** A day in UTC+8, such as 11月25日. */
function day(time: Date): string {
  const local = new Date(time.getTime() + ZONE_MS)
  return `${local.getUTCMonth() + 1}月${local.getUTCDate()}日`
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

/** Copies a field; on a page without TLS, as in a home network, browsers have no clipboard but the old command. */
const SCRIPT = `
const select=(area)=>{area.focus({preventScroll:true});area.select();area.setSelectionRange(0,area.value.length)}
const old=(text)=>{const area=document.createElement('textarea');area.value=text;area.className='off-screen';document.body.append(area);select(area);const done=document.execCommand('copy');area.remove();return done}
const copy=async(text)=>{try{await navigator.clipboard.writeText(text);return true}catch{return old(text)}}
document.addEventListener('click',async(event)=>{
  const button=event.target.closest('[data-copy],[data-copy-text]');if(!button)return
  const area=button.dataset.copy&&document.getElementById(button.dataset.copy)
  const done=await copy(area?area.value:button.dataset.copyText)
  if(!done&&area)select(area)
  const label=button.dataset.label??=button.textContent
  button.textContent=done?'已复制 ✓':'请长按复制';button.classList.toggle('did',done)
  clearTimeout(button.timer);button.timer=setTimeout(()=>{button.textContent=label;button.classList.remove('did')},1800)
})
document.documentElement.classList.add('script')
`

const STYLE = `
:root{--ground:#f4f2ee;--card:#fff;--ink:#1d2126;--soft:#68707b;--line:#e6e2da;--field:#faf9f7;--accent:#d6453d;--press:#b93830;--good:#1f8f4e;--warn:#a85400;--tint:#fdeeec}
@media (prefers-color-scheme:dark){:root{--ground:#141619;--card:#1e2125;--ink:#e9eaec;--soft:#9ba2ac;--line:#30343a;--field:#17191c;--accent:#e0574f;--press:#c94740;--good:#37b26c;--warn:#e0a04f;--tint:#3a2422}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.6 system-ui,-apple-system,"PingFang SC","Microsoft YaHei","Noto Sans CJK SC","Noto Sans SC",sans-serif;-webkit-text-size-adjust:100%}
.in{width:100%;max-width:1000px;margin:0 auto;padding:0 16px}
header{position:sticky;top:0;z-index:1;background:var(--card);border-bottom:1px solid var(--line)}
header .in{display:flex;align-items:center;justify-content:space-between;height:52px}
.badge{padding:3px 12px;border-radius:99px;background:var(--tint);color:var(--accent);font-size:14px;font-weight:700}
.until{margin:0;color:var(--soft);font-size:13px}
.grid{display:grid;gap:16px;padding-top:20px;padding-bottom:8px}
main{display:grid;gap:16px;min-width:0}
h1{margin:0 0 6px;font-size:24px;line-height:1.3;letter-spacing:-.01em}
h2{display:flex;align-items:center;gap:10px;margin:0 0 12px;font-size:17px;line-height:1.4}
.number{flex:none;width:26px;height:26px;border-radius:50%;background:var(--accent);color:#fff;font-size:14px;line-height:26px;text-align:center}
.soft{margin:0 0 12px;color:var(--soft);font-size:14px}
.card{min-width:0;padding:20px;background:var(--card);border:1px solid var(--line);border-radius:16px;box-shadow:0 1px 2px rgb(0 0 0/.03)}
.intro .soft{margin-bottom:14px}
.files{display:grid;grid-template-columns:repeat(auto-fill,minmax(130px,1fr));gap:12px;margin:0;padding:0;list-style:none}
@media (max-width:520px){.files{grid-template-columns:repeat(3,1fr)}.files.pairs{grid-template-columns:1fr 1fr}}
.files.single{grid-template-columns:minmax(0,340px)}
.files img,.files video{display:block;width:100%;border-radius:10px;background:var(--field);border:1px solid var(--line)}
.files img{aspect-ratio:1;object-fit:cover}
.files.single img{aspect-ratio:auto;max-height:420px;object-fit:contain}
.save{display:block;padding:6px 0;color:var(--accent);font-size:14px;font-weight:600;text-align:center;text-decoration:none}
.field{margin-bottom:14px}
.row{display:flex;align-items:center;gap:8px;margin-bottom:6px;font-size:14px}
.row label{font-weight:600}
.count{color:var(--soft);font-size:13px;font-variant-numeric:tabular-nums}
.count.over,.warn{color:var(--warn)}
.warn{margin:6px 0 0;font-size:14px}
textarea{display:block;width:100%;padding:10px 12px;border:1px solid var(--line);border-radius:10px;background:var(--field);color:inherit;font:inherit;font-size:15px;line-height:1.6;resize:vertical;field-sizing:content;max-height:60vh}
form textarea{font-size:16px;background:var(--card)}
button,.button{display:inline-block;padding:11px 18px;border:1px solid var(--line);border-radius:10px;background:var(--card);color:inherit;font:inherit;font-size:15px;font-weight:600;line-height:1.4;text-align:center;text-decoration:none;cursor:pointer}
button:hover,.button:hover{border-color:var(--soft)}
.copy{display:none;margin-left:auto;padding:5px 14px;font-size:13px}
.wide{width:100%}
[data-copy-text]{display:none}
.script .copy,.script [data-copy-text]{display:block}
.main.button,button.main{border-color:transparent;background:var(--accent);color:#fff}
.main.button:hover,button.main:hover{background:var(--press)}
.did{border-color:var(--good);color:var(--good)}
form button{margin-top:12px}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
aside{display:none;text-align:center}
aside h2{justify-content:center}
.qr{width:200px;margin:0 auto 14px;padding:14px;border-radius:12px;background:#fff;border:1px solid var(--line)}
.qr svg{display:block;width:100%;height:auto}
aside .soft{margin:0}
.card.end{padding:48px 24px;text-align:center}
.mark{width:64px;height:64px;margin:0 auto 14px;border-radius:50%;background:var(--good);color:#fff;font-size:32px;font-weight:700;line-height:64px}
.mark.off{background:#8b929c}
.end .button{margin:6px 0 14px}
.off-screen{position:fixed;left:-999px;top:0}
footer{padding:16px;color:var(--soft);font-size:13px;text-align:center}
@media (max-width:799px){.intro .button,.card .button{display:block}}
@media (min-width:800px){.grid{grid-template-columns:minmax(0,1fr) 280px;gap:24px;padding-top:32px}.grid.one{grid-template-columns:minmax(0,560px);justify-content:center}aside{display:block;position:sticky;top:84px;align-self:start}.card{padding:24px}.card.end{padding:64px 32px}h1{font-size:28px}}
`
