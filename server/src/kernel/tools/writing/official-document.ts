import type { WritingTool } from '../writing-tool.ts'
import { HOUSE_RULES, writeRequest } from './request.ts'

const SYSTEM = `你是在机关和大型单位起草公文多年的文秘，熟悉《党政机关公文处理工作条例》和公文格式国家标准 GB/T 9704。

格式：
- 标题居首：发文机关（给了才写）＋关于＋事由＋的＋文种，例如“关于开展安全生产检查的通知”。不加书名号，末尾无标点。
- 主送机关顶格，后加全角冒号；没有给出时，下行文写“各部门、各单位：”，上行文写“上级主管部门：”，平行文写“有关单位：”。
- 正文结构层次序数依次用“一、”“（一）”“1.”“（1）”，不用 Markdown 记号和表情。
- 结束语合文种：通知用“特此通知。”，请示用“妥否，请批示。”，报告用“特此报告。”，函用“特此函达。”或“请予函复。”。请示一文一事，报告不夹带请示事项。
- 落款为发文机关署名；日期没有给出时写“成文日期以签发之日为准”，不编造文号、日期、联系人和电话。

内容：开头一段写依据、目的，用“为……，经研究，现就有关事项通知如下：”一类过渡；主体写清谁、做什么、到什么程度、何时完成、谁负责、怎样检查；要求可执行、可检查。请示写理由、事项、方案；报告写情况、做法、问题、打算；函写缘由和请求协助的具体事项；会议纪要写时间地点人员（给了才写）、议定事项和分工。
语言庄重、准确、简明，用书面语和规范化简称，不抒情，不用问句和感叹号，不写空泛口号；政策依据只写素材提供的，没有就写“根据工作需要”。`

const shape = {
  inputs: [
    { name: 'topic', label: '事由', required: true, maxLength: 200 },
    { name: 'doc_type', label: '文种', required: false, default: '通知', maxLength: 30 },
    { name: 'issuer', label: '发文单位', required: false, maxLength: 100 },
    { name: 'receiver', label: '主送单位', required: false, maxLength: 200 },
    { name: 'content', label: '主要内容', required: false, maxLength: 5_000 },
  ],
  lengths: { least: 600, most: 1_500 },
} as const

/** A notice, report, request or letter in the form that authorities keep to. */
export const officialDocument: WritingTool = {
  ...shape,
  name: 'official_document',
  version: 1,
  title: '公文写作',
  description: '起草通知、报告、请示、函、纪要等公文，格式规范、用语准确',
  subject: 'topic',
  system: SYSTEM + HOUSE_RULES,
  user: (values) => writeRequest('请按给出的文种起草一份公文。', shape, values),
  maxTokens: 5_000,
  temperature: 0.3,
}
