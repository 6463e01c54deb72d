/**
 * Writes without a model: composes a text from what a tool's user filled in and from what the house knows of the genre.
 * It reads no prompts, invents no facts, and says in its last line what it is.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { ProviderError, type TextJob, type TextPart } from '../../../kernel/ports/provider.ts'
import { type Brief, readBrief } from './brief.ts'
import { academicPaper } from './genres/academic-paper.ts'
import { businessPlan } from './genres/business-plan.ts'
import { contentRewrite } from './genres/content-rewrite.ts'
import { deckContent } from './genres/deck.ts'
import { lessonPlan } from './genres/lesson-plan.ts'
import { marketingCopy } from './genres/marketing-copy.ts'
import { newsArticle } from './genres/news-article.ts'
import { officialDocument } from './genres/official-document.ts'
import { resume } from './genres/resume.ts'
import { storyNovel } from './genres/story-novel.ts'
import { translation } from './genres/translation.ts'
import { videoScript } from './genres/video-script.ts'
import { wechatArticle } from './genres/wechat-article.ts'
import { workReport } from './genres/work-report.ts'
import { xiaohongshuNote } from './genres/xiaohongshu-note.ts'
import { assemble, countCharacters, type Part } from './part.ts'

type Genre = {
  /** The input that says what the text is about. */
  subject: string
  /** Characters when nobody asked for a length, and the most that the place it is read takes. */
  usual: number
  most?: number
  write: (brief: Brief, values: Readonly<Record<string, string>>) => Part[]
}

const GENRES: Readonly<Record<string, Genre>> = {
  wechat_article: { subject: 'topic', usual: 2_000, write: wechatArticle },
  // The platform takes 1000 characters; tags, marks and the closing line count there too.
  xiaohongshu_note: { subject: 'topic', usual: 750, most: 850, write: xiaohongshuNote },
  official_document: { subject: 'topic', usual: 1_000, write: officialDocument },
  academic_paper: { subject: 'title', usual: 3_500, write: academicPaper },
  marketing_copy: { subject: 'product', usual: 1_150, write: marketingCopy },
  news_article: { subject: 'topic', usual: 1_000, write: newsArticle },
  video_script: { subject: 'topic', usual: 1_000, write: videoScript },
  story_novel: { subject: 'theme', usual: 2_300, write: storyNovel },
  business_plan: { subject: 'project_name', usual: 3_500, write: businessPlan },
  work_report: { subject: 'main_work', usual: 1_900, write: workReport },
  resume: { subject: 'position', usual: 1_300, write: resume },
  lesson_plan: { subject: 'subject', usual: 1_900, write: lessonPlan },
  content_rewrite: { subject: 'original_text', usual: 1_000, write: contentRewrite },
  translation: { subject: 'source_text', usual: 1_000, write: translation },
}

const HONEST =
  '——\n本文由内置模板写作器 sketch 按模板组成，不是 AI 模型的作品；使用前请核对，并补上自己的事实。'

const pieceOf = (text: string): string[] => text.match(/[^。！？\n]*[。！？\n]+|[^。！？\n]+$/gu) ?? []

/** The whole text; exported for those who need no stream. Throws `ProviderError('rejected')` for an unknown purpose. */
export function composeText(job: Pick<TextJob, 'purpose' | 'values' | 'seed'>): string {
  const values = job.values ?? {}
  const purpose = job.purpose ?? ''
  if (purpose === 'deck') {
    const outline = (values.outline ?? '').split(/\r?\n/)
    return JSON.stringify(deckContent(readBrief(values, 'topic', purpose, job.seed), outline), null, 2)
  }
  const genre = Object.hasOwn(GENRES, purpose) ? GENRES[purpose] : undefined
  if (!genre) throw new ProviderError('rejected', 'sketch writes for the purposes it has a template for')
  const brief = readBrief(values, genre.subject, purpose, job.seed)
  const target = Math.min(brief.asked ?? genre.usual, genre.most ?? Number.POSITIVE_INFINITY)
  const text = assemble(genre.write(brief, values), target - countCharacters(HONEST))
  // A genre has room for so many of them; whoever asked for more still finds each.
  const missing = brief.keywords.filter((word) => !text.includes(word))
  const rest = missing.length > 0 ? `\n\n相关关键词：${missing.join('、')}` : ''
  return `${text}${rest}\n\n${HONEST}`
}

/**
 * Composes and hands out a sentence at a time, as a model would. Stops with the signal.
 * Throws `ProviderError('rejected')` for a purpose without a template.
 */
export async function* compose(job: TextJob, signal: AbortSignal): AsyncIterable<TextPart> {
  signal.throwIfAborted()
  for (const text of pieceOf(composeText(job))) {
    yield { type: 'text', text }
    // Lets others run, and a canceled task end, between two sentences.
    await sleep(1)
    signal.throwIfAborted()
  }
  yield { type: 'end', reason: 'stop', usage: null }
}
