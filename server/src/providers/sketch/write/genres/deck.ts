import type { DeckContent, Slide } from '../../../../kernel/ports/deck-renderer.ts'
import { type Brief, cleanLine, cut } from '../brief.ts'
import { explainKeyword } from '../keyword.ts'

/** With a chart and its table for each, and the others, no more than 40 slides. */
const MOST_CHAPTERS = 16
/** More do not fit on one agenda. */
const MOST_AGENDA = 10
/** Bounds of a deck are counted in units of UTF-16. */
const clip = (text: string, most: number): string => cut(text, most, most)

type Bullet = { text: string; points?: readonly string[] }
type Angle = { match: RegExp; bullets: (topic: string) => readonly Bullet[]; notes: string }

const b = (text: string, ...points: string[]): Bullet => (points.length > 0 ? { text, points } : { text })

/** What a chapter is about, by its heading: each angle asks and answers what an audience expects there. */
const ANGLES: readonly Angle[] = [
  {
    match: /介绍|简介|概述|背景|是什么|关于|缘起/,
    bullets: (topic) => [
      b('为谁而做', '每天都会遇到这件事的人', '试过几种办法，仍觉得不顺手的人'),
      b('想解决什么', '步骤多，要在几处来回切换', '出了差错，不容易看出在哪一步'),
      b('我们的取舍', '先把最常用的一条路走通', '用得少的，宁可先不做'),
      b('今天会看到什么', `${topic}的一次完整过程`, '一份下一步的安排'),
    ],
    notes:
      '先讲一位使用者的一天，再翻到本页。四点各用一句话带过；讲到取舍时放慢，说清不做什么，后面的内容会更可信。',
  },
  {
    match: /功能|特点|特性|亮点|优势|卖点|能力/,
    bullets: () => [
      b('好功能的第一条标准：常用', '每天都会碰到的场景优先', '三步之内走完'),
      b('第二条：少出错', '要紧的操作先确认', '做错了能退回'),
      b('第三条：接得上', '保留原来熟悉的做法', '数据进得来，也带得走'),
      b('按这三条看演示', '一边看，一边给每一项打分', '分低的地方，正是要听的意见'),
    ],
    notes:
      '本页给出评判的标准，随后进入现场演示，让听众按标准打分。演示前备好断网时的录屏；每演示一项，停下来问一句：这一步现在是怎么做的？',
  },
  {
    match: /市场|竞争|竞品|行业|客户|用户|需求/,
    bullets: () => [
      b('客户分三层', '正在找办法的', '知道有问题、还没行动的', '尚未意识到的'),
      b('规模自下而上地算', '可触达人数 × 试用率 × 付费率', '每个数都写明来源'),
      b('真正的对手是现有做法', '自己动手', '通用工具', '请人代劳'),
      b('先服务需要迫切的人', '从一个渠道开始', '连续四周，看同一个指标'),
    ],
    notes:
      '不引用无法核对的行业总量。讲清算法，比报出一个大数更有说服力；如已有实测数据，请在本页换成自己的数字。',
  },
  {
    match: /计划|规划|路线|步骤|安排|进度|里程碑|下一步|落地|实施/,
    bullets: () => [
      b('第一步：验证', '小范围试行两周', '只看一到两个指标'),
      b('第二步：固化', '把有效的做法写成清单', '明确负责人与期限'),
      b('第三步：推广', '一次扩大一个范围', '保留退回的办法'),
      b('贯穿始终：复盘', '每周一次', '只回答继续、调整还是停止'),
    ],
    notes: '逐条说出负责人和期限，当场确认。有人提出新的想法，先记下来，不改变本次要定的事项。',
  },
  {
    match: /风险|问题|挑战|痛点|不足|难点|困难/,
    bullets: () => [
      b('看得见的风险', '时间不够', '人手交叉', '标准不一'),
      b('看不见的风险', '以为大家都知道', '依赖某一个人', '没有退路'),
      b('提前准备', '写下触发信号', '备好替代方案', '约定停止的条件'),
      b('发生之后', '先止损', '再查原因', '最后改流程'),
    ],
    notes: '主动讲风险，而不是等人来问。每一项都给出触发信号，让听众知道这些已经想过。',
  },
  {
    match: /团队|组织|分工|人员/,
    bullets: () => [
      b('一件事，一个名字', '结果有人负责', '过程有人配合'),
      b('一张清单，一处更新', '进度对所有人可见', '变化当天写上'),
      b('固定的对接时间', '每周一次，半小时以内', '会后十分钟发出小结'),
    ],
    notes: '介绍人的时候，讲他负责什么，不念头衔。请各位负责人自己说一句接下来要做的事。',
  },
  {
    match: /财务|预算|成本|价格|定价|收入|盈利|商业模式/,
    bullets: () => [
      b('钱从哪里来', '谁付费', '为省下的时间和减少的差错付费'),
      b('钱花在哪里', '交付', '获客', '日常运转'),
      b('盯住三个数', '获客成本', '首单毛利', '续费时长'),
      b('留出余地', '固定支出不超过经常性收入', '保留应急的现金'),
    ],
    notes: '没有实测的数字一律说成假设，并讲清楚怎样验证。',
  },
  {
    match: /总结|结论|展望|结语|回顾/,
    bullets: (topic) => [
      b(`关于${topic}，今天说清了三点`, '为什么值得做', '从哪里开始', '怎样知道有用'),
      b('接下来', '负责人与期限当场确认', '一周后看第一次结果'),
      b('仍待弄清的', '记在清单上，逐项答复'),
    ],
    notes: '请一位听众用自己的话复述结论，再补充遗漏。',
  },
]

