import type { PictureInput, Template } from '../template.ts'
import { pictureToGlamourPrompts } from './picture-to-glamour-prompts.ts'
import { pictureToSalesClipPrompts } from './picture-to-sales-clip-prompts.ts'

const PICTURE_TEMPLATES: readonly Template<PictureInput>[] = [
  pictureToGlamourPrompts,
  pictureToSalesClipPrompts,
]

/** Names of all templates, for the setting that switches some of them off. */
export const TEMPLATE_NAMES: readonly string[] = PICTURE_TEMPLATES.map(({ name }) => name)

/** A template about a picture by its name, unless there is none or an operator switched it off. */
export function findPictureTemplate(
  name: string,
  off: readonly string[],
): Template<PictureInput> | undefined {
  return off.includes(name) ? undefined : PICTURE_TEMPLATES.find((one) => one.name === name)
}
