import type { Brief } from '../brief.ts'
import { defineKeyword } from '../keyword.ts'
import { tip } from '../knowledge/tip.ts'
import { list, may, must, numbered, type Part, table } from '../part.ts'
import { readSeconds } from './video-script.ts'

/** Minutes of a lesson; 10…240. */
const readMinutes = (text: string): number => {
  const hours = Number(/(\d(?:\.\d)?)\s*(?:小时|h)/i.exec(text.normalize('NFKC'))?.[1] ?? 0)
  const minutes = Number(/(\d{1,3})\s*(?:分|min)/i.exec(text.normalize('NFKC'))?.[1] ?? 0)
  return Math.min(240, Math.max(10, Math.round(hours * 60 + minutes) || Math.round(readSeconds('45分') / 60)))
}

const SHARES = [0.1, 0.3, 0.3, 0.2, 0.1]

/** Splits so that the parts are whole minutes and add up. */
function splitMinutes(total: number): number[] {
  let before = 0
  let share = 0
  return SHARES.map((one) => {
    share += one
    const until = Math.round(total * share)
    const minutes = until - before
    before = until
    return minutes
  })
}

/** For a lesson about a thing: how a class comes to know it. */
const LEARNING = [
  tip(
    '从现象入手',
    '先看见，再命名，概念才有地方落脚',
    ['出示一个看得见的现象或实例', '说出看到了什么', '说出想知道什么'],
    '描述与解释容易混在一起，先只说看到的，再说想到的',
    '例如用一件教室里就有的东西引出课题',
  ),
  tip(
    '用自己的话下定义',
    '能换一种说法，才说明真的理解',
    ['先独立写一句', '与同伴交换修改', '再与课本对照'],
    '不求一字不差，要看关键特征齐不齐',
    '例如要求一句话里出现两个关键词，却不许照抄',
  ),
  tip(
    '举正例与反例',
    '边界是在比较中看清的',
    ['各举两个正例', '举一个似是而非的反例', '说出反例差在哪里'],
    '反例太离谱就失去了作用，要选最容易弄错的那一个',
    '例如请同伴判断，并说出依据',
  ),
  tip(
    '用图表整理',
    '把关系画出来，漏掉的一环就藏不住',
    ['列出要点', '用箭头或表格连起来', '给关系写上名称'],
    '图不求好看，箭头没有名称才是问题',
    '例如三分钟内只用关键词画完',
  ),
  tip(
    '变一变条件',
    '换一个条件再看，才知道结论靠什么成立',
    ['选一个条件改掉', '先猜结果', '再验证并解释'],
    '一次只改一个条件，否则说不清是谁起了作用',
    '例如猜错的时候，请学生说出当时的理由',
  ),
  tip(
    '联系生活应用',
    '用得上的知识记得牢',
    ['找一处生活中的应用', '说明用到了哪一点', '指出它的限制'],
    '应用要真实，别为了联系而牵强',
    '例如请学生回家拍一张照片，第二天讲给大家听',
  ),
  tip(
    '用一道题检验',
    '会说不等于会做，检验要当堂完成',
    ['独立完成一道变式', '同桌互批', '把错因写成一句话'],
    '题目宁少勿多，讲清一道胜过做完五道',
    '例如把错因归成“没看清、没想到、没学会”三类',
  ),
] as const

