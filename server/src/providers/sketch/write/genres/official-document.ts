import type { Brief } from '../brief.ts'
import { goOn, may, must, ordinal, type Part } from '../part.ts'

type Kind = {
  name: string
  opening: string
  ending: string
  receiver: string
  headings: readonly [string, string, string, string]
}

const KINDS: readonly [Kind, ...Kind[]] = [
  {
    name: '通知',
    opening: '现就有关事项通知如下',
    ending: '特此通知。',
    receiver: '各部门、各单位',
    headings: ['总体要求', '主要任务', '工作步骤', '组织实施'],
  },
  {
    name: '请示',
    opening: '现将有关事项请示如下',
    ending: '妥否，请批示。',
    receiver: '上级主管部门',
    headings: ['请示事由', '拟采取的措施', '实施安排', '请求事项'],
  },
  {
    name: '报告',
    opening: '现将有关情况报告如下',
    ending: '特此报告。',
    receiver: '上级主管部门',
    headings: ['基本情况', '主要做法', '推进情况', '下一步打算'],
  },
  {
    name: '函',
    opening: '现就有关事项函商如下',
    ending: '特此函达，请予支持并函复。',
    receiver: '有关单位',
    headings: ['有关情况', '拟商洽的事项', '时间安排', '联系与配合'],
  },
  {
    name: '意见',
    opening: '现提出以下意见',
    ending: '请结合实际认真贯彻执行。',
    receiver: '各部门、各单位',
    headings: ['总体要求', '重点任务', '实施步骤', '保障措施'],
  },
  {
    name: '纪要',
    opening: '现将议定事项纪要如下',
    ending: '请各责任单位按照分工抓好落实。',
    receiver: '各部门、各单位',
    headings: ['会议议题', '议定事项', '任务分工', '工作要求'],
  },
]

/** What an authority can order in any matter, so that it can be checked. */
const MEASURES: readonly (readonly [string, string, string])[] = [
  [
    '明确目标任务',
    '将有关工作分解到岗位、落实到人员，逐项写明完成标准和时限，避免职责交叉和责任悬空',
    '目标确需调整的，由牵头部门提出理由，按程序报批后执行',
  ],
  [
    '优化工作流程',
    '全面梳理现有办理环节，取消没有必要的签批和重复填报，对保留环节明确办理时限和经办人员',
    '流程调整涉及其他部门的，应当事先征求意见，做好新旧衔接',
  ],
  [
    '规范会议和文件',
    '能合并的会议合并召开，会前明确议题，会后当日形成议定事项清单；可用简短书面材料说明的，不再专门开会',
    '会议原则上提前一个工作日发出通知和材料，与会人员按时到会',
  ],
  [
    '健全协作机制',
    '跨部门事项由牵头部门统一受理、统一跟踪，配合部门在约定时限内反馈，不得以口头答复代替书面意见',
    '出现分歧的，先按职责分工办理，同时提请分管负责同志协调',
  ],
  [
    '强化学习培训',
    '结合岗位需要组织学习，采取案例讲解、现场演练等方式，重点讲清怎么办、何时办、办到什么程度',
    '培训应当控制规模和时长，注重实效，不影响正常业务',
  ],
  [
    '完善台账管理',
    '建立统一的工作台账，记录事项来源、承办人员、进展情况和办结时间，做到一事一记、随办随记',
    '台账只登记必要信息，涉及个人信息和内部资料的，严格按照有关规定管理',
  ],
  [
    '加强督促检查',
    '采取定期调度与随机抽查相结合的方式了解进展，对逾期事项及时提醒，对反复出现的问题分析原因、督促整改',
    '检查应当统筹安排，避免多头检查、重复检查',
  ],
  [
    '注重结果运用',
    '把工作完成情况和服务对象评价作为改进工作的依据，对行之有效的做法及时总结推广，对效果不明显的做法予以调整',
    '评价以事实和记录为准，不以材料篇幅论成效',
  ],
]

const sentence = (text: string): string => text.replace(/[。.]?$/u, '。')

