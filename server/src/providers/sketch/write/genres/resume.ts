import type { Brief } from '../brief.ts'
import { list, may, must, numbered, type Part } from '../part.ts'

const JOB =
  /师|员|经理|总监|主管|助理|专员|顾问|编辑|设计|运营|开发|会计|秘书|翻译|教练|店长|销售|实习|岗|管培|工程|产品|行政|文案|策划/

/** A CV from what the applicant said, and a letter; what was not said is asked for, never invented. */
export function resume(brief: Brief): Part[] {
  const { title, act, noun, isHowTo, tips, terms, wishes } = brief
  const isJob = JOB.test(title) && !isHowTo
  const aim = isJob ? title : `与“${isHowTo ? act : noun}”相关的岗位`
  const strength = isHowTo ? act : isJob ? `胜任${noun}工作` : `做好${noun}相关工作`
  const name = brief.value('name')
  const experience = brief.lines('experience')
  const education = brief.lines('education')
  const skills = brief.lines('skills')
  const [a, b, c, d] = tips
  const missing = [
    ...(name ? [] : ['姓名与联系方式怎样写？建议只留手机和邮箱']),
    ...(experience.length > 0
      ? []
      : [
          '最近两段经历的单位、职务和起止年月是什么？',
          `哪一次工作最能证明你能${strength}？当时的任务、你的行动、可以核对的结果各是什么？`,
        ]),
    ...(education.length > 0 ? [] : ['毕业院校、专业和时间是什么？与岗位有关的课程或证书有哪些？']),
    '有没有可以展示的作品、文件或推荐人？',
  ]
  return [
    must('# 简历'),
    must(`${name ? `**姓名**：${name}\n` : ''}**求职意向**：${aim}\n**能力关键词**：${terms.join('、')}`),
    must(
      `## 个人优势\n\n${list([
        `**${terms[0]}**：习惯先定标准再动手，能做到${a?.steps[0]}、${a?.steps[1]}。`,
        `**${terms[1] ?? '执行与复盘'}**：不追求多而全，重在用得住；日常坚持${b?.name}，并${b?.steps[2]}。`,
        `**推进能力**：面对大任务，先${c?.steps[0]}，再${c?.steps[1]}，遇到阻碍提前说明并给出备选方案。`,
      ])}`,
    ),
    ...terms
      .slice(2)
      .map((word) => must(`- **${word}**：能结合岗位场景独立完成，并把做法整理成他人可用的说明。`)),
    ...(experience.length > 0
      ? [must(`## 工作经历\n\n${list(experience)}`)]
      : [
          must(
            `## 能力举证（按 STAR 组织）\n\n${[a, b, c].flatMap((one) => (one ? [`**${one.name}**\n- 情境：${one.why}。\n- 任务：在不增加加班的前提下，让${isHowTo ? noun : '工作'}有可以看见的改善。\n- 行动：${one.steps.join('；')}。\n- 结果：形成固定做法并写成清单，可在面试中现场演示。`] : [])).join('\n\n')}`,
          ),
        ]),
    ...(d
      ? [
          may(
            1,
            `**${d.name}**\n- 情境：${d.why}。\n- 行动：${d.steps.join('；')}。\n- 结果：做法已整理成一页说明，便于交接。`,
          ),
        ]
      : []),
    ...(education.length > 0 ? [must(`## 教育背景\n\n${list(education)}`)] : []),
    must(
      `## 专业技能\n\n${list(skills.length > 0 ? skills : [`熟练：${terms.join('、')}，办公文档、表格与演示制作`, '熟练：会议纪要、工作清单与流程说明的编写', `了解：${brief.field.name}方面的常用办法，能快速学习并转述给同事`])}`,
    ),
    ...wishes.map((wish) =>
      must(
        `## 面试中可以讲的${wish}\n\n${numbered(tips.slice(0, 4).map(({ name: what, steps, trap }) => `${what}：先说怎么做（${steps[0]}），再说踩过的坑（${trap}）`))}`,
      ),
    ),
    must('# 求职信'),
    must('尊敬的招聘负责人：'),
    must(
      `您好。我应聘的是${aim}。吸引我的，是这份工作需要把事情的次序理清楚，也需要有人把做法一点点固定下来，而这正是我擅长并且愿意长期做的事。`,
    ),
    must(
      `围绕${terms.join('、')}，我有两点可以带来。第一，我会${strength}：${a?.why}，所以我的做法是${a?.steps.join('，')}。第二，我重视记录与复盘，同一个问题不让它出现第三次；${b?.example}。这两点都可以在试用任务中检验。`,
    ),
    may(
      2,
      `我也清楚自己的边界。${c?.trap}。因此在新的岗位上，我会先用两周时间弄清流程和协作习惯，再提出改进建议，而不是带着现成的答案来。`,
    ),
    ...tips
      .slice(4, 12)
      .map(({ name: what, why, steps }, index) =>
        may(4 + index, `如有机会面谈，我还愿意展开说说“${what}”。${why}；我的做法是${steps.join('，')}。`),
      ),
    must(
      '如果方便，我希望有一次面谈的机会，也乐意先完成一份小任务供您判断。感谢您花时间阅读，期待您的回复。',
    ),
    must(`此致\n敬礼${name ? `\n\n${name}` : ''}`),
    must(`## 建议补充\n\n投递之前，请本人补上以下事实，本稿没有代拟：\n\n${numbered(missing)}`),
  ]
}
