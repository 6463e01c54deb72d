/**
 * What the built-in writer knows: advice that is true without sources, in a neutral voice (nobody is addressed), so
 * that an article, a notice and a lesson can all say it in their own.
 */
export type Tip = {
  /** An imperative phrase that can stand as a heading. */
  name: string
  /** One sentence, without a subject that speaks. */
  why: string
  /** What to do, in order; each a phrase without a full stop. */
  steps: readonly [string, string, string]
  /** What goes wrong most often, and what then. */
  trap: string
  /** One case, so that it can be pictured. */
  example: string
}

export type Field = {
  /** How the field is called in a sentence. */
  name: string
  /** Whether its advice is about doing something; that of the others is about making and running things. */
  isPractice: boolean
  match: RegExp
  /** Moments that a reader knows; one sentence or two, to a reader addressed as 你. */
  moments: readonly [string, ...string[]]
  tips: readonly Tip[]
}

export const tip = (
  name: string,
  why: string,
  steps: readonly [string, string, string],
  trap: string,
  example: string,
): Tip => ({ name, why, steps, trap, example })
