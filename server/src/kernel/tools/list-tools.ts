import type { Context } from '../context.ts'
import type { Credits } from '../money.ts'
import type { WritingTool } from './writing-tool.ts'

/** The writing tools that are offered, each with what a use costs on the default model. */
export function listWritingTools(context: Context): { tool: WritingTool; cost: Credits }[] {
  const { preset, catalog } = context
  return (preset.writingTools ?? []).map((tool) => {
    // What it costs does not depend on whether the model is open at this moment.
    const { cost } = catalog.quote('text', null, 1, ['open', 'draft', 'closed'], `tool:${tool.name}`)
    return { tool, cost }
  })
}
