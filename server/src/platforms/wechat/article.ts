import { Marked } from 'marked'

/** WeChat keeps no style sheets, only styles of elements. */
const STYLES: Readonly<Record<string, string>> = {
  p: 'margin:0 0 16px;font-size:16px;line-height:1.75;color:#333',
  h1: 'margin:28px 0 14px;font-size:22px;line-height:1.4;font-weight:700;color:#111',
  h2: 'margin:26px 0 12px;padding-left:10px;border-left:4px solid #07c160;font-size:19px;line-height:1.4;font-weight:700;color:#111',
  h3: 'margin:22px 0 10px;font-size:17px;line-height:1.4;font-weight:700;color:#111',
  ul: 'margin:0 0 16px;padding-left:22px;font-size:16px;line-height:1.75;color:#333',
  ol: 'margin:0 0 16px;padding-left:22px;font-size:16px;line-height:1.75;color:#333',
  blockquote: 'margin:0 0 16px;padding:10px 14px;background:#f6f7f8;border-left:3px solid #c8ccd0;color:#666',
  img: 'display:block;max-width:100%;margin:0 auto 16px;border-radius:4px',
  pre: 'margin:0 0 16px;padding:12px;background:#f6f7f8;overflow-x:auto;font-size:14px;line-height:1.6',
  table: 'margin:0 0 16px;border-collapse:collapse;font-size:14px',
  td: 'padding:6px 10px;border:1px solid #ddd',
  th: 'padding:6px 10px;border:1px solid #ddd;background:#f6f7f8',
}

const escapeHtml = (text: string): string =>
  text.replace(/[&<>"]/g, (one) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[one] ?? '&quot;')

/**
 * A text as the HTML of an article. Pictures are those of `addresses`, by the end of the address that the text
 * names; others are left out, because WeChat strips them. Those that the text does not show come at its end. HTML in
 * the text is text: an article has no use for it, and none of it is checked.
 */
export function renderArticle(markdown: string, addresses: ReadonlyMap<string, string>): string {
  const left = new Map(addresses)
  const picture = (address: string): string => `<p><img src="${escapeHtml(address)}"></p>`
  const marked = new Marked({
    gfm: true,
    breaks: true,
    renderer: {
      html: ({ text }) => escapeHtml(text),
      // Links to elsewhere do not work in an article of most accounts.
      link({ tokens }) {
        return this.parser.parseInline(tokens)
      },
      image: ({ href }) => {
        const [name, address] = [...addresses].find(([one]) => href.endsWith(one)) ?? []
        if (name === undefined || address === undefined) return ''
        left.delete(name)
        return `<img src="${escapeHtml(address)}">`
      },
    },
  })
  const html = marked.parse(markdown, { async: false })
  const all = [html.trim(), ...[...left.values()].map(picture)].join('\n')
  return all.replace(
    /<(p|h1|h2|h3|ul|ol|blockquote|img|pre|table|td|th)(?=[ >])/g,
    (tag, name: string) => `${tag} style="${STYLES[name]}"`,
  )
}
