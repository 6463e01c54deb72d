import { crc32 } from 'node:zlib'
import type { DeckContent, DeckRenderer } from '../../src/kernel/ports/deck-renderer.ts'
import type { CallOptions, TextJob, TextPart } from '../../src/kernel/ports/provider.ts'
import type { WritingTool } from '../../src/kernel/tools/writing-tool.ts'
import type { FakeProvider } from './provider.ts'
import { createFakeProvider } from './provider.ts'

type Write = (job: TextJob, options: Pick<CallOptions, 'connection' | 'signal'>) => AsyncIterable<TextPart>

export type FakeWriter = FakeProvider & {
  /** What it was asked to write, in order: what a vendor would have charged for. */
  asked: TextJob[]
  /** What the next calls write; without any, a short text, or a deck where one is asked for. */
  nextText: Write[]
}

/** A provider that makes pictures and writes as the test says. It takes the place of `sketch`. */
export function createFakeWriter(options: { repeatable?: boolean } = {}): FakeWriter {
  const writer: FakeWriter = Object.assign(createFakeProvider(options), {
    kinds: ['image', 'text', 'video'] as const,
    asked: [],
    nextText: [],
    write: (job: TextJob, call: Pick<CallOptions, 'connection' | 'signal'>) => {
      writer.asked.push(job)
      const usual = job.purpose === 'deck' ? writes(JSON.stringify(aDeck)) : writes('第一段。', '第二段。')
      return (writer.nextText.shift() ?? usual)(job, call)
    },
  })
  return writer
}

/** Writes these pieces and ends. */
export const writes = (...pieces: string[]): Write => endsWith('stop', ...pieces)

/** Writes these pieces and ends for this reason. */
export const endsWith = (reason: 'stop' | 'length' | 'content', ...pieces: string[]): Write =>
  async function* () {
    for (const text of pieces) yield { type: 'text', text }
    yield { type: 'end', reason, usage: { inputTokens: 10, outputTokens: 20 } }
  }

/** Writes a piece, then fails. */
export const breaksWith = (error: Error, piece = ''): Write =>
  async function* () {
    if (piece !== '') yield { type: 'text', text: piece }
    throw error
  }

/** Writes a piece, then nothing more until it is aborted, as a vendor does that hangs. */
export const hangsAfter = (piece: string, seen: { aborted: boolean } = { aborted: false }): Write =>
  async function* (_job, { signal }) {
    yield { type: 'text', text: piece }
    await new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        seen.aborted = true
        reject(signal.reason)
      })
    })
  }

export const aTool: WritingTool = {
  name: 'wechat_article',
  version: 3,
  title: '公众号文章',
  description: '生成适合微信公众号的文章',
  inputs: [
    { name: 'topic', label: '主题', required: true, maxLength: 200 },
    { name: 'style', label: '风格', required: false, default: '专业严谨', maxLength: 50 },
  ],
  subject: 'topic',
  lengths: { least: 10, most: 100 },
  system: '你是编辑。',
  user: ({ topic, style, keywords, supplement }) => [topic, style, keywords, supplement].join('|'),
  maxTokens: 4_000,
  temperature: 0.7,
}

export const aDeck: DeckContent = {
  title: '产品发布会',
  language: 'zh-CN',
  slides: [
    { kind: 'title', title: '产品发布会', notes: '欢迎各位。' },
    { kind: 'bullets', title: '核心功能', notes: '逐条说明。', bullets: [{ text: '一键生成' }] },
    { kind: 'closing', title: '谢谢', notes: '再见。' },
  ],
}

export type FakeRenderer = DeckRenderer & { rendered: DeckContent[]; next: (() => Promise<Uint8Array>)[] }

/** Packs a real, if empty, presentation package. */
export function createFakeRenderer(): FakeRenderer {
  const fake: FakeRenderer = {
    rendered: [],
    next: [],
    render: async (content) => {
      fake.rendered.push(content)
      return (fake.next.shift() ?? (async () => emptyPptx()))()
    },
  }
  return fake
}

const CONTENT_TYPE = 'application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml'

function emptyPptx(): Uint8Array {
  return zip({
    '[Content_Types].xml': `<Types><Override PartName="/ppt/presentation.xml" ContentType="${CONTENT_TYPE}"/></Types>`,
    'ppt/presentation.xml': '<presentation/>',
  })
}

/** A package of files that are stored as they are. */
function zip(files: Readonly<Record<string, string>>): Uint8Array {
  const locals: Buffer[] = []
  const entries: Buffer[] = []
  let offset = 0
  for (const [name, text] of Object.entries(files)) {
    const data = Buffer.from(text)
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt32LE(crc32(data), 10)
    common.writeUInt32LE(data.length, 14)
    common.writeUInt32LE(data.length, 18)
    common.writeUInt16LE(name.length, 22)
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), common, Buffer.from(name), data])
    const rest = Buffer.alloc(14)
    rest.writeUInt32LE(offset, 10)
    entries.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00'), common, rest, Buffer.from(name)]))
    locals.push(local)
    offset += local.length
  }
  const directory = Buffer.concat(entries)
  const end = Buffer.alloc(18)
  end.writeUInt16LE(entries.length, 4)
  end.writeUInt16LE(entries.length, 6)
  end.writeUInt32LE(directory.length, 8)
  end.writeUInt32LE(offset, 12)
  return Buffer.concat([...locals, directory, Buffer.from('PK\x05\x06'), end])
}
