/**
 * What a writing tool tells a model. A template is code: its version rises with every change of its texts, and
 * what was written with it names the version, so that a result can be traced to the words that led to it. Nobody
 * but the house edits one (facts/aigentools.md, B26); an operator may switch it off.
 */
export type Template<Input> = {
  /** In the words of the field, not of any document; a provider knows by it what is asked for. */
  name: string
  version: number
  /** Who the model is, what it must do and must not. Nothing of a user's ever stands in here. */
  system: string
  /** The request itself, of one use. */
  user: (input: Input) => string
  maxTokens: number
  /** 0…2. */
  temperature: number
}

/** What a template about a picture may say of it; the picture itself goes beside the text. Pixels. */
export type PictureInput = { width: number; height: number }

/** With this word alone, or before a reason, a model declines, as its template tells it to. */
export const DECLINED = 'DECLINED'

/** Whether a model declined rather than wrote, however it decorated the word. */
export function isDeclined(text: string): boolean {
  return /^[\s"'`*_#>【[(]*DECLINED\b/.test(text)
}
