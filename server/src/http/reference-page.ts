import type { OpenApi, Operation, Parameter, Schema } from './reference.ts'

type Item = { id: string; method: string; path: string; operation: Operation }

/** The page of an API's reference: plain HTML, which its style and script only make nicer. */
export function renderPage(document: OpenApi): string {
  const items: Item[] = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      id: operation.operationId,
      method: method.toUpperCase(),
      path,
      operation,
    })),
  )
  const sections = document.tags.map(({ name, description }, index) => ({
    id: `section-${index + 1}`,
    name,
    description,
    items: items.filter(({ operation }) => operation.tags[0] === name),
  }))
  const tables = document['x-tables'].map((table, index) => ({ ...table, id: `table-${index + 1}` }))
  const server = document.servers[0]?.url ?? ''
  return `<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${text(document.info.title)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/reference.css">
<script src="/docs/reference-client.js" defer></script>
</head>
<body>
<nav aria-label="目录">
<a class="brand" href="#top">${text(document.info.title)}</a>
<input type="search" id="filter" placeholder="筛选接口" aria-label="筛选接口" hidden>
${sections.map(renderMenu).join('\n')}
<section><h2>附录</h2><ul>${tables.map(({ id, title }) => `<li><a href="#${id}">${text(title)}</a></li>`).join('')}</ul></section>
</nav>
<main id="top">
<header>
<h1>${text(document.info.title)}</h1>
<p class="server"><small>服务地址</small><code>${text(server)}</code><a href="/openapi.json">OpenAPI 3.1</a></p>
${document['x-introduction'].map((paragraph) => `<p>${prose(paragraph)}</p>`).join('\n')}
</header>
${sections.map((section) => `<section class="group" id="${section.id}"><h2>${text(section.name)}</h2><p>${prose(section.description)}</p></section>\n${section.items.map((item) => renderOperation(item, server)).join('\n')}`).join('\n')}
${tables.map(renderTable).join('\n')}
</main>
</body>
</html>
`
}

function renderMenu(section: { id: string; name: string; items: Item[] }): string {
  const links = section.items.map(
    ({ id, method, path, operation }) =>
      `<li data-search="${text(`${operation.summary} ${path} ${method}`.toLowerCase())}"><a href="#${id}"><b class="${method}">${method === 'DELETE' ? 'DEL' : method}</b>${text(operation.summary)}</a></li>`,
  )
  return `<section><h2><a href="#${section.id}">${text(section.name)}</a></h2><ul>${links.join('')}</ul></section>`
}

/** One of the ways in may be no token at all. */
function needsToken({ security }: Operation): boolean {
  return security.length > 0 && security.every((way) => Object.keys(way).length > 0)
}

function renderOperation(item: Item, server: string): string {
  const { id, method, path, operation } = item
  const content = operation.requestBody?.content
  const [type, body] = Object.entries(content ?? {})[0] ?? []
  const form = type === 'application/json' ? content?.['multipart/form-data'] : undefined
  const shownPath = text(path).replace(/\{\w+\}/g, (name) => `<i>${name}</i>`)
  return `<article id="${id}">
<div class="about">
<h3>${text(operation.summary)}<a class="anchor" href="#${id}" aria-label="链接">#</a></h3>
<p class="route"><b class="${method}">${method}</b><code>${shownPath}</code>${
    needsToken(operation)
      ? '<span class="auth">需要认证</span>'
      : `<span class="auth open">${operation.security.length > 0 ? '可选认证' : '无需认证'}</span>`
  }</p>
${operation.description ? `<p>${prose(operation.description)}</p>` : ''}
${renderParameters('路径参数', operation.parameters, 'path')}
${renderParameters('查询参数', operation.parameters, 'query')}
${type && body ? renderFields(type, body.schema) : ''}
${form ? renderFields('multipart/form-data', form.schema) : ''}
</div>
<div class="examples">
${renderSnippet('请求示例', renderCurl(item, server))}
${renderResponses(operation)}
</div>
</article>`
}

function renderParameters(title: string, parameters: readonly Parameter[], place: Parameter['in']): string {
  const rows = parameters
    .filter((parameter) => parameter.in === place)
    .map(({ name, required, description, schema }) => renderField(name, required, description, schema))
  return rows.length > 0 ? `<h4>${title}</h4><dl>${rows.join('')}</dl>` : ''
}

function renderFields(type: string, schema: Schema): string {
  const properties = (schema.properties ?? {}) as Record<string, Schema>
  const required = new Set((schema.required ?? []) as string[])
  const rows = Object.entries(properties).map(([name, one]) =>
    renderField(name, required.has(name), String(one.description ?? ''), one),
  )
  return `<h4>请求体 <small>${type}</small></h4><dl>${rows.join('')}</dl>`
}

function renderField(name: string, isRequired: boolean, description: string, schema: Schema): string {
  const choices = choicesOf(schema)
  return `<dt><code>${text(name)}</code><span>${text(typeOf(schema))}</span>${isRequired ? '<em>必填</em>' : ''}</dt><dd>${prose(description)}${
    choices.length > 0
      ? `<span class="choices">${choices.map((one) => `<code class="chip">${text(one)}</code>`).join(' ')}</span>`
      : ''
  }${schema.default === undefined ? '' : `<span class="choices">默认 <code class="chip">${text(String(schema.default))}</code></span>`}</dd>`
}

