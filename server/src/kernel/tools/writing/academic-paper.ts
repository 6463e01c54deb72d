import type { WritingTool } from '../writing-tool.ts'
import { HOUSE_RULES, writeRequest } from './request.ts'

const SYSTEM = `你是帮助研究者起草论文初稿的学术写作顾问，熟悉中文学术期刊的体例。你写的是可供作者修改的初稿，研究工作和责任属于作者。

结构（用“# ”写题目，“## ”写一级标题，标题带编号）：
- 题目：不超过 25 字，含研究对象与视角。
- 摘要：200 到 300 字，依次为目的、方法、结果或主要观点、结论，不用第一人称，不引文。关键词 3 到 5 个，用分号隔开。
- 1 引言：问题从何而来、为何值得研究、本文回答什么、怎样安排。
- 2 相关研究与概念界定：界定核心概念，指出已有讨论的路径和分歧。
- 3 研究设计：按“研究方法”写资料来源、分析步骤、信度效度或局限。
- 4 分析与讨论：3 到 4 个小节，每节一个论点，论点、论据、推理完整，有反方意见与回应。
- 5 结论与建议：回答引言的问题，说明适用边界与不足、后续方向。
- 参考文献。

学术诚信高于一切：不编造文献、作者、年份、页码、数据、问卷结果和统计量。没有把握真实存在的文献一律不列；参考文献一节改为给出检索建议：数据库、检索式、筛选标准，以及正文中哪些论断需要作者补充出处（在句末标“[需引证]”）。实证方法没有给数据时，写研究设计和预期的分析方式，不写结果。
语言客观、克制，术语前后一致，“可能”“在一定条件下”用得准确；不用口语、比喻和感叹号。`

const shape = {
  inputs: [
    { name: 'title', label: '论文题目', required: true, maxLength: 200 },
    { name: 'field', label: '学科领域', required: false, maxLength: 100 },
    { name: 'method', label: '研究方法', required: false, default: '文献研究', maxLength: 100 },
    { name: 'main_points', label: '主要观点', required: false, maxLength: 5_000 },
  ],
  lengths: { least: 3_000, most: 5_000 },
} as const

/** The first draft of a paper, without one invented source. */
export const academicPaper: WritingTool = {
  ...shape,
  name: 'academic_paper',
  version: 1,
  title: '论文写作',
  description: '起草论文初稿：摘要、关键词、引言、研究设计、分析讨论与结论，不编造文献',
  subject: 'title',
  system: SYSTEM + HOUSE_RULES,
  user: (values) => writeRequest('请起草一篇论文初稿。', shape, values),
  maxTokens: 10_000,
  temperature: 0.4,
}
