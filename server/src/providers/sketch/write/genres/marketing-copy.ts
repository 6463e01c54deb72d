import type { Brief } from '../brief.ts'
import { explainKeyword } from '../keyword.ts'
import { list, may, must, type Part } from '../part.ts'

/** What can be said of a thing of which nobody said anything: how to tell whether it is worth it. */
const BENEFITS = [
  ['贴着日常来', '只谈每天都会遇到的场合，用不上的地方不多说一句'],
  ['看得见再决定', '先看实物或演示，亲手试过，再谈要不要'],
  ['问得到人', '用之前、用之后有疑问，都有人认真回答'],
] as const

/** What a selling point means to whoever uses the thing; true of any that is true itself. */
const MEANINGS = [
  '落到每天，就是少操一份心',
  '别只看这句话，到手先试这一点，合不合意自己最清楚',
  '忙的时候，这一点最容易感觉得到',
] as const

/** Attention, interest, desire, action, without one superlative or promise. */
export function marketingCopy(brief: Brief): Part[] {
  const { noun, act, isHowTo, tips, terms, wishes, title } = brief
  const product = isHowTo ? `「${act}」实践方案` : title
  const customer =
    brief.value('target_customer') ||
    (isHowTo ? `想${act}、又不想把事情变复杂的你` : '在意实用、不爱听空话的你')
  const goal = brief.value('goal') || '提高销量'
  const points = brief.lines('selling_points')
  const offers = isHowTo ? tips.slice(0, 6) : []
  const benefits = isHowTo
    ? offers
        .slice(0, 3)
        .map(
          ({ name, why, steps }) =>
            `**${name}**：${why}。交到你手里的，是能照着走的三步：${steps.join('，')}。`,
        )
    : BENEFITS.map(([name, text]) => `**${name}**：${text}。`)
  const questions = isHowTo
    ? [
        ['我怕坚持不下来。', '所以第一步只要十分钟。做得到，再往下走。'],
        [
          '和我自己摸索有什么不一样？',
          `次序理好了，坑也标出来了。比如这一条：${offers[0]?.trap ?? '别贪多'}。`,
        ],
        [
          '怎么知道对我有没有用？',
          '请用你自己的一周来验证：记下用之前和用之后各花了多少时间，答案由你说了算。',
        ],
      ]
    : [
        ['我真的用得上吗？', '先想最近一周，有几次会用到它。少于一次，不急着买；三次以上，值得认真看看。'],
        [
          '和同类比，怎么选？',
          '写下你最在意的三条，拿着它逐条比。哪一条我们不占优，也请直接问，我们照实说。',
        ],
        ['买了不合适怎么办？', '下单之前，请先看清售后和退换的说明；有不明白的地方，问到明白再决定。'],
      ]
  const action = /拉新|体验|试用|注册/.test(goal)
    ? '先免费了解一遍流程，觉得合适再决定'
    : /品牌|形象/.test(goal)
      ? '把你最在意的一个问题发给我们，我们认真回答'
      : '现在咨询，说出你的使用场景，我们帮你判断适不适合'
  return [
    must(`# ${isHowTo ? `${act}，从今天的一个小动作开始` : `${product}：用得上，才算好`}`),
    must(
      isHowTo
        ? `> 备选主标题：\n> 1. 把力气用在刀刃上：${terms[0]}，这样做才轻松\n> 2. 少走弯路，${noun}可以更从容`
        : `> 备选主标题：\n> 1. ${terms[0]}，回到日常里看\n> 2. 认真挑一次，安心用很久`,
    ),
    must(`## 这一幕，你熟悉吗\n\n${brief.moment}`),
    must(
      isHowTo
        ? `不是你不够努力，是没有人把步骤替你理顺。${product}，就是为${customer}准备的。`
        : `这一次，换个看法：不听谁说得响，只看它在你的一天里派不派得上用场。${product}，想请${customer}来试一试。`,
    ),
    must(
      `## 它能替你做什么\n\n${list(
        points.length > 0
          ? points.slice(0, 6).map((point, at) => `**${point}**：${MEANINGS[at % MEANINGS.length]}。`)
          : benefits,
      )}`,
    ),
    must(
      `围绕${terms.map((word) => `“${word}”`).join('、')}，我们看重的是用得上：\n\n${list(terms.slice(0, 4).map((word, at) => `${explainKeyword(word, at)}。`))}`,
    ),
    may(
      1,
      isHowTo
        ? `## 用起来是什么样\n\n早上，打开就知道先做哪一件；中午，被打断了也能顺着记录接上；傍晚，不用回想，做完的、没做完的一目了然。它不占你的时间，只把时间还给你要紧的事。`
        : `## 放进你的一天\n\n早上出门前，不用多想，伸手就拿得到；忙起来的时候，它安静待在该在的地方；晚上收好，第二天接着用。好东西不必天天被夸，只要天天被用到。`,
    ),
    may(
      2,
      `## 三步上手\n\n1. **说**：告诉我们你现在怎么做、最烦哪一步。\n2. **试**：先用在一件小事上${offers[1] ? `，比如${offers[1].steps[0]}` : '，感受一次完整的过程'}。\n3. **看**：一周后对照记录，有用就留下，没用就调整。`,
    ),
    ...wishes.map((wish) =>
      must(
        `## 随附：${wish}\n\n${list(tips.slice(0, 4).map(({ name, steps }) => `${name}——${steps[0]}，${steps[1]}`))}`,
      ),
    ),
    must(
      `## 你可能想问\n\n${questions.map(([question, answer]) => `**问：${question}**\n答：${answer}`).join('\n\n')}`,
    ),
    ...offers
      .slice(3)
      .map(({ name, why, example }, index) =>
        may(3 + index, `**再多说一点：${name}。**${why}。${example}。`),
      ),
    must(`## 下一步\n\n${action}。不催单，不绕弯，问清楚了再选。`),
    must(
      `## 多渠道短文案\n\n**朋友圈**：${brief.moment.replace(/。$/, '')}${isHowTo ? `……后来换了个次序，从${terms[0]}开始，一天一个小动作。想看看怎么做的，来问我。` : `……所以我自己整理了三条标准，专看${terms[0]}。在考虑${noun}的朋友，来找我要清单。`}\n\n**海报短句**：\n${list(isHowTo ? ['先理次序，再使力气', '小一步，稳一步', '把时间还给要紧事'] : ['用得上，才算好', '三条标准，挑得明白', '放进每天里的安心'])}\n\n**短信**：${isHowTo ? `${act}，可以从十分钟开始。回复“了解”，我们把第一步发给你` : `在考虑${noun}？回复“了解”，我们把挑选的三条标准发给你`}；不需要请忽略。`,
    ),
  ]
}
