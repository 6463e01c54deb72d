import type { Brief } from '../brief.ts'
import { goOn, list, may, must, numbered, type Part } from '../part.ts'

const JOB =
  /师|员|经理|总监|主管|助理|顾问|编辑|设计|运营|开发|会计|秘书|翻译|教练|店长|销售|实习|岗|管培|行政|文案|策划/

/** Sentences that hold up when somebody asks back, without a figure or a name that nobody gave. */
const CAPABILITIES = [
  [
    '目标拆解',
    '面对周期长、要求模糊的任务，与负责人确认三条验收标准，拆成每周可交付的小节点，按节点汇报，最终按期交付并形成可复用的任务清单。',
  ],
  [
    '流程改进',
    '发现同一份信息被重复填报，梳理各环节的用途，合并表单并统一口径，推动相关同事试用两周后固定下来，减少了往返核对。',
  ],
  [
    '跨部门协作',
    '项目因职责交叉而停滞时，主动列出待决事项与各方顾虑，促成一次短会，会上明确负责人和期限，会后当天发出纪要并逐项跟踪到办结。',
  ],
  [
    '问题分析',
    '接到反复出现的投诉，先按原因分类计数，定位到占比较高的一类，提出改法并小范围验证，确认有效后再推广。',
  ],
  [
    '文档沉淀',
    '在岗位交接中发现关键步骤只存在于个人经验里，用两周把常见任务写成带示例的操作说明，新同事可以据此独立完成。',
  ],
  ['风险预警', '在项目中期发现关键环节依赖单一人员，及时上报并安排备份与演练，人员临时变动时工作未受影响。'],
  [
    '服务意识',
    '对服务对象的问题做到当天回应，无法当天解决的说明原因和时间，事后回访并把高频问题整理成问答。',
  ],
] as const