const FIGURE = /^(.{1,20}?)[:：\s]*(-?\d+(?:\.\d+)?)\s*(%|％|万元|亿元|元|万|人|个|次|天|小时|分钟|台|件)?$/u

type Figures = { categories: string[]; values: number[]; unit: string | undefined }

/** Figures of an outline item, such as `季度销量：一季度 120、二季度 150`; undefined when it gives none to compare. */
export function readFigures(item: string): Figures | undefined {
  const [, rest] = /^.{1,40}?[:：](.+)$/u.exec(item) ?? []
  const found = (rest ?? '')
    .split(/[、,，;；]/)
    .map((one) => FIGURE.exec(one.trim()))
    .filter((one) => one !== null)
  if (found.length < 2) return undefined
  const units = new Set(found.map(([, , , unit]) => unit?.replace('％', '%')))
  if (units.size > 1) return undefined
  return {
    categories: found.map(([, name]) => clip((name ?? '').trim(), 40)).slice(0, 12),
    values: found.map(([, , value]) => Number(value)).slice(0, 12),
    unit: [...units][0],
  }
}

function toChapter(brief: Brief, item: string, index: number): Slide[] {
  const figures = readFigures(item)
  const heading = clip((figures ? item.split(/[:：]/)[0] : item)?.trim() || item, 60)
  if (figures) {
    const { categories, values, unit } = figures
    const isShare =
      unit === '%' &&
      values.every((value) => value >= 0) &&
      Math.abs(values.reduce((a, c) => a + c, 0) - 100) < 0.5
    const isTime = categories.every((name) => /年|月|季|周|日|Q\d|\d/.test(name))
    const chart = isShare ? 'pie' : isTime ? 'line' : 'bar'
    const top = values.indexOf(Math.max(...values))
    const low = values.indexOf(Math.min(...values))
    const shown = (at: number): string => `${categories[at]}（${values[at]}${unit ?? ''}）`
    return [
      {
        kind: 'chart',
        title: heading,
        chart,
        categories,
        series: [{ name: heading, values }],
        ...(unit && { unit }),
        notes: `数字来自所给大纲，未作改动。较高的是${shown(top)}，较低的是${shown(low)}。请补充口径与来源，再解释差别从何而来。`,
      },
      {
        kind: 'table',
        title: `${clip(heading, 50)}：明细`,
        columns: ['项目', unit ? `数值（${unit}）` : '数值'],
        rows: categories.map((name, at) => [name, String(values[at])]),
        notes: '本页供需要核对数字的听众参考，讲解时可以略过。',
      },
    ]
  }
  const angle = ANGLES.find(({ match }) => match.test(heading))
  const tip = brief.tips[index % brief.tips.length]
  const bullets: readonly Bullet[] = angle?.bullets(brief.noun) ?? [
    b(`为什么要谈${heading}`, tip ? clip(tip.why, 60) : '先说清与听众的关系'),
    ...(tip
      ? [
          b(tip.name, ...tip.steps),
          b('容易出错的地方', ...tip.trap.split(/[；;]/).slice(0, 2)),
          b('可以参照的例子', tip.example),
        ]
      : []),
  ]
  return [
    {
      kind: 'bullets',
      title: heading,
      bullets: bullets.map(({ text, points }) => ({
        text: clip(text, 100),
        ...(points && { points: points.map((point) => clip(point, 120)) }),
      })),
      notes: `围绕“${heading}”，${angle?.notes ?? '先请听众说说自己的做法，再展开本页；三步各举一个身边的例子，用时约三分钟。'}`,
    },
  ]
}

