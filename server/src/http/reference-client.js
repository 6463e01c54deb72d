// Makes the reference page nicer: copying, filtering, and where one is. Without it everything can still be read.

for (const pre of document.querySelectorAll('pre')) {
  const button = document.createElement('button')
  button.type = 'button'
  button.textContent = '复制'
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(pre.querySelector('code').textContent)
    button.textContent = '已复制'
    setTimeout(() => {
      button.textContent = '复制'
    }, 1_500)
  })
  pre.append(button)
}

const filter = document.querySelector('#filter')
filter.hidden = false
filter.addEventListener('input', () => {
  const wanted = filter.value.trim().toLowerCase()
  for (const item of document.querySelectorAll('nav li[data-search]')) {
    item.hidden = !item.dataset.search.includes(wanted)
  }
})

const links = new Map([...document.querySelectorAll('nav li a')].map((link) => [link.hash.slice(1), link]))
const seen = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue
      document.querySelector('nav a[aria-current]')?.removeAttribute('aria-current')
      const link = links.get(target.id)
      link?.setAttribute('aria-current', 'true')
      link?.scrollIntoView({ block: 'nearest' })
    }
  },
  { rootMargin: '-10% 0px -80% 0px' },
)
for (const part of document.querySelectorAll('article, section.table')) seen.observe(part)
