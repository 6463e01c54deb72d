// The page at /register: sends its form to the API as JSON and says in words what came of it.

const site = new URL('../', import.meta.url)
const form = document.querySelector('#form')
const problem = document.querySelector('#problem')
const send = document.querySelector('#send')
const reveal = document.querySelector('#reveal')
const done = document.querySelector('#done')

/** What can be said before anything is sent; the API has the last word. */
const CHECKS = [
  ['username', (text) => /^[\p{L}\p{N}_]{3,50}$/u.test(text.trim()), '用户名须为3至50个字母、数字或下划线'],
  ['email', (text) => /^\S+@\S+\.\S+$/.test(text.trim()), '请填写有效的邮箱地址'],
  ['password', (text) => [...text].length >= 6, '密码须为6至50个字符'],
]

function tell(words, name) {
  problem.textContent = words
  problem.hidden = false
  for (const input of form.querySelectorAll('input')) input.removeAttribute('aria-invalid')
  const field = name && form.elements[name]
  if (field) field.setAttribute('aria-invalid', 'true')
  ;(field || problem).focus?.()
  problem.scrollIntoView({ block: 'nearest' })
}

/** Which field the words of the API are about, so that it can be shown. */
function fieldIn(words) {
  const about = [
    ['用户名', 'username'],
    ['邮箱', 'email'],
    ['密码', 'password'],
    ['推荐码', 'referral_code'],
  ]
  return about.find(([word]) => words.startsWith(word))?.[1]
}

reveal.addEventListener('click', () => {
  const isShown = form.password.type === 'text'
  form.password.type = isShown ? 'password' : 'text'
  reveal.textContent = isShown ? '显示' : '隐藏'
  reveal.setAttribute('aria-pressed', String(!isShown))
})

form.addEventListener('submit', async (event) => {
  event.preventDefault()
  const failed = CHECKS.find(([name, isSound]) => !isSound(form.elements[name].value))
  if (failed) return tell(failed[2], failed[0])
  problem.hidden = true
  send.disabled = true
  send.textContent = '正在注册…'
  try {
    const code = form.referral_code.value.trim()
    const reply = await fetch(new URL('api/v1/auth/register', site), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        username: form.username.value.trim(),
        email: form.email.value.trim(),
        password: form.password.value,
        ...(code && { referral_code: code }),
      }),
    })
    const answer = await reply.json()
    if (answer.code !== 200) return tell(answer.message, fieldIn(answer.message))
    const { username, email } = answer.data
    document.querySelector('#who').textContent = `${username} 或 ${email}`
    document.querySelector('#where').textContent = site.href.replace(/\/$/, '')
    document.title = '注册成功 · AI创作平台'
    for (const part of document.querySelectorAll('header, .invited')) part.hidden = true
    form.hidden = true
    form.reset()
    done.hidden = false
    done.focus()
  } catch {
    tell('暂时无法连接服务器，请检查网络后重试')
  } finally {
    send.disabled = false
    send.textContent = '注册'
  }
})
