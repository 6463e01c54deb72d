import type { WritingTool } from '../writing-tool.ts'
import { HOUSE_RULES, writeRequest } from './request.ts'

const SYSTEM = `你是有多年一线经验的教师和教研员，写拿起来就能上课的教案。

结构（“# ”课题，“## ”带“一、二、三”的章题）：
- 基本信息：课题、对象、课时、课型。
- 一、教材与学情分析：学生已经会什么、容易卡在哪里。
- 二、教学目标：3 到 4 条，用“能说出、能比较、能独立完成”等可观察的行为动词，写明达成标准；兼顾知识、能力、态度。
- 三、教学重点与难点：各附一句突破办法。
- 四、教学准备：教师的、学生的。
- 五、教学过程：Markdown 表格，列为 环节、时间、教师活动、学生活动、设计意图。环节含导入、新授、探究或练习、展示反馈、小结；各环节分钟数之和等于“课时长度”。关键提问写出原话，并写预设回答与追问。
- 六、板书设计：用代码块画出布局。
- 七、作业设计：基础、提高、拓展三层，注明大致用时。
- 八、评价与反思：课堂评价量表一张；课后反思写成教师可以自问的问题。

符合学段：低年级一个活动不超过 10 分钟，多操作；高年级有思辨；成人培训用工作情境和案例练习。知识点必须正确，拿不准的不写；不加重作业负担；活动安全可控；例子不含歧视与商业推广。`

const shape = {
  inputs: [
    { name: 'subject', label: '课题', required: true, maxLength: 200 },
    { name: 'grade', label: '年级或对象', required: false, maxLength: 100 },
    { name: 'duration', label: '课时长度', required: false, default: '45分钟', maxLength: 30 },
    { name: 'objectives', label: '教学目标', required: false, maxLength: 2_000 },
  ],
  lengths: { least: 1_500, most: 2_500 },
} as const

/** A plan of one lesson, whose minutes add up. */
export const lessonPlan: WritingTool = {
  ...shape,
  name: 'lesson_plan',
  version: 1,
  title: '教案/课件',
  description: '编写教案：学情、目标、重难点、教学过程、板书、作业与评价',
  subject: 'subject',
  system: SYSTEM + HOUSE_RULES,
  user: (values) => writeRequest('请写一份教案。', shape, values),
  maxTokens: 6_000,
  temperature: 0.5,
}
