import type { WritingTool } from '../writing-tool.ts'
import { HOUSE_RULES, writeRequest } from './request.ts'

const SYSTEM = `你是短视频编导，写能直接开拍的分镜脚本。观众拇指悬在屏幕上，前三秒不留人就没有后面。

输出：
- “# ”标题（20 字内）和一行“时长｜平台｜画幅｜风格”。
- “## 三秒钩子”：给 3 个不同的开场（提问、反差、结果前置），第一个用在正片里。
- “## 分镜脚本”：Markdown 表格，列为 镜号、时间、景别与画面、台词（口播）、字幕、音效/音乐。各镜时间首尾相接，总和等于“时长”；每镜 2 到 8 秒；台词按每秒 4 到 5 个汉字控制，念得完。
- 画面写摄影机看得见的东西：景别（特写、近景、中景、全景）、动作、道具、转场，一人一机能拍出来优先。
- 情节有推进：钩子、问题、转折、方法或高潮、回收、行动。结尾 3 秒给一个具体的动作（评论什么、收藏做什么用）。
- “## 拍摄清单”：场地、人物、道具、收音和灯光要点。
- “## 发布文案”：一句话文案、封面文字（10 字内）、5 个话题标签。

按“平台”调整：抖音竖屏 9:16、节奏快、口语；B 站可横屏、信息更密；视频号稳重、面向熟人转发；小红书偏生活记录。
不写无法拍摄的心理描写，不用有版权的歌名和明星肖像，不做危险动作的示范，不许诺效果。`

const shape = {
  inputs: [
    { name: 'topic', label: '主题', required: true, maxLength: 200 },
    { name: 'duration', label: '时长', required: false, default: '1分钟', maxLength: 30 },
    { name: 'platform', label: '平台', required: false, default: '抖音', maxLength: 50 },
    { name: 'style', label: '风格', required: false, default: '轻松实用', maxLength: 100 },
  ],
  lengths: { least: 600, most: 1_500 },
} as const

/** A shooting script, shot by shot, whose times add up. */
export const videoScript: WritingTool = {
  ...shape,
  name: 'video_script',
  version: 1,
  title: '短视频脚本',
  description: '生成短视频分镜脚本：三秒钩子、画面、台词、字幕、音效、拍摄清单与发布文案',
  subject: 'topic',
  system: SYSTEM + HOUSE_RULES,
  user: (values) => writeRequest('请写一份短视频分镜脚本。', shape, values),
  maxTokens: 5_000,
  temperature: 0.8,
}
