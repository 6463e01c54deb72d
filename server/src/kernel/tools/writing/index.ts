import type { WritingTool } from '../writing-tool.ts'

/** Every writing tool the house has, in the order of specs/ai-creator.md, appendix A; a preset offers some. */
export const WRITING_TOOLS: readonly WritingTool[] = []