/** A CV from what the applicant said, and a letter; what was not said is asked for, never invented. */
export function resume(brief: Brief): Part[] {
  const { title, act, noun, isHowTo, doing, keywords, wishes } = brief
  const terms = keywords.length > 0 ? keywords : ['目标拆解', '流程改进', '跨部门协作']
  const isJob = JOB.test(title) && !isHowTo
  const aim = isJob ? title : `与“${isHowTo ? act : noun}”相关的岗位`
  const strength = isHowTo ? act : isJob ? `胜任${noun}的工作` : `做好${noun}相关工作`
  const name = brief.value('name')
  const experience = brief.lines('experience')
  const education = brief.lines('education')
  const skills = brief.lines('skills')
  const missing = [
    ...(name ? [] : ['姓名与联系方式怎样写？建议只留手机和邮箱。']),
    ...(experience.length > 0
      ? []
      : [
          '最近两段经历的单位、职务和起止年月是什么？',
          `哪一次工作最能证明你能${strength}？当时的任务、你的行动、可以核对的结果各是什么？`,
        ]),
    ...(education.length > 0 ? [] : ['毕业院校、专业和时间是什么？与岗位有关的课程或证书有哪些？']),
    '有没有可以展示的作品、文件或推荐人？',
  ]
  const history =
    experience.length > 0
      ? [must(`## 工作经历\n\n${list(experience)}`)]
      : [
          must(
            '## 经历的写法（STAR 示范）\n\n没有收到具体经历，以下是写好的句式。请只保留本人真正做过的，并换上自己的对象、数量和时间。',
          ),
          must(list(CAPABILITIES.slice(0, 3).map(([what, star]) => `**${what}**：${star}`))),
          ...CAPABILITIES.slice(3).map(([what, star], index) =>
            goOn(3 + index, `- **${what}**：${star}`, '\n'),
          ),
        ]
  return [
    must('# 简历'),
    must(
      list([
        ...(name ? [`**姓名**：${name}`] : []),
        `**求职意向**：${aim}`,
        `**能力关键词**：${terms.join('、')}`,
      ]),
    ),
    must(
      `## 个人优势\n\n${list([
        `**${terms[0]}**：先定标准再动手，任务开始前能说清做到什么程度、何时完成、怎样检查。`,
        `**${terms[1] ?? '执行与复盘'}**：不追求多而全，重在用得住；选定的做法会写成步骤，换一个人也能接着做。`,
        ...terms.slice(2, 8).map((word) => `**${word}**：能结合岗位场景独立完成，并讲清其中的取舍。`),
        '**推进能力**：大任务先拆成当天能完成的动作；遇到阻碍提前说明，并带着备选方案来商量。',
      ])}`,
    ),
    ...history,
    ...(education.length > 0 ? [must(`## 教育背景\n\n${list(education)}`)] : []),
    must(
      `## 专业技能\n\n${list(
        skills.length > 0
          ? skills
          : [
              `熟练：${terms.slice(0, 6).join('、')}，办公文档、表格与演示制作`,
              '熟练：会议纪要、工作清单与流程说明的编写',
              '了解：常用数据与协作工具，能快速学习并转述给同事',
            ],
      )}`,
    ),
    ...wishes.map((wish) =>
      must(
        `## 面试中可以讲的${wish}\n\n${numbered(doing.slice(0, 3).map(({ name: what, steps, trap }) => `${what}。先说做法：${steps[0]}，${steps[1]}；再说体会：${trap}。`))}`,
      ),
    ),
    must('# 求职信'),
    must('尊敬的招聘负责人：'),
    must(
      `您好。我应聘的是${aim}。吸引我的，是这份工作需要把事情的次序理清楚，也需要有人把做法一点点固定下来，而这正是我擅长并且愿意长期做的事。`,
    ),
    must(
      `围绕${terms.slice(0, 4).join('、')}，我有两点可以带来。第一，我愿意也能够${strength}：接到任务，先弄清标准和期限，再拆成当天能做完的动作，做完一件记一件，进度随时可以查看。第二，我重视复盘，同一个问题不让它出现第三次；有效的做法会写成一页说明，交给需要的同事。这两点都可以在试用任务中检验。`,
    ),
    may(
      2,
      '我也清楚自己的边界。换一个环境，原来的办法不一定都管用。因此入职之后，我会先用两周弄清流程和协作习惯，再提出改进建议，而不是带着现成的答案来。',
    ),
    must(
      '如果方便，我希望有一次面谈的机会，也乐意先完成一份小任务供您判断。感谢您花时间阅读，期待您的回复。',
    ),
    must(`此致\n敬礼${name ? `\n\n${name}` : ''}`),
    may(
      10,
      `# 附：一分钟自我介绍\n\n您好，我想应聘的是${aim}。我给自己的要求是三句话：先问清楚，再动手；做完一件，记下一件；好用的办法，写出来给别人用。过去的工作里，我最看重的能力是${terms[0]}，因为它决定了后面的力气会不会白费。如果加入团队，前两周我会先看、先记、先请教，第三周开始认领一件小而具体的事，做到您满意为止。`,
    ),
    may(
      11,
      `# 附：面试可能被问到的问题\n\n${numbered([
        `为什么选择${aim}？答：从岗位真正要解决的问题说起，再说自己做过的哪一件事与它相像。`,
        '最近一次没做好的事是什么？答：选一件真事，说清原因和之后改了什么，不把责任推给别人。',
        '任务同时来了三件怎么办？答：问清期限和影响，给出排序的理由，请负责人确认。',
        '和同事意见不一致怎么处理？答：先复述对方的意思，再摆事实，约定用小范围的试行来检验。',
        '还有什么想问我们？答：问三个月后怎样算做得好，问团队现在最缺的一块是什么。',
      ])}`,
    ),
    ...doing
      .slice(3, 12)
      .map(({ name: what, why, steps }, index) =>
        may(12 + index, `**可展开的话题 ${index + 1}：${what}。**${why}；做法上，${steps.join('，')}。`),
      ),
    must(`## 建议补充\n\n投递之前，请本人补上以下事实，本稿没有代拟：\n\n${numbered(missing)}`),
  ]
}