/** One lesson that can be taught as it stands: verbs that can be seen, questions in their words, minutes that add up. */
export function lessonPlan(brief: Brief): Part[] {
  const { title, act, noun, isHowTo, isQuestion, terms, wishes } = brief
  const tips = isHowTo || isQuestion ? brief.tips : LEARNING
  const sheet = isHowTo ? '行动单' : '记录单'
  const grade = brief.value('grade') || '高中生及以上（可用于成人培训）'
  const total = readMinutes(brief.value('duration'))
  const minutes = splitMinutes(total)
  const goals = brief.lines('objectives')
  const [a, b, c, d] = tips
  const topic = isHowTo ? act : noun
  const row = (at: number, stage: string, teacher: string, learner: string, aim: string): string[] => [
    stage,
    `${minutes[at]}分钟`,
    teacher,
    learner,
    aim,
  ]
  return [
    must(`# 教案：${title}`),
    must(
      list([
        `课题：${title}`,
        `对象：${grade}`,
        `课时：1课时（${total}分钟）`,
        '课型：新授与活动结合',
        `关键词：${terms.join('、')}`,
      ]),
    ),
    must(
      `## 一、教材与学情分析\n\n${isHowTo ? `学生对${noun}有生活经验，也听过不少建议，但多停留在“知道”，少有人做过记录和比较。容易卡住的地方有两处：把目标说得太大，以及同时尝试太多办法。` : `学生对${noun}有零散的印象，但多来自听说，少有自己的观察和比较。容易卡住的地方有两处：把描述当成解释，以及凭一个例子就下结论。`}本课从一个真实的场景入手，让学生用自己的材料得出结论。`,
    ),
    must(
      `## 二、教学目标\n\n${numbered(
        goals.length > 0
          ? goals
          : [
              `能用自己的话说出${terms
                .slice(0, 3)
                .map((word) => `“${word}”`)
                .join('、')}的含义，并各举一个例子。`,
              `${isHowTo ? '能比较至少两种办法，说明各自适用的条件。' : '能举出正例与反例，说明判断的依据。'}`,
              isHowTo
                ? '能独立写出一份为期一周的行动单，包含动作、时间和判断标准。'
                : '能独立完成一份记录单，包含观察、依据和结论。',
              '愿意如实记录，接受同伴的提问，并据此修改。',
            ],
      )}`,
    ),
    must(
      `## 三、教学重点与难点\n\n${list([
        `重点：理解“${a?.name}”和“${b?.name}”背后的道理。突破办法：先体验，再命名。`,
        isHowTo
          ? '难点：把想法改写成可以判断是否完成的动作。突破办法：同桌互问“做到什么样算完成”，答不出就重写。'
          : '难点：分清描述与解释、事实与看法。突破办法：先只说看到的，再说想到的，同桌互相提醒。',
      ])}`,
    ),
    must(
      `## 四、教学准备\n\n${list([`教师：情境卡、计时器、${sheet}样张`, `学生：笔、${isHowTo ? '近三天的日程或作业记录' : '预习时写下的一个疑问'}`])}`,
    ),
    must(
      `## 五、教学过程\n\n${table(
        ['环节', '时间', '教师活动', '学生活动', '设计意图'],
        [
          row(
            0,
            '导入',
            isHowTo || isQuestion
              ? `朗读情境：“${brief.moment}”提问：“问题出在哪一步？”`
              : `出示一个与${noun}有关的实例或图片，提问：“看到了什么？和原来想的一样吗？”`,
            '独立想一分钟，再与同桌交换',
            '从经验出发，引出课题',
          ),
          row(
            1,
            '新授',
            `结合实例讲解${terms.join('、')}；示范“${a?.name}”：${a?.steps.join('，')}`,
            `边听边在${sheet}上写出自己的一例`,
            '把概念落到动作上',
          ),
          row(
            2,
            '探究',
            `四人一组，比较“${b?.name}”与“${c?.name}”，追问：“什么情况下它会不管用？”`,
            '分工记录理由与反例，形成一句结论',
            '学会说出条件，不迷信单一办法',
          ),
          row(
            3,
            '展示反馈',
            '请两组展示，用评价量表点评，补充易错点',
            '其他组提一个问题、给一条建议',
            '在对话中修正',
          ),
          row(
            4,
            '小结',
            isHowTo ? '请学生说出“我明天就做的一件事”，布置作业' : '请学生说出“今天最意外的一点”，布置作业',
            '写下并读给同桌听',
            isHowTo ? '从知道走向做到' : '把收获说出来，记得更牢',
          ),
        ],
      )}\n\n各环节合计${total}分钟。`,
    ),
    must(
      `### 关键提问与预设\n\n${list([
        `问：“${isHowTo ? `${noun}不理想，是因为投入不够吗` : `说到${noun}，你最先想到什么？这个印象从哪里来`}？” 预设：${isHowTo ? '不一定。追问：“举一个投入很多、结果却不好的例子。”' : '多来自听说或一次经历。追问：“换一个例子，还成立吗？”'}`,
        `问：“${a?.name}，难在哪里？” 预设：${a?.trap}。追问：“那可以先改哪一点？”`,
      ])}`,
    ),
    may(
      1,
      `### 讲解要点\n\n${terms.map((word, at) => `- ${word}：${defineKeyword(word, at)}。`).join('\n')}\n- ${a?.why}；${a?.example}。\n- ${b?.why}；${b?.example}。`,
    ),
    ...wishes.map((wish) =>
      must(
        `### ${wish}\n\n课堂上至少让学生动手试两条，课后任选一条坚持一周：\n\n${list(tips.slice(0, 5).map(({ name, steps }) => `${name}：${steps.join('，')}`))}`,
      ),
    ),
    must(
      `## 六、板书设计\n\n\`\`\`\n            ${title}\n  ${isHowTo ? '卡在哪里？  →  换个次序  →  一周行动单' : '看到什么？  →  怎样解释  →  用在哪里'}\n      │            │             │\n    写下来      ${a?.name}\n    比一比      ${b?.name}\n  关键词：${terms.join(' · ')}\n\`\`\``,
    ),
    must(
      `## 七、作业设计\n\n${list([
        `基础（约10分钟）：完善课堂上的${sheet}，请家人或同学读一遍，看是否说得清。`,
        isHowTo
          ? `提高（约15分钟）：按“${b?.name}”试做三天，每天记一行。`
          : `提高（约15分钟）：就${noun}各举一个正例和反例，写出判断的依据。`,
        isHowTo
          ? `拓展（自选）：采访一位在${topic}上有经验的人，写出他最看重的一步和理由。`
          : `拓展（自选）：找一处与${noun}有关的生活实例，拍照或画图，用一百字说明。`,
      ])}`,
    ),
    may(
      2,
      `### 分层支持\n\n${list([`需要帮助的学生：提供半成品${sheet}，只填空缺的两栏；必要时由教师示范“${c?.steps[0]}”。`, `学有余力的学生：分析“${d?.name}”的适用条件，并设计一个能推翻它的反例。`])}`,
    ),
    must(
      `## 八、评价与反思\n\n${table(
        ['评价内容', '达到', '基本达到', '需要努力'],
        [
          ['说清概念', '有自己的例子', '能复述', '混淆'],
          ['比较办法', '说出条件与反例', '说出优点', '只说好坏'],
          [`写${sheet}`, '要素齐全', '缺一项', '缺两项以上'],
        ],
      )}\n\n课后自问：哪个环节学生说得比我多？哪一个问题没有激起讨论，换一种问法会怎样？${sheet}里有多少是说得出依据的？`,
    ),
    ...tips
      .slice(3, 10)
      .map(({ name, why, steps, example }, index) =>
        may(
          3 + index,
          `### 补充案例 ${index + 1}：${name}\n\n${why}。${example}。课堂可请学生按“${steps.join('，')}”的次序演练一遍，再讨论哪一步最容易省掉、省掉会怎样。`,
        ),
      ),
  ]
}
