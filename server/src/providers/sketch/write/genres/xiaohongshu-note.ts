import type { Brief } from '../brief.ts'
import { defineKeyword } from '../keyword.ts'
import { goOn, may, must, type Part } from '../part.ts'

const MARKS = ['1️⃣', '2️⃣', '3️⃣', '4️⃣', '5️⃣', '6️⃣', '7️⃣', '8️⃣']
const COUNT = 4
/** The platform shows no more of a title. */
const MOST_TITLE = 20

const short = (text: string, most: number): string => {
  const characters = [...text]
  return characters.length > most ? characters.slice(0, most).join('') : text
}

const toTag = (word: string): string => `#${word.replace(/[^\p{L}\p{N}\p{M}\p{Emoji_Presentation}]+/gu, '')}`

/** For a thumb on a screen: short lines, no markup, the platform's 1000 characters kept. */
export function xiaohongshuNote(brief: Brief): Part[] {
  const { noun, act, isHowTo, isQuestion, tips, terms, wishes } = brief
  const plain = noun.replace(/[「」]|这个问题$/g, '')
  const type = brief.value('note_type')
  const points = tips.slice(0, COUNT).map(({ name, why, steps, trap }, index): Part[] => {
    return [
      must(`${MARKS[index]} ${name}\n${why}～\n✅ ${steps[0]}\n✅ ${steps[1]}`),
      goOn(1 + index / 10, `⚠️ 别踩坑：${trap}`, '\n'),
    ]
  })
  const tags = [
    ...terms,
    plain,
    ...(isHowTo ? [brief.field.name, `${plain}技巧`] : [`${plain}分享`]),
    ...(isHowTo ? ['干货分享', '自我提升', '新手友好'] : ['真实分享', '避坑指南', '日常记录']),
    type === '' || (type === '好物分享' && (isHowTo || isQuestion)) ? '经验分享' : type,
  ].map((tag) => tag.replace(/[「」]|这个问题/g, ''))
  const room = MOST_TITLE - 9
  return [
    must(
      isHowTo
        ? `✨${short(act, room)}的${COUNT}个小动作📝\n备选：①${short(noun, 8)}卡住了？先看这篇👀 ②${short(terms[0], 8)}这样用，真的顺手多了💪`
        : `✨${short(plain, room)}${isQuestion ? '？我这样想' : `怎么看？${COUNT}条心得`}📝\n备选：①聊聊${short(plain, 10)}👀 ②${short(terms[0], 10)}，先想清这件事💡`,
    ),
    must(
      isHowTo
        ? `${brief.moment}\n——说的是不是你？🙋\n我把${act}拆成了几个小动作，不费劲，今天就能开始👇`
        : `${brief.moment}\n——说的是不是你？🙋\n关于${noun}，我整理了${COUNT}条看法，帮你少绕点路👇`,
    ),
    ...terms
      .slice(0, 3)
      .map((word, at) =>
        (at < 2 ? must : (text: string) => may(0.5, text))(`📌 ${word}：${defineKeyword(word, at)}`),
      ),
    ...points.flat(),
    ...wishes.map((wish) =>
      must(
        `💡 ${wish}\n${tips
          .slice(COUNT, COUNT + 2)
          .map(({ name, steps }) => `👉 ${name}：${steps[0]}`)
          .join('\n')}\n先收藏，再挑一条做！一次只改一件事就好`,
      ),
    ),
    must(
      isHowTo
        ? '👭 适合：想改变又总是三分钟热度的你\n🙅 不适合：想找一个按下去就见效的按钮的人'
        : '👭 适合：正在了解、还没拿定主意的你\n🙅 不适合：只想听一句“闭眼入”的人',
    ),
    must(
      `💬 ${isHowTo ? `你在${noun}上最头疼的是哪一步` : `关于${noun}，你最想弄清的是哪一点`}？评论区告诉我，我来接着写～`,
    ),
    must([...new Set(tags.map(toTag).filter((tag) => tag.length > 1 && tag.length < 20))].join(' ')),
  ]
}
