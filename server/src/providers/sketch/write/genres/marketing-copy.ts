import type { Brief } from '../brief.ts'
import { explainKeyword } from '../keyword.ts'
import { list, may, must, type Part } from '../part.ts'

/** Attention, interest, desire, action, without one superlative or promise. */
export function marketingCopy(brief: Brief): Part[] {
  const { noun, act, isHowTo, tips, terms, wishes, title } = brief
  const product = isHowTo ? `「${act}」实践方案` : title
  const customer =
    brief.value('target_customer') || `想${isHowTo ? act : `用好${noun}`}、又不想把事情变复杂的你`
  const goal = brief.value('goal') || '提高销量'
  const points = brief.lines('selling_points')
  const offers = tips.slice(0, 5)
  const action = /拉新|体验|试用|注册/.test(goal)
    ? '先免费了解一遍流程，觉得合适再决定'
    : /品牌|形象/.test(goal)
      ? '把你最在意的一个问题发给我们，我们认真回答'
      : '现在咨询，说出你的使用场景，我们帮你判断适不适合'
  return [
    must(`# ${isHowTo ? `${act}，从今天的一个小动作开始` : `${product}，把麻烦的一步变简单`}`),
    must(
      `> 备选主标题：\n> 1. 把力气用在刀刃上：${terms[0]}，这样做才轻松\n> 2. 少走弯路，${noun}可以更从容`,
    ),
    must(`## 这一幕，你熟悉吗\n\n${brief.moment}`),
    must(`不是你不够努力，是没有人把步骤替你理顺。${product}，就是为${customer}准备的。`),
    must(
      `## 它能替你做什么\n\n${list(
        points.length > 0
          ? points.slice(0, 6).map((point) => `**${point}**：落到每天，就是少一次犹豫、少一步折腾。`)
          : offers
              .slice(0, 3)
              .map(({ name, why, steps }) => `**${name}**：${why}。有了它，你只需要${steps[0]}。`),
      )}`,
    ),
    must(
      `围绕${terms.map((word) => `“${word}”`).join('、')}，我们只做能落地的部分：\n\n${list(terms.slice(0, 4).map((word, at) => `${explainKeyword(word, at)}。`))}`,
    ),
    may(
      1,
      `## 用起来是什么样\n\n早上，打开就知道先做哪一件；中午，被打断了也能顺着记录接上；傍晚，不用回想，做完的、没做完的一目了然。它不占你的时间，只把时间还给你要紧的事。`,
    ),
    may(
      2,
      `## 三步上手\n\n1. **说**：告诉我们你现在怎么做、最烦哪一步。\n2. **试**：先用在一件小事上，${offers[1]?.steps[0] ?? '从最小的一步开始'}。\n3. **看**：一周后对照记录，有用就留下，没用就调整。`,
    ),
    ...wishes.map((wish) =>
      must(
        `## 随附：${wish}\n\n${list(offers.slice(0, 4).map(({ name, steps }) => `${name}——${steps[0]}，${steps[1]}`))}`,
      ),
    ),
    must(
      `## 你可能想问\n\n**问：我怕坚持不下来。**\n答：所以第一步只要十分钟。做得到，再往下走。\n\n**问：和我自己摸索有什么不一样？**\n答：次序理好了，坑也标出来了。比如这一条：${offers[0]?.trap ?? '别贪多'}。\n\n**问：怎么知道对我有没有用？**\n答：请用你自己的一周来验证：记下用之前和用之后各花了多少时间，答案由你说了算。`,
    ),
    ...offers
      .slice(3)
      .map(({ name, why, example }, index) =>
        may(3 + index, `**再多说一点：${name}。**${why}。${example}。`),
      ),
    must(`## 下一步\n\n${action}。不催单，不绕弯，问清楚了再选。`),
    must(
      `## 多渠道短文案\n\n**朋友圈**：${brief.moment.replace(/。$/, '')}……后来我们换了个次序，从${terms[0]}开始，一天一个小动作。想看看怎么做的，来问我。\n\n**海报短句**：\n${list(['先理次序，再使力气', '小一步，稳一步', '把时间还给要紧事'])}\n\n**短信**：${isHowTo ? act : noun}，可以从十分钟开始。回复“了解”，我们把第一步发给你；不需要请忽略。`,
    ),
  ]
}
