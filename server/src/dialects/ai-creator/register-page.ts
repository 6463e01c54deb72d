import { readFile } from 'node:fs/promises'
import type { Page } from '../../http/dialect.ts'

/** A referral's link leads here: a form that opens an account by the API, and says where to log in. */
const page: Page = {
  path: '/register',
  contentType: 'text/html; charset=utf-8',
  render: ({ query, root }) => {
    // A code has letters and digits alone, so what is left needs no escaping.
    const code = (query.ref ?? '')
      .toUpperCase()
      .replace(/[^A-Z0-9]/g, '')
      .slice(0, 16)
    return `<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<title>注册 · AI创作平台</title>
<link rel="stylesheet" href="${root}register/page.css">
<script type="module" src="${root}register/page.js"></script>
</head>
<body>
<main>
<header>
<p class="brand" aria-hidden="true">AI创作平台</p>
<h1>创建账号</h1>
<p class="lead">写文章、画图、做视频和PPT，一个账号就够。</p>
</header>
${code ? `<p class="invited">您受好友邀请注册，推荐码 <strong>${code}</strong></p>` : ''}
<form id="form" novalidate>
<p id="problem" class="problem" role="alert" hidden></p>
<label for="username">用户名</label>
<input id="username" name="username" autocomplete="username" autocapitalize="none" spellcheck="false" maxlength="50" required aria-describedby="username-note">
<p class="note" id="username-note">3至50个字母、数字或下划线</p>
<label for="email">邮箱</label>
<input id="email" name="email" type="email" inputmode="email" autocomplete="email" maxlength="254" required>
<label for="password">密码</label>
<div class="secret">
<input id="password" name="password" type="password" autocomplete="new-password" maxlength="50" required aria-describedby="password-note">
<button type="button" id="reveal" aria-controls="password" aria-pressed="false">显示</button>
</div>
<p class="note" id="password-note">6至50个字符</p>
<label for="referral_code">推荐码 <span>选填</span></label>
<input id="referral_code" name="referral_code" value="${code}" autocomplete="off" autocapitalize="characters" spellcheck="false" maxlength="16">
<button class="main" id="send">注册</button>
</form>
<section id="done" tabindex="-1" hidden>
<p class="mark" aria-hidden="true">✓</p>
<h2>注册成功</h2>
<p>请回到您使用的AI创作平台客户端或网站登录：</p>
<dl>
<div><dt>账号</dt><dd id="who"></dd></div>
<div><dt>密码</dt><dd>您刚才设置的密码</dd></div>
<div><dt>服务地址</dt><dd id="where"></dd></div>
</dl>
</section>
<noscript><p class="problem">注册需要启用浏览器的JavaScript。</p></noscript>
</main>
</body>
</html>
`
  },
}

const asset = (name: string, contentType: string): Page => ({
  path: `/register/${name}`,
  contentType,
  render: () => readFile(new URL(`register-${name}`, import.meta.url), 'utf8'),
})

export const pages: readonly Page[] = [
  page,
  asset('page.js', 'text/javascript; charset=utf-8'),
  asset('page.css', 'text/css; charset=utf-8'),
]
