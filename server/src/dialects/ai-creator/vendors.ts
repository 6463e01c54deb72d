export type Vendor = {
  /** Which of the house's providers speaks to it. */
  provider: 'openai' | 'sketch'
  /** Where it is reached unless its operator says otherwise; null when that has to be said. */
  base: string | null
}

/** Vendors by the names of the trade; all but the built-in renderer speak OpenAI's wire (protocols.md 5.1, 5.5, 5.6). */
const VENDORS: Readonly<Record<string, Vendor>> = {
  qwen: openAi('https://dashscope.aliyuncs.com/compatible-mode/v1'),
  openai: openAi('https://api.openai.com/v1'),
  deepseek: openAi('https://api.deepseek.com/v1'),
  moonshot: openAi('https://api.moonshot.cn/v1'),
  zhipu: openAi('https://open.bigmodel.cn/api/paas/v4'),
  doubao: openAi('https://ark.cn-beijing.volces.com/api/v3'),
  siliconflow: openAi('https://api.siliconflow.cn/v1'),
  ollama: openAi('http://127.0.0.1:11434/v1'),
  custom: openAi(null),
  sketch: { provider: 'sketch', base: null },
}

function openAi(base: string | null): Vendor {
  return { provider: 'openai', base }
}

/** Other names of the same. */
const ALIASES: Readonly<Record<string, string>> = {
  dashscope: 'qwen',
  aliyun: 'qwen',
  tongyi: 'qwen',
  kimi: 'moonshot',
  glm: 'zhipu',
  bigmodel: 'zhipu',
  ark: 'doubao',
  volcengine: 'doubao',
  'openai-compatible': 'custom',
}

/** The first of a vendor's names; an unknown name stands for itself. */
export function firstName(name: string): string {
  const key = name.trim().toLowerCase()
  return Object.hasOwn(ALIASES, key) ? (ALIASES[key] ?? key) : key
}

/** The vendor a name stands for; null for a name that nobody has. */
export function findVendor(name: string): Vendor | null {
  const first = firstName(name)
  return Object.hasOwn(VENDORS, first) ? (VENDORS[first] ?? null) : null
}

/** Every name, for whoever has named another. */
export const VENDOR_NAMES: readonly string[] = [...Object.keys(VENDORS), ...Object.keys(ALIASES)]

/**
 * An address as the openai provider takes it. DashScope's own wire lies at `/api/v1`, as in the document's example
 * (10.2), and the one that all vendors speak beside it.
 */
export function readAddress(text: string): string {
  const address = text.trim().replace(/\/+$/, '')
  return address.replace(/^(https:\/\/dashscope[a-z-]*\.aliyuncs\.com)\/api\/v1$/, '$1/compatible-mode/v1')
}
