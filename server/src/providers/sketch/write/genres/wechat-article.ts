import type { Brief } from '../brief.ts'
import { defineKeyword } from '../keyword.ts'
import { list, may, must, numbered, type Part } from '../part.ts'

const CLOSERS = [
  '先做到，再做好。做到一次，后面就有了参照。',
  '方法不必多，留得下来的那一个才算数。',
  '看起来慢的一步，往往是后来最省力的一步。',
  '不必等状态好了再开始，开始之后，状态才会慢慢好起来。',
]

const LEADS = ['具体可以这样做：', '拆开来看：', '照着做三步：', '下次可以这样试：']
const WARNINGS = ['要留意的是：', '提醒一句：', '容易踩的坑：']

/** For a reader on a phone: a scene first, headings that are judgements, something to do today, a question. */
export function wechatArticle(brief: Brief): Part[] {
  const { title, act, noun, isHowTo, isQuestion, tips, terms, wishes, random } = brief
  const reader = brief.value('target_audience')
  const shownReader = reader === '' || reader === '普通读者' ? '每一个被这件事困住的人' : reader
  const first = tips[0]
  const subtitle = first ? `先说“${first.name}”` : '说点能用上的'
  const sections = tips.map(({ name, why, steps, trap, example }, index): Part[] => {
    const add = index < 3 ? must : (text: string) => may(index, text)
    const heading = `## ${String(index + 1).padStart(2, '0')}｜${name}`
    return [
      add(
        index % 3 === 1
          ? `${heading}\n\n${why}。换个做法，三步就够：${steps.join('；')}。`
          : `${heading}\n\n${why}。\n\n${LEADS[index % LEADS.length]}\n\n${numbered(steps)}`,
      ),
      may(index < 3 ? 1 + index / 10 : index + 0.1, `${example}。`),
      may(index < 3 ? 2 + index / 10 : index + 0.2, `**${WARNINGS[index % WARNINGS.length]}**${trap}。`),
    ]
  })
  return [
    must(`# ${title}：${subtitle}`),
    must(
      `> 备选标题：\n> 1. 关于${noun}，先${isHowTo ? '别急着加码' : '看清这几处'}\n> 2. ${isHowTo ? `把${terms[0]}用对，比多看十篇文章管用` : `说说${terms[0]}：少听名头，多看日常`}`,
    ),
    must(brief.moment),
    must(
      `如果这个场景你也熟悉，这篇文章就是写给你的。它写给${shownReader}，只谈一件事：${act}，到底该从哪里下手。没有大道理，每一节都有一个当天就能试的动作。`,
    ),
    must(
      `## 先把${terms.length > 1 ? '几个词' : '一个词'}说清楚\n\n${list(terms.map((word, at) => `**${word}**：${defineKeyword(word, at)}。`))}`,
    ),
    may(
      2.5,
      isHowTo
        ? `为什么要先说这些？因为很多人花在${noun}上的力气并不少，少的是次序。先想清楚要什么，再决定怎么做，最后才轮到用什么。次序反了，人会很忙，事情却不动。`
        : `为什么要先说这些？因为谈论${noun}的人不少，说的却常常不是同一件事。词先对齐，后面的好坏才有得谈；不对齐，争到最后，各人还是站在原来的地方。`,
    ),
    ...sections.flat(),
    ...wishes.map((wish) =>
      must(
        `## 💡 ${wish}：一张可以截图的清单\n\n${list(tips.slice(0, 5).map(({ name, steps }) => `**${name}**：${steps[0]}`))}`,
      ),
    ),
    may(
      2.7,
      `## 如果只能记住一个顺序\n\n第一天，只看不改，把现状记下来；第二天，挑上面最容易的一条试一次；第七天，回头看三个问题：哪一条真的用上了？哪一条让事情变复杂了？下一周只留哪一条？`,
    ),
    must(
      `## 写在最后\n\n${random.pick(CLOSERS as [string, ...string[]])}${isQuestion ? act : `${act}这件事`}，没有一步到位的开关，有的是今天比昨天顺手一点。`,
    ),
    must(
      `👉 **留一个小动作**：${first ? first.steps[0] : '写下最想解决的一件事'}。试过之后回来，在留言里写下你的那一件。\n\n${isHowTo ? `你在${noun}上试过的办法里，哪一招留到了现在` : `关于${noun}，你最想弄清的是哪一点`}？留言区见。如果这篇对你有用，点个“在看”，也转给正好用得上的朋友。`,
    ),
  ]
}
