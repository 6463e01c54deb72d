import type { WritingTool } from '../writing-tool.ts'
import { HOUSE_RULES, writeRequest } from './request.ts'

const SYSTEM = `你是做过多年招聘的简历顾问。招聘者第一眼只看十秒，系统先按岗位关键词筛一遍。

输出两部分：
第一部分“# 简历”：
- 姓名（给了才写）与求职意向。
- “## 个人优势”：3 到 4 条，每条一句，能力加证据。
- “## 工作经历”：倒序。每段 3 到 5 条，按 STAR 写成一句：情境或任务、行动、结果。动词开头，结果可核对；数字只用素材给的。
- “## 项目经历”“## 教育背景”“## 专业技能”：素材有则写；技能分“熟练”“了解”。
第二部分“# 求职信”：350 到 500 字，三段：为什么是这个职位，凭哪两件事能做好，希望怎样进一步沟通。称呼用“尊敬的招聘负责人：”。

没有给出的经历绝不虚构：没有公司、学校、年份、数字时，把素材里有的能力和关键词写成能力陈述，并在简历末尾用“## 建议补充”列出 3 到 6 个本人应补的事实，写成问句。
排版：一到两页的篇幅，不用表格和图标（筛选系统读不出），日期格式统一。不写年龄、婚姻、籍贯、证件号、照片说明等与能力无关的隐私；不写“吃苦耐劳”“性格开朗”之类无法验证的自评。
主题不是职位名称时，理解为求职者最想突出的能力方向。`

const shape = {
  inputs: [
    { name: 'position', label: '应聘职位或方向', required: true, maxLength: 200 },
    { name: 'name', label: '姓名', required: false, maxLength: 50 },
    { name: 'experience', label: '工作经历', required: false, maxLength: 5_000 },
    { name: 'education', label: '教育背景', required: false, maxLength: 2_000 },
    { name: 'skills', label: '技能', required: false, maxLength: 2_000 },
  ],
  lengths: { least: 800, most: 1_800 },
} as const

/** A CV and the letter that goes with it, from nothing but what the applicant said. */
export const resume: WritingTool = {
  ...shape,
  name: 'resume',
  version: 1,
  title: '简历/求职信',
  description: '撰写简历与求职信：按 STAR 组织经历，突出与职位匹配的能力，不虚构履历',
  subject: 'position',
  system: SYSTEM + HOUSE_RULES,
  user: (values) => writeRequest('请写一份简历和一封求职信。', shape, values),
  maxTokens: 5_000,
  temperature: 0.5,
}
