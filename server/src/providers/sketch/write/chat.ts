/**
 * Answers in a conversation without a model: says what it is, picks up what was said, and knows what the site can do.
 * The same conversation gets the same answer.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { TextJob, TextPart } from '../../../kernel/ports/provider.ts'
import { cleanLine, cut } from './brief.ts'

type Said = { last: string; earlier: readonly string[] }
type Topic = { asks: RegExp; zh: (said: Said) => string; en: (said: Said) => string }

const MOST_QUOTE = 40
const quote = (text: string): string => cut(cleanLine(text), MOST_QUOTE)

/** The first that fits answers. */
const TOPICS: readonly Topic[] = [
  {
    asks: /总结|回顾|刚才|之前|前面|上面|还记得|\b(?:summar|recap|earlier|before|remember|previous)/iu,
    zh: ({ earlier }) =>
      earlier.length === 0
        ? '这是我们对话的第一句，前面还没有内容。告诉我你想做什么，我来帮你理清。'
        : `到现在为止，你说过：\n${earlier.map((text, index) => `${index + 1}. 「${quote(text)}」`).join('\n')}\n想从哪一条继续？`,
    en: ({ earlier }) =>
      earlier.length === 0
        ? 'This is the first thing you have said here. Tell me what you want to make.'
        : `So far you have said:\n${earlier.map((text, index) => `${index + 1}. "${quote(text)}"`).join('\n')}\nWhich of these shall we go on with?`,
  },
  {
    asks: /提示词|怎么写|描述|\bprompts?\b/iu,
    zh: ({ last }) =>
      `写提示词可以按五步来：主体、场景、光线、风格、构图。以「${quote(last)}」为例，可以这样起稿：\n主体：一句话说清画面里是谁或是什么；\n场景：地点、季节、时间；\n光线：清晨的侧光、黄昏的逆光或柔和的室内光；\n风格：水彩、胶片、插画或写实；\n构图：特写、中景或远景。\n不想出现的东西写进反向提示词。`,
    en: ({ last }) =>
      `A prompt has five parts: subject, place, light, style, framing. Taking "${quote(last)}": say who or what is in the picture, where and when, what light falls on it, in which style, and how close we are. What must not appear goes into the negative prompt.`,
  },
  {
    asks: /视频|短片|动画|镜头|\b(?:videos?|clips?|animation)\b/iu,
    zh: ({ last }) =>
      `关于「${quote(last)}」：可以用文字生成视频，也可以上传一张图片让它动起来。提示词里写清主体的动作、镜头怎样移动和时长；提交后在作品列表查看进度，完成后可以下载或公开到广场。`,
    en: ({ last }) =>
      `About "${quote(last)}": a clip can be made from words, or from a picture you upload. Say what moves, how the camera moves and how long it lasts; its progress is shown among your works.`,
  },
  {
    asks: /图片|图像|画|海报|头像|壁纸|照片|\b(?:pictures?|images?|draw|poster|avatar|photo)\b/iu,
    zh: ({ last }) =>
      `关于「${quote(last)}」：可以用文字生成图片，也可以上传参考图并调节重绘强度（越大离原图越远）。选好尺寸和数量后提交；用同一个种子可以再得到相近的画面。`,
    en: ({ last }) =>
      `About "${quote(last)}": a picture can be made from words, or from one you upload, with a strength that says how far to leave it. The same seed gives a similar picture again.`,
  },
  {
    asks: /算力|充值|价格|多少钱|会员|余额|\b(?:price|cost|credits?|recharge|member|balance)/iu,
    zh: () =>
      '生成和对话都会消耗算力，数量在提交前显示；失败的生成会自动退还。余额、明细和充值在个人中心查看。我看不到你的账号，所以具体余额请以那里显示的为准。',
    en: () =>
      'Making things and talking to me both use power; what failed is given back. Your balance and statement are on your account page, which I cannot see.',
  },
  {
    asks: /你好|您好|在吗|嗨|你是谁|你能做什么|帮助|\b(?:hello|hi|hey|who are you|help|what can you)\b/iu,
    zh: () =>
      '你好！我可以告诉你这个平台怎么用：文字生成图片、以图生图、文字或图片生成视频、作品管理和广场，也可以帮你把想法整理成提示词。',
    en: () =>
      'Hello! I can tell you how this site works: pictures from words or pictures, clips, your works and the square; and I can help to put an idea into a prompt.',
  },
]

const FALLBACK: Pick<Topic, 'zh' | 'en'> = {
  zh: ({ last, earlier }) =>
    `你说的是「${quote(last)}」。${earlier.length > 0 ? `前面我们谈到「${quote(earlier.at(-1) ?? '')}」。` : ''}如果想把它变成作品，可以先定下三件事：画面里最重要的是什么、在什么环境里、想要什么感觉；把这三点告诉我，我帮你整理成提示词。`,
  en: ({ last, earlier }) =>
    `You said "${quote(last)}".${earlier.length > 0 ? ` Before that we spoke of "${quote(earlier.at(-1) ?? '')}".` : ''} To make something of it, decide three things: what matters most in the picture, where it is, and how it should feel. Tell me these and I will put them into a prompt.`,
}

const HONEST = {
  zh: '（我是内置写作器 sketch，按固定规则作答，不是 AI 模型；管理员配置模型后，回复会由模型给出。）',
  en: '(I am sketch, the built-in writer: I answer by fixed rules and am no AI model. Once an administrator sets up a model, it will answer instead.)',
}

/** The whole answer to the last message of a conversation. */
export function composeReply({ messages }: Pick<TextJob, 'messages'>): string {
  const asked = messages.filter(({ role }) => role === 'user').map(({ text }) => text)
  const last = asked.at(-1) ?? ''
  const said = { last, earlier: asked.slice(0, -1) }
  const language = /\p{Script=Han}/u.test(last) || !/[a-z]/i.test(last) ? 'zh' : 'en'
  const topic = TOPICS.find(({ asks }) => asks.test(last)) ?? FALLBACK
  return `${topic[language](said)}\n\n${HONEST[language]}`
}

/** A few characters of Chinese, or a word. */
const PIECE = /[\p{Script=Han}\p{P}\s]{1,3}|[^\p{Script=Han}\p{P}\s]+\s?/gu

/** Hands out the answer in small pieces, as a model would. Stops with the signal. */
export async function* chat(job: TextJob, signal: AbortSignal): AsyncIterable<TextPart> {
  signal.throwIfAborted()
  for (const text of composeReply(job).match(PIECE) ?? []) {
    yield { type: 'text', text }
    // Lets others run, and a stopped reply end, between two pieces.
    await sleep(2)
    signal.throwIfAborted()
  }
  yield { type: 'end', reason: 'stop', usage: null }
}
