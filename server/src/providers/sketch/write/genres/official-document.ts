import type { Brief } from '../brief.ts'
import { may, must, ordinal, type Part } from '../part.ts'

type Kind = { name: string; opening: string; ending: string; receiver: string }

const KINDS: readonly [Kind, ...Kind[]] = [
  { name: '通知', opening: '现就有关事项通知如下', ending: '特此通知。', receiver: '各部门、各单位' },
  { name: '请示', opening: '现将有关情况请示如下', ending: '妥否，请批示。', receiver: '上级主管部门' },
  { name: '报告', opening: '现将有关情况报告如下', ending: '特此报告。', receiver: '上级主管部门' },
  { name: '函', opening: '现就有关事项函告如下', ending: '特此函达，请予支持并函复。', receiver: '有关单位' },
  { name: '意见', opening: '现提出以下意见', ending: '请结合实际认真贯彻执行。', receiver: '各部门、各单位' },
  {
    name: '纪要',
    opening: '现将议定事项纪要如下',
    ending: '请各责任单位按照分工抓好落实。',
    receiver: '各部门、各单位',
  },
]

/** In the form of GB/T 9704: a title with its kind, an addressee, numbered sections, the proper closing words. */
export function officialDocument(brief: Brief): Part[] {
  const { act, noun, isHowTo, tips, terms, wishes } = brief
  const asked = brief.value('doc_type')
  const kind = KINDS.find(({ name }) => asked.includes(name)) ?? KINDS[0]
  const isUpward = kind.name === '请示' || kind.name === '报告'
  const matter = isHowTo ? `${act}` : `做好${noun}有关工作`
  const content = brief.lines('content')
  const issuer = brief.value('issuer')
  const who = isUpward ? '我单位' : kind.name === '函' ? '双方' : '各部门、各单位'
  const measures = tips.map(({ name, why, steps, trap }, index) => {
    const text = `（${ordinal(index)}）${name}。${why}。${who}要结合实际，${steps.join('，')}。`
    return [
      index < 3 ? must(text) : may(index, text),
      may(index < 3 ? 2 + index / 10 : index + 0.1, `工作中应当注意：${trap}。`),
    ]
  })
  const given = content.map((line, index) => must(`（${ordinal(index)}）${line.replace(/[。.]?$/, '。')}`))
  const headings = {
    通知: ['一、总体要求', '二、主要任务', '三、工作步骤', '四、组织实施'],
    意见: ['一、总体要求', '二、重点任务', '三、实施步骤', '四、保障措施'],
    请示: ['一、请示事由', '二、拟采取的措施', '三、实施安排', '四、请求事项'],
    报告: ['一、基本情况', '二、主要做法', '三、推进情况', '四、下一步打算'],
    函: ['一、有关情况', '二、拟商洽的事项', '三、时间安排', '四、联系与配合'],
    纪要: ['一、会议议题', '二、议定事项', '三、任务分工', '四、工作要求'],
  }[kind.name] ?? ['一、总体要求', '二、主要任务', '三、工作步骤', '四、组织实施']
  return [
    must(`${issuer}关于${matter}的${kind.name}`),
    must(`${brief.value('receiver') || kind.receiver}：`),
    must(
      `为进一步${matter}，推动${terms.join('、')}等工作落到实处，根据工作需要，结合本单位实际，经研究，${kind.opening}。`,
    ),
    must(headings[0] ?? ''),
    must(
      `坚持问题导向、分工负责、务求实效的原则，把${noun}与日常业务同部署、同检查，做到目标明确、措施具体、责任到人，切实防止形式化和重复劳动。`,
    ),
    may(
      1,
      `围绕${terms.join('、')}，重点解决职责不够清楚、流程衔接不畅、事项重复办理等问题，形成可以检查、可以长期坚持的工作办法。`,
    ),
    must(headings[1] ?? ''),
    ...(given.length > 0 ? given : measures.flat()),
    ...(given.length > 0
      ? measures
          .flat()
          .filter(({ rank }) => rank > 0)
          .map(({ text, rank }) => may(rank, text.replace(/^（.+?）/, '')))
      : []),
    ...wishes.map((wish) =>
      must(`在推进过程中，要注意总结提炼${wish}，形成便于学习、便于执行的书面材料，供各岗位参照使用。`),
    ),
    must(headings[2] ?? ''),
    must('（一）部署阶段。明确牵头人员和责任分工，摸清现状，列出问题清单和任务清单。'),
    must('（二）实施阶段。对照任务清单逐项推进，遇有跨部门事项由牵头部门协调解决，重要情况及时报送。'),
    must('（三）总结阶段。对完成情况进行自查，梳理有效做法，对未完成事项说明原因并提出改进措施。'),
    must(headings[3] ?? ''),
    must(
      isUpward
        ? '我单位将加强组织领导，明确专人负责，严格按照上述安排推进，并及时报告进展情况。'
        : '各单位主要负责同志要亲自过问，明确具体负责人，加强督促检查；对落实中的困难和建议，及时反馈牵头部门。',
    ),
    may(
      1.5,
      '要严格执行有关规定，坚持厉行节约，不增加基层负担，不以会议和材料代替落实；工作成效以问题解决情况和服务对象的评价为准。',
    ),
    may(1.6, '各环节形成的清单、记录和总结材料应当妥善归档，作为后续检查和改进工作的依据。'),
    must(kind.ending),
    must(`${issuer ? `${issuer}\n` : ''}（成文日期以签发之日为准）`),
  ]
}
