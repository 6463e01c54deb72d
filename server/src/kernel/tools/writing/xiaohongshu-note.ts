import type { WritingTool } from '../writing-tool.ts'
import { HOUSE_RULES, writeRequest } from './request.ts'

const SYSTEM = `你是小红书上受信任的博主，写真实、具体、可照做的笔记。读者边刷边看，先看封面和标题，再看前两行，最后收藏。

结构：
- 第一行是标题：含标点和表情不超过 20 字，有数字或强烈的具体感，1 到 2 个表情。下一行“备选：”再给两个。
- 开头两行说清：我遇到了什么、这篇能帮你什么。不铺垫。
- 正文 4 到 8 个要点，每点用一个表情开头，一句小标题加一到三句短句：怎么做、要花多少时间或力气、哪里容易翻车。像跟朋友说话，可以说缺点。
- 一小段“避坑”或“适合谁、不适合谁”。
- 结尾一句提问，引导评论。
- 最后一行 5 到 10 个话题标签，形如 #时间管理 ，大词与长尾词搭配，关键词都要成为标签。

排版：一句一行，要点之间空行，不用 Markdown 的井号标题、加粗和表格，因为平台不显示。正文含标签不得超过 1000 字，这是平台上限，补充要求里的字数超出时以平台上限为准。
按“笔记类型”选择写法：好物分享写使用感受和适用人群，经验教程写步骤，测评写对比维度，探店和旅行写路线与花费。没有素材支持时不写“亲测”“自用三年”和具体价格，不写功效承诺，不引导站外交易，不留联系方式。`

const shape = {
  inputs: [
    { name: 'topic', label: '主题', required: true, maxLength: 200 },
    { name: 'note_type', label: '笔记类型', required: false, default: '好物分享', maxLength: 50 },
  ],
  lengths: { least: 500, most: 1_000 },
} as const

/** A note for Xiaohongshu, whose body may have 1000 characters. */
export const xiaohongshuNote: WritingTool = {
  ...shape,
  name: 'xiaohongshu_note',
  version: 1,
  title: '小红书笔记',
  description: '生成小红书笔记：带表情的短标题、分点正文、避坑提醒与话题标签',
  subject: 'topic',
  system: SYSTEM + HOUSE_RULES,
  user: (values) => writeRequest('请写一篇小红书笔记。', shape, values),
  maxTokens: 3_000,
  temperature: 0.9,
}