/** Values of a closed list, whichever way the schema says so. */
function choicesOf(schema: Schema): string[] {
  const values = (schema.enum ?? []) as unknown[]
  const constants = ((schema.anyOf ?? []) as Schema[]).map((one) => one.const)
  return [...values, ...constants].filter((one) => one !== undefined).map(String)
}

const TYPES: Readonly<Record<string, string>> = {
  string: '字符串',
  number: '数字',
  integer: '整数',
  boolean: '布尔值',
  array: '数组',
  object: '对象',
}

function typeOf(schema: Schema): string {
  if (schema.format === 'binary') return '文件'
  const types = schema.anyOf ? (schema.anyOf as Schema[]).map((one) => one.type) : [schema.type]
  return [...new Set(types)].map((type) => TYPES[String(type)] ?? String(type)).join(' 或 ')
}

function renderCurl({ method, path, operation }: Item, server: string): string {
  const content = operation.requestBody?.content
  const example = content?.['application/json']?.example
  const file = content?.['application/json'] ? undefined : fileOf(content?.['multipart/form-data']?.schema)
  const given = operation.parameters.flatMap(({ name, in: place, schema }) =>
    Array.isArray(schema.examples) ? [{ name, place, value: String(schema.examples[0]) }] : [],
  )
  const inPath = new Map(
    given.filter(({ place }) => place === 'path').map(({ name, value }) => [name, value]),
  )
  const query = given.filter(({ place }) => place === 'query').map(({ name, value }) => `${name}=${value}`)
  const filled = path.replace(/\{(\w+)\}/g, (slot, name: string) => inPath.get(name) ?? slot)
  const url = `${server}${filled}${query.length > 0 ? `?${query.join('&')}` : ''}`
  const lines = [`curl ${method === 'GET' ? '' : `-X ${method} `}"${url}"`]
  if (needsToken(operation)) lines.push('-H "Authorization: Bearer <your_jwt_token>"')
  if (example !== undefined) {
    lines.push('-H "Content-Type: application/json"', `-d '${JSON.stringify(example, null, 2)}'`)
  }
  if (file !== undefined) lines.push(`-F "${file}=@<your_file>"`)
  return lines.join(' \\\n  ')
}

/** The first field of a form that takes a file. */
function fileOf(form: Schema | undefined): string | undefined {
  const properties = Object.entries((form?.properties ?? {}) as Record<string, Schema>)
  return properties.find(([, { format }]) => format === 'binary')?.[0]
}

function renderResponses({ responses }: Operation): string {
  const shown = Object.entries(responses).flatMap(([status, { content }]) =>
    Object.values(content['application/json'].examples).map((example) => ({ status, ...example })),
  )
  const details = shown.map(
    ({ status, summary, value }, index) =>
      `<details${index === 0 ? ' open' : ''}><summary><span class="status s${status[0]}${index === 0 ? '' : ' refused'}">${status}</span>${text(summary)}${codeOf(value)}</summary>${renderCode(JSON.stringify(value, null, 2))}</details>`,
  )
  return `<div class="responses"><h4>响应</h4>${details.join('')}</div>`
}

/** A business code that says more than the HTTP status. */
function codeOf(value: unknown): string {
  const code = typeof value === 'object' && value !== null && 'code' in value ? value.code : null
  return typeof code === 'number' ? `<span class="code">code ${code}</span>` : ''
}

function renderSnippet(title: string, code: string): string {
  return `<div class="snippet"><h4>${title}</h4>${renderCode(code)}</div>`
}

function renderCode(code: string): string {
  return `<pre tabindex="0"><code>${highlight(code)}</code></pre>`
}

/** Colours names, texts and values of JSON. */
function highlight(code: string): string {
  const escaped = text(code)
  return escaped
    .replace(/(&quot;(?:(?!&quot;).)*&quot;)(\s*:)/g, '<span class="k">$1</span>$2')
    .replace(/(:\s|^\s*|\[)(&quot;(?:(?!&quot;).)*&quot;)/gm, '$1<span class="s">$2</span>')
    .replace(/(:\s)(-?\d+(?:\.\d+)?|true|false|null)(?=,?$)/gm, '$1<span class="v">$2</span>')
}

function renderTable(table: OpenApi['x-tables'][number] & { id: string }): string {
  const head = table.columns.map((column) => `<th scope="col">${text(column)}</th>`).join('')
  const rows = table.rows.map((row) => {
    const cells = row.map((cell, index) =>
      index === 0 ? `<td><code class="chip">${text(cell)}</code></td>` : `<td>${text(cell)}</td>`,
    )
    return `<tr>${cells.join('')}</tr>`
  })
  return `<section class="table" id="${table.id}"><h2>${text(table.title)}</h2>${table.note ? `<p>${prose(table.note)}</p>` : ''}<table><thead><tr>${head}</tr></thead><tbody>${rows.join('')}</tbody></table></section>`
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Prose, in which `backticks` are code, as in the Markdown of OpenAPI. */
function prose(raw: string): string {
  return text(raw).replace(/`([^`]+)`/g, '<code class="chip">$1</code>')
}

function text(raw: string): string {
  return raw.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character)
}
