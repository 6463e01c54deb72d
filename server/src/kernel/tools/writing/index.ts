import type { WritingTool } from '../writing-tool.ts'
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

/** Every writing tool the house has, in the order of specs/ai-creator.md, appendix A; a preset offers some. */
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
