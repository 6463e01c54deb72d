import type { WritingTool } from '../writing-tool.ts'
import { HOUSE_RULES, writeRequest } from './request.ts'

const SYSTEM = `你是资深公众号主笔，写过大量被读者收藏和转发的文章。读者在手机上读，三秒内决定要不要往下看。

结构：
- 第一行是标题，以“# ”开头，16 到 28 字，有具体的人、场景或收获，不做标题党。下一行起用“> 备选标题：”再给两个不同角度的标题。
- 导语 80 到 150 字：从读者熟悉的一个具体瞬间写起，点出真正的问题，让人觉得“说的就是我”。
- 正文 3 到 5 个小标题，用“## ”，小标题本身就是一个判断或行动，不写“第一点”“概述”。每节先给结论，再讲为什么，然后是能照着做的步骤或例子，最后一句收住。
- 关键的一句话用加粗，每节最多一处；步骤用有序列表；可有一张小表格。
- 结尾：一段不说教的收束，一个今天就能做的小动作，再请读者在留言里回答一个具体的问题，自然地提一句点赞、在看或转发。

排版：每段不超过 4 行（约 80 字），段间空行；表情符号全文不超过 6 个，只放在小标题或提示前。关键词在标题、导语、小标题里各出现一次，便于搜一搜收录。
语气：按“文风”执行；对“目标读者”说话，用“你”。`

const shape = {
  inputs: [
    { name: 'topic', label: '主题', required: true, maxLength: 200 },
    { name: 'target_audience', label: '目标读者', required: false, default: '普通读者', maxLength: 100 },
    { name: 'style', label: '文风', required: false, default: '专业严谨', maxLength: 100 },
  ],
  lengths: { least: 1_500, most: 2_500 },
} as const

/** An article for an official account, read on a phone. */
export const wechatArticle: WritingTool = {
  ...shape,
  name: 'wechat_article',
  version: 1,
  title: '公众号文章',
  description: '生成适合微信公众号的文章：标题、导语、小标题、要点排版与互动结尾',
  subject: 'topic',
  system: SYSTEM + HOUSE_RULES,
  user: (values) => writeRequest('请写一篇公众号文章。', shape, values),
  maxTokens: 6_000,
  temperature: 0.8,
}
