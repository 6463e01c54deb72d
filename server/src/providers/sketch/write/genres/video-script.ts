import type { Brief } from '../brief.ts'
import { list, may, must, numbered, type Part, table } from '../part.ts'

/** Seconds that a wish such as 1分钟, 90秒 or 1分30秒 means; 15…600. */
export function readSeconds(text: string): number {
  const words = text
    .normalize('NFKC')
    .replace('半分钟', '30秒')
    .replace('一分钟', '1分钟')
    .replace('两分钟', '2分钟')
    .replace('三分钟', '3分钟')
  const minutes = Number(/(\d{1,2}(?:\.\d)?)\s*(?:分|min)/i.exec(words)?.[1] ?? 0)
  const seconds = Number(/(\d{1,3})\s*(?:秒|s)/i.exec(words)?.[1] ?? 0)
  const total = Math.round(minutes * 60 + seconds) || 60
  return Math.min(600, Math.max(15, total))
}

const clock = (second: number): string => `${Math.floor(second / 60)}:${String(second % 60).padStart(2, '0')}`

/** A table of shots whose times add up to the length asked for, with lines short enough to be spoken. */
export function videoScript(brief: Brief): Part[] {
  const { title, act, noun, isHowTo, tips, terms, wishes } = brief
  const seconds = readSeconds(brief.value('duration') || '1分钟')
  const platform = brief.value('platform') || '抖音'
  const style = brief.value('style') || '轻松实用'
  const frame = /B站|哔哩|西瓜|YouTube/i.test(platform) ? '横屏 16:9' : '竖屏 9:16'
  const count = Math.max(1, Math.min(tips.length, Math.floor((seconds - 14) / 10)))
  const chosen = tips.slice(0, count)
  const isWork = isHowTo && brief.field.name === '工作方法'
  const hooks = isHowTo
    ? [
        `想${act}，先别急着${isWork ? '加班加点' : '用力'}`,
        `${noun}总是卡住？问题可能出在第一步`,
        `同样一天，为什么有人${terms[0]}做得更轻松`,
      ]
    : [
        `${noun}，先别急着下结论`,
        `说到${terms[0]}，你想到的第一件事是什么？`,
        '看了一大堆，为什么还是拿不定主意',
      ]
  const second = isWork
    ? ['中景跟拍，三个快切：屏幕弹窗、翻清单、看钟', '忙是真的忙，可最要紧的那件，还没动。', '忙 ≠ 有进展']
    : isHowTo
      ? ['中景，三个快切：收藏夹、空白本子、看钟', '收藏了一大堆，真正动手的，没几样。', '收藏 ≠ 开始']
      : ['中景，三个快切：手指上滑屏幕、翻书、摇头', '看得越多，越不知道该信谁。', '看得越多，越乱？']
  const fixed = [
    [
      isWork ? '近景，人物对镜头，桌面堆满便签' : '近景，人物对镜头，手里举着一张写了题目的卡片',
      hooks[0] ?? '',
      hooks[0] ?? '',
      '短促提示音，音乐骤停',
      3,
    ],
    [...second, isWork ? '键盘声渐快' : '节拍渐快', 5],
  ] as const
  const left = seconds - 8 - 6
  const each = chosen.map(
    (_, index) => Math.floor((left * (index + 1)) / count) - Math.floor((left * index) / count),
  )
  const shots = [
    ...fixed,
    ...chosen.map(({ name, steps }, index) => [
      [
        '特写，手写下一行字，镜头缓推',
        '过肩镜头，屏幕上只留一个窗口',
        '俯拍桌面，把杂物移出画面',
        '中景，人物起身走到白板前',
      ][index % 4] ?? '近景',
      `第${index + 1}${isHowTo ? '招' : '点'}，${name}。${steps[0]}。`,
      name,
      index % 2 === 0 ? '轻快鼓点，落字“嗒”一声' : '转场“唰”，音乐继续',
      each[index] ?? 8,
    ]),
    [
      '近景，人物合上本子，微笑看镜头',
      isHowTo ? `先挑一招，从${terms[0]}做起。收藏，明早照做。` : '你会先看哪一点？留言告诉我，下条接着聊。',
      isHowTo ? '先做一招｜收藏备用' : '你先看哪一点？',
      '音乐收尾，留半秒安静',
      6,
    ],
  ] as const
  let from = 0
  const rows = shots.map(([picture, line, caption, sound, length], index) => {
    const until = from + Number(length)
    const row = [
      String(index + 1),
      `${clock(from)}–${clock(until)}`,
      String(picture),
      String(line),
      String(caption),
      String(sound),
    ]
    from = until
    return row
  })
  return [
    must(`# ${title}`),
    must(`时长 ${seconds} 秒｜${platform}｜${frame}｜${style}`),
    must(
      `## 三秒钩子（三选一，第一个已用在正片）\n\n${numbered(hooks.map((hook, index) => `${['反差', '提问', '对比'][index]}：${hook}`))}`,
    ),
    must(
      `## 分镜脚本\n\n${table(['镜号', '时间', '景别与画面', '台词（口播）', '字幕', '音效/音乐'], rows)}`,
    ),
    ...wishes.map((wish) =>
      must(
        `## ${wish}：口播备用句\n\n${list(chosen.slice(0, 4).map(({ steps, trap }) => `${steps[0]}，${steps[1]}。（如有时间，补一句：${trap}）`))}`,
      ),
    ),
    may(
      1,
      `## 表演与节奏\n\n${list(['前 8 秒一句一切，不留气口；进入方法之后放慢，每招一个完整动作', `说到${terms.join('、')}时字幕加粗放大，停半拍`, '结尾看镜头说完再按停，不要边说边伸手关机'])}`,
    ),
    must(
      `## 拍摄清单\n\n${list(['场地：一张靠窗的书桌，背景留白', '人物：一人出镜，手机固定机位即可', '道具：便签、本子、日历、时钟', '灯光与收音：侧面自然光，领夹麦，先录十秒环境声'])}`,
    ),
    may(
      2,
      `## 剪辑要点\n\n${list(['字幕放在画面下三分之一以上，避开平台按钮', '每招用同一种入场方式，观众才记得住次序', '音乐选用平台可商用曲库，人声高于音乐'])}`,
    ),
    ...tips
      .slice(count, count + 8)
      .map(({ name, why, steps }, index) =>
        may(
          3 + index,
          `**备用镜头 ${index + 1}：${name}**\n台词：${why}。${steps[0]}，${steps[1]}。\n画面：手部特写接人物中景，动作做完再切。`,
        ),
      ),
    must(
      `## 发布文案\n\n文案：${isHowTo ? `${act}，不靠熬，靠次序。你卡在哪一步` : `${noun}，换个角度看。你怎么想`}？评论区说说看。\n封面文字：${isHowTo ? '先做这一步' : '先别急着下结论'}\n标签：${[
        ...new Set([...terms, noun, '干货', '日常']),
      ]
        .slice(0, 8)
        .map((word) => `#${word.replace(/[\s「」]|这个问题/g, '')}`)
        .join(' ')}`,
    ),
  ]
}
