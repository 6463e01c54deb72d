import type { Context } from '../context.ts'
import type { Channel } from './catalog.ts'

/**
 * The vendor's model for what starts from a picture, over a channel of pictures. Some vendors have another one for that:
 * where the channel has their usual model for pictures, they are asked for their usual one for edits.
 */
export function editModelOf({ providers }: Pick<Context, 'providers'>, channel: Channel): string {
  const { image, image_edit: edit } = providers.get(channel.provider)?.defaultModels ?? {}
  return edit !== undefined && channel.vendorModel === image ? edit : channel.vendorModel
}