/** The content of a deck: title, agenda, a chapter for each item of the outline, what comes next. Nothing invented. */
export function deckContent(brief: Brief, outline: readonly string[]): DeckContent {
  const given = outline
    .map(cleanLine)
    .filter((item) => item !== '')
    .slice(0, MOST_CHAPTERS)
    .map((item) => clip(item, 200))
  const items =
    given.length > 0
      ? given
      : brief.isHowTo
        ? ['背景与问题', ...brief.tips.slice(0, 4).map(({ name }) => name), '下一步计划']
        : ['背景介绍', '核心内容', '需求与对象', '实施步骤', '风险与准备']
  const headings = items.map((item) => clip((readFigures(item) ? item.split(/[:：]/)[0] : item) ?? item, 40))
  const agendas =
    headings.length > MOST_AGENDA
      ? [headings.slice(0, Math.ceil(headings.length / 2)), headings.slice(Math.ceil(headings.length / 2))]
      : [headings]
  const subtitle =
    brief.keywords.length > 0
      ? clip(brief.keywords.join(' · '), 100)
      : clip(headings.slice(0, 3).join(' · '), 100)
  return {
    title: clip(brief.title, 120),
    subtitle,
    language: 'zh-CN',
    slides: [
      {
        kind: 'title',
        title: clip(brief.title, 120),
        subtitle,
        notes: `开场先说听众今天能带走什么：弄清${headings.slice(0, 3).join('、')}。用时约一分钟。`,
      },
      ...agendas.map(
        (part, at): Slide => ({
          kind: 'agenda',
          title: at === 0 ? '目录' : '目录（续）',
          items: part,
          notes: `今天分${headings.length}个部分。每部分结束时停一停，收集问题，最后统一回答。`,
        }),
      ),
      ...items.flatMap((item, index) => toChapter(brief, item, index)),
      ...(brief.keywords.length > 0
        ? [
            {
              kind: 'bullets' as const,
              title: '几个关键词',
              bullets: brief.keywords.slice(0, 6).map((word, at) => ({
                text: clip(word, 100),
                points: [clip(explainKeyword(word, at), 120)],
              })),
              notes: '逐个确认听众对这些词的理解是否一致。',
            },
          ]
        : []),
      {
        kind: 'closing',
        title: '谢谢',
        text: '请提出一个最想弄清的问题',
        notes:
          '先沉默五秒，等第一个问题。本稿由内置模板写作器 sketch 组成，不是 AI 模型的作品；讲之前请补上自己的事实与数字。',
      },
    ],
  }
}
