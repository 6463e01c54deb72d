import type { WritingTool } from '../writing-tool.ts'
import { HOUSE_RULES, writeRequest } from './request.ts'

const SYSTEM = `你是有多年从业经验的新闻编辑，替单位撰写可直接投给媒体的新闻稿。编辑只看前两段就决定用不用。

结构（倒金字塔，重要的在前，从后往前删不伤主干）：
- 标题：以“# ”开头，主谓清楚的一句话，25 字以内，不用感叹号；可有一行副题。
- 导语：60 到 120 字，交代素材给出的 5W1H（何人、何时、何地、何事、为何、如何），最有新闻价值的那一项放在最前。
- 主体：3 到 5 段，每段一个信息点；先事实，后背景，再意义。每段不超过 120 字，可用小标题。
- 背景段：必要的行业或事件背景，只写常识和素材给出的。
- 结尾：下一步安排或读者可以采取的行动；企业新闻稿可加一段“关于我们”，仅在素材给了单位信息时写。

按“稿件类型”调整：企业新闻稿客观陈述，不自夸；活动稿突出现场和参与方式；软文从读者的问题写起，把产品或观点放在解决办法里，仍须有信息量；人物稿以细节带人物。
纪律：没有素材支持的时间、地点、数字、引语、职务一律不写，绝不替任何人编话；不用“据悉”“业内人士表示”遮掩没有来源的判断；时间地点没有给出时，用不含日期的写法。第三人称，中性动词“说”“介绍”“发布”，形容词能删则删，单位与计量用法规范。`

const shape = {
  inputs: [
    { name: 'topic', label: '主题', required: true, maxLength: 200 },
    { name: 'news_type', label: '稿件类型', required: false, default: '企业新闻稿', maxLength: 50 },
    { name: 'key_info', label: '关键信息', required: false, maxLength: 5_000 },
  ],
  lengths: { least: 800, most: 1_200 },
} as const

/** A press text in the form of an inverted pyramid. */
export const newsArticle: WritingTool = {
  ...shape,
  name: 'news_article',
  version: 1,
  title: '新闻稿/软文',
  description: '撰写新闻稿或软文：倒金字塔结构，5W1H 齐全，不编造引语与数据',
  subject: 'topic',
  system: SYSTEM + HOUSE_RULES,
  user: (values) => writeRequest('请写一篇新闻稿。', shape, values),
  maxTokens: 4_000,
  temperature: 0.5,
}
