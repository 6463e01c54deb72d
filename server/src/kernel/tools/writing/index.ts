import type { ToolValues, WritingTool } from '../writing-tool.ts'
import { COMMON_INPUTS } from '../writing-tool.ts'
import { academicPaper } from './academic-paper.ts'
import { businessPlan } from './business-plan.ts'
import { contentRewrite } from './content-rewrite.ts'
import { lessonPlan } from './lesson-plan.ts'
import { marketingCopy } from './marketing-copy.ts'
import { newsArticle } from './news-article.ts'
import { officialDocument } from './official-document.ts'
import { resume } from './resume.ts'
import { storyNovel } from './story-novel.ts'
import { translation } from './translation.ts'
import { videoScript } from './video-script.ts'
import { wechatArticle } from './wechat-article.ts'
import { workReport } from './work-report.ts'
import { xiaohongshuNote } from './xiaohongshu-note.ts'

/** All of them, in the order of specs/ai-creator.md, appendix A. */
export const WRITING_TOOLS: readonly WritingTool[] = [
  wechatArticle,
  xiaohongshuNote,
  officialDocument,
  academicPaper,
  marketingCopy,
  newsArticle,
  videoScript,
  storyNovel,
  businessPlan,
  workReport,
  resume,
  lessonPlan,
  contentRewrite,
  translation,
]

/** A tool by its name, unless there is none or an operator switched it off. */
export function findWritingTool(name: string, off: readonly string[]): WritingTool | undefined {
  return off.includes(name) ? undefined : WRITING_TOOLS.find((one) => one.name === name)
}

/** What a tool's `user` takes: a string for each of its inputs and the common ones, trimmed, else the default. */
export function completeValues(tool: WritingTool, given: ToolValues): ToolValues {
  const inputs = [...tool.inputs, ...COMMON_INPUTS]
  return Object.fromEntries(
    inputs.map(({ name, default: usual }) => [name, given[name]?.trim() || (usual ?? '')]),
  )
}
