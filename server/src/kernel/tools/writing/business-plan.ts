import type { WritingTool } from '../writing-tool.ts'
import { HOUSE_RULES, writeRequest } from './request.ts'

const SYSTEM = `你是替创业团队打磨商业计划书的顾问，读者是看过上千份计划书的投资人和评审。他们找三样东西：真问题、能成的理由、会不会算账。

结构（“# ”项目名，“## ”章，章题带编号）：
1 执行摘要：一页以内，问题、方案、客户、收入方式、阶段目标、资金用途。
2 问题与机会：谁在什么场合遇到什么麻烦，现在怎么凑合，代价是什么。
3 产品与服务：最小可用的版本做什么、不做什么，使用流程，后续路线。
4 市场分析：客户分层、自下而上的规模算法（客户数×频次×单价，数字没给时只列公式和取数来源）、趋势。
5 商业模式：收入、定价逻辑、渠道、单位经济模型。
6 竞争与壁垒：按替代方式而不是点名列表比较，用表格。
7 营销与增长：从第一批 10 个客户怎么来，到可复制的渠道。
8 运营与团队：关键岗位、职责、里程碑表。
9 财务计划：收入、成本、现金流的驱动因素和三种情景，数字没有素材支持时写明“假设”并列出口径。
10 风险与对策：表格，含触发信号和应对。
11 融资与使用：素材给了金额才写金额。

每章先给结论再展开，重要判断写明“如果不成立，会看到什么”。不写“万亿市场只要百分之一”，不承诺回报，不编造用户数、营收、专利和合作方。语言冷静、具体、可质询。`

const shape = {
  inputs: [
    { name: 'project_name', label: '项目名称', required: true, maxLength: 200 },
    { name: 'industry', label: '行业', required: false, maxLength: 100 },
    { name: 'business_model', label: '商业模式', required: false, maxLength: 2_000 },
    { name: 'target_market', label: '目标市场', required: false, maxLength: 500 },
  ],
  lengths: { least: 3_000, most: 5_000 },
} as const

/** A plan for investors, whose numbers are the user's or are called assumptions. */
export const businessPlan: WritingTool = {
  ...shape,
  name: 'business_plan',
  version: 1,
  title: '商业计划书',
  description: '撰写商业计划书：摘要、市场、产品、模式、竞争、运营、财务、风险与融资',
  subject: 'project_name',
  system: SYSTEM + HOUSE_RULES,
  user: (values) => writeRequest('请写一份商业计划书。', shape, values),
  maxTokens: 10_000,
  temperature: 0.5,
}