/** In the form of GB/T 9704: a title with its kind, an addressee, numbered sections, the proper closing words. */
export function officialDocument(brief: Brief): Part[] {
  const { act, noun, isHowTo, keywords, wishes, title } = brief
  const asked = brief.value('doc_type')
  const kind = KINDS.find(({ name }) => asked.includes(name)) ?? KINDS[0]
  const isUpward = kind.name === '请示' || kind.name === '报告'
  const matter = isHowTo ? act : `做好${noun}有关工作`
  const content = brief.lines('content')
  const issuer = brief.value('issuer')
  const subject = /^关于.+的$/.test(title) ? title : `关于${matter}的`
  const heading = (at: 0 | 1 | 2 | 3): Part => must(`${ordinal(at)}、${kind.headings[at]}`)
  const tasks = [
    ...content.map((line) => [sentence(line), ''] as const),
    ...keywords
      .slice(0, 3)
      .map((word, at) =>
        at % 2 === 0
          ? ([
              `围绕${word}改进工作。将${word}纳入日常管理，由牵头部门制定简明易行的操作办法，先在条件成熟的岗位试行，取得经验后逐步推开。`,
              '试行期间应当如实记录情况和问题，不得为完成指标而流于形式。',
            ] as const)
          : ([
              `规范${word}的使用和管理。对现有做法开展一次清理，保留确有成效的，停止重复低效的；需要新增的，按程序论证后统一安排。`,
              '清理结果在本单位范围内公开，接受干部职工监督。',
            ] as const),
      ),
    ...MEASURES.map(([name, how, note]) => [`${name}。${how}。`, `${note}。`] as const),
  ]
  const leastTasks = content.length > 0 ? content.length : Math.max(4, Math.min(3, keywords.length))
  return [
    must(`${issuer}${subject}${kind.name}`),
    must(`${brief.value('receiver') || kind.receiver}：`),
    must(
      `为${isHowTo ? `进一步${act}` : matter}，${keywords.length > 0 ? `推动${keywords.join('、')}落到实处，` : ''}根据工作需要，结合本单位实际，${isUpward ? '' : '经研究，'}${kind.opening}。`,
    ),
    heading(0),
    must(
      isUpward
        ? `${noun}关系日常工作的质量和进度。目前，我单位在职责划分、环节衔接和时间安排上还有可以改进之处，有必要统筹研究、系统推进。`
        : `坚持问题导向、分工负责、务求实效，把${noun}与日常业务同部署、同推进、同检查，做到目标明确、措施具体、责任到人。`,
    ),
    may(
      1,
      `当前，要着重解决职责不够清楚、流程衔接不畅、事项重复办理等问题，形成可以检查、可以长期坚持的工作办法，切实减轻基层负担。`,
    ),
    heading(1),
    ...tasks.flatMap(([text, note], index) => [
      index < leastTasks
        ? must(`（${ordinal(index)}）${text}${note && index < 2 ? note : ''}`)
        : may(index, `（${ordinal(index)}）${text}`),
      ...(note && index >= 2 ? [goOn(20 + index, note)] : []),
    ]),
    ...wishes.map((wish) =>
      must(`各有关人员要注意在实践中提炼${wish}，经牵头部门审核后汇编成册，作为岗位学习和业务交流的参考。`),
    ),
    heading(2),
    must('（一）部署阶段。明确牵头人员和责任分工，摸清现状，列出问题清单和任务清单。'),
    must('（二）实施阶段。对照清单逐项推进，跨部门事项由牵头部门协调解决，重要情况及时报送。'),
    must('（三）总结阶段。对完成情况开展自查，梳理有效做法，对未完成事项说明原因、提出改进措施。'),
    may(
      15,
      '各阶段的具体时间，由牵头部门结合业务安排另行明确，并留出必要的准备和衔接时间，防止集中布置、集中检查给正常工作造成影响。',
    ),
    heading(3),
    must(
      isUpward
        ? '我单位将加强组织领导，明确专人负责，严格按照上述安排推进，并及时报告进展情况。'
        : '各单位主要负责同志要亲自过问，明确具体负责人，加强督促检查；对落实中的困难和建议，及时反馈牵头部门。',
    ),
    may(
      13,
      '要严格执行有关规定，坚持厉行节约，不以会议和材料代替落实；工作成效以问题解决情况和服务对象的评价为准。',
    ),
    may(14, '各环节形成的清单、记录和总结材料应当妥善归档，作为后续检查和改进工作的依据。'),
    may(
      40,
      '要加强宣传引导，通过内部刊物、工作例会等渠道介绍做法、交流体会，营造主动改进、注重实效的氛围。对干部职工提出的合理意见，应当认真研究、及时回应；一时难以解决的，要说明情况。',
    ),
    may(
      41,
      '要统筹安全与进度，涉及信息系统、资金使用和外部协作的事项，应当先履行审批程序、落实安全措施，再组织实施。',
    ),
    may(
      42,
      '各单位可以根据本通知要求制定具体的落实安排，但不得层层加码，不得要求基层重复报送同类材料。'.replace(
        '本通知',
        kind.name === '通知' ? '本通知' : '上述',
      ),
    ),
    may(
      50,
      '要把握好节奏，先易后难、由点及面，对条件暂不具备的事项列出时间表，创造条件逐步推进；对已经取得成效的做法，要及时固化为制度，明确适用范围、办理程序和责任主体，避免因人员变动而中断。',
    ),
    may(
      51,
      '要加强沟通协调，牵头部门每月汇总一次进展情况，梳理需要统筹解决的问题，形成清单报分管负责同志研究；各承办单位应当指定一名联络员，负责日常联系和信息报送，做到事项有人接、进展有人问、结果有人答。',
    ),
    must(kind.ending),
    must(`${issuer ? `${issuer}\n` : ''}（成文日期以签发之日为准）`),
  ]
}
