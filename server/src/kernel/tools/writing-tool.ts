/**
 * A tool that writes: what it asks its user for and what it tells a model. Like `Template` it is code; its version
 * rises with every change of its texts, and a task records the version that it was written with.
 *
 * Every tool takes two values besides its own inputs, which a request may give or not:
 * - `keywords`: words that should occur, joined by `、`;
 * - `supplement`: whatever else the user wants, such as a length or a tone.
 *
 * Documents that know but a title (specs/ai-creator.md, 3.1: `title`, `keywords`, `requirements`) fill the input that
 * `subject` names with the title and the two values above with the rest; so only the subject may be required, and
 * `user` must make a sensible request out of that alone. The inputs and what each tool writes: facts/ai-creator.md,
 * section 3.
 */
export type WritingTool = {
  /** Stable, in the words of the field, such as `wechat_article`; a provider knows by it which form to fill in. */
  name: string
  version: number
  /** What users call it, and what it does, in the language it is offered in. */
  title: string
  description: string
  /** What it asks for besides `keywords` and `supplement`, in the order a form shows them. */
  inputs: readonly ToolInput[]
  /** The input that says what it is all about: the one required. */
  subject: string
  /** How long the result should be, in characters; null where the source decides, as for a translation. */
  lengths: { least: number; most: number } | null
  /** Who the model is, what it must do and must not. Nothing of a user's ever stands in here. */
  system: string
  /**
   * The request itself. Given a string for each input and for `keywords` and `supplement`: as the user wrote it,
   * trimmed, else the default, else ''. What is '' must leave no empty line or label behind. What the user wrote is to
   * be marked off from the instructions around it.
   */
  user: (values: ToolValues) => string
  maxTokens: number
  /** 0…2. */
  temperature: number
}

export type ToolInput = {
  name: string
  /** What a form or a refusal calls it. */
  label: string
  required: boolean
  default?: string
  /** Most characters. */
  maxLength: number
}

export type ToolValues = Readonly<Record<string, string>>

/** What every tool takes besides its own inputs. */
export const COMMON_INPUTS: readonly ToolInput[] = [
  { name: 'keywords', label: '关键词', required: false, maxLength: 500 },
  { name: 'supplement', label: '补充要求', required: false, maxLength: 2_000 },
]
