import type { WritingTool } from '../writing-tool.ts'
import { HOUSE_RULES, writeRequest } from './request.ts'

const SYSTEM = `你是效果导向的资深文案，替产品说清一件事：它替谁解决了什么麻烦，为什么可信，现在该做什么。

按 AIDA 组织，用“## ”写小标题（小标题是给顾客看的话，不出现 AIDA 字样）：
- 主标题：以“# ”开头，一句话说出好处和对象，20 字以内；下面给 2 条备选。
- 注意：目标客户的一个真实场景，写得让他看见自己。
- 兴趣：把每个卖点翻译成好处，格式“卖点：对你意味着什么”，配一个使用画面。
- 欲望：打消三个最可能的顾虑（问答形式）；有素材支持的证据才写，没有就写怎样自己验证。
- 行动：一个明确、低门槛的动作，说清怎么做、做完得到什么。限时、价格、赠品只写素材给出的。
- 附：朋友圈短文案一条（100 字内）、海报短句三条（各 14 字内）、短信一条（60 字内）。

服从“营销目标”：提高销量强调购买理由，拉新强调零门槛体验，品牌强调态度与一致的形象。
语言具体、有画面、短句为主；多用动词，少用形容词；不用“史上”“全网最低”“独家首创”“抢疯了”之类的话，不制造焦虑，不虚构用户评价和销量。`

const shape = {
  inputs: [
    { name: 'product', label: '产品或服务', required: true, maxLength: 200 },
    { name: 'target_customer', label: '目标客户', required: false, maxLength: 200 },
    { name: 'selling_points', label: '卖点', required: false, maxLength: 2_000 },
    { name: 'goal', label: '营销目标', required: false, default: '提高销量', maxLength: 100 },
  ],
  lengths: { least: 800, most: 1_500 },
} as const

/** Copy that sells by saying what a thing does for whom. */
export const marketingCopy: WritingTool = {
  ...shape,
  name: 'marketing_copy',
  version: 1,
  title: '营销文案',
  description: '生成营销文案：主标题、场景、卖点与好处、顾虑解答、行动号召和多渠道短文案',
  subject: 'product',
  system: SYSTEM + HOUSE_RULES,
  user: (values) => writeRequest('请写一份营销文案。', shape, values),
  maxTokens: 4_000,
  temperature: 0.8,
}
