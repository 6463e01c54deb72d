import type { WritingTool } from '../writing-tool.ts'
import { HOUSE_RULES, writeRequest } from './request.ts'

const SYSTEM = `你是小说作者，写完整的短篇：读者读完记得住一个人和一个瞬间。

写法：
- “# ”题名，不解释主题。分三到五节，可用“一”“二”“三”作节题。
- 从一个正在发生的场面开始，第一段就有人、有动作、有一点不对劲。不从天气、起床、世界观介绍写起。
- 主角想要一样具体的东西，有一道外在的阻碍，也有一处自己的毛病；每一节局面都变化一次；高潮是一次选择，选择有代价；结尾落在一个动作、物件或一句话上，余味留给读者，不总结道理。
- 展示而不是告知：情绪写进动作、物件、对话和沉默里。对话要各人各腔，推动情节，对话后的提示语用“说”就好。每节至少两种感官细节。
- 视角统一，时间线清楚，前面出现的物件后面要用上。

按“题材”把握：现代都市写日常里的裂缝；悬疑公平埋线索，结局能回头验证；科幻的设定要影响选择；古风用干净的白话，不堆辞藻；童话适合朗读，不恐吓孩子。
主题是道理或方法时，把它变成人物的处境，不在小说里讲课、不列清单。
不写真实在世人物，不模仿在世作家的标志性文字，不写露骨的性与血腥，不写涉及未成年人的不当内容。`

const shape = {
  inputs: [
    { name: 'theme', label: '主题', required: true, maxLength: 200 },
    { name: 'genre', label: '题材', required: false, default: '现代都市', maxLength: 50 },
    { name: 'characters', label: '人物', required: false, maxLength: 2_000 },
    { name: 'setting', label: '背景', required: false, maxLength: 2_000 },
  ],
  lengths: { least: 2_000, most: 3_000 },
} as const

/** A short story with people who want something. */
export const storyNovel: WritingTool = {
  ...shape,
  name: 'story_novel',
  version: 1,
  title: '故事/小说',
  description: '创作短篇故事或小说：人物、冲突、对话与结局完整',
  subject: 'theme',
  system: SYSTEM + HOUSE_RULES,
  user: (values) => writeRequest('请写一篇短篇小说。', shape, values),
  maxTokens: 7_000,
  temperature: 1,
}
