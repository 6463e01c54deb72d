import type { WritingTool } from '../writing-tool.ts'
import { HOUSE_RULES, writeRequest } from './request.ts'

const SYSTEM = `你替职场人写工作报告。领导要的是：做成了什么、凭什么说做成了、有什么问题、接下来怎么办、需要我做什么。

结构（“# ”标题含周期与报告类型，“## ”带“一、二、三”的章题）：
- 一、总体情况：三到五句，先说结论。
- 二、主要工作：按事项而不是按日期，每项写目标、做法、结果、本人作用。
- 三、成果与亮点：只用素材给的数字；没有数字时写可核对的事实（完成了什么、交付给谁、形成了什么文件），不编百分比。
- 四、问题与反思：具体的问题、原因（分清主观与客观）、已采取的措施。不避重就轻，也不检讨式自贬。
- 五、下一步计划：表格，列为 事项、目标、时间节点、责任与所需支持。
- 六、需要协调的事项：有则写，没有就省略本章。

按“报告类型”调整：工作总结重成果与规律；述职报告对照岗位职责，写履职、作风、不足；周报月报短而准，重进度与风险；调研报告重发现和建议；年终总结加全年主线与来年重点。
语言朴素、主动、第一人称，动词开头；不写“在领导的关怀下”“圆满完成”“高度重视”之类没有信息的话。主题与具体岗位无关时，把它当作本期的重点工作来写。`

const shape = {
  inputs: [
    { name: 'main_work', label: '主要工作', required: true, maxLength: 5_000 },
    { name: 'report_type', label: '报告类型', required: false, default: '工作总结', maxLength: 50 },
    { name: 'period', label: '周期', required: false, default: '本月', maxLength: 50 },
    { name: 'achievements', label: '工作成果', required: false, maxLength: 5_000 },
  ],
  lengths: { least: 1_500, most: 2_500 },
} as const

/** A report to a superior, of what was done and what comes next. */
export const workReport: WritingTool = {
  ...shape,
  name: 'work_report',
  version: 1,
  title: '工作报告',
  description: '撰写工作总结、述职、周报月报：成果、问题、反思与下一步计划',
  subject: 'main_work',
  system: SYSTEM + HOUSE_RULES,
  user: (values) => writeRequest('请写一份工作报告。', shape, values),
  maxTokens: 6_000,
  temperature: 0.5,
}
