/** What the known styles are called by users, and what a model is told for each. */
const STYLES: Readonly<Record<string, string>> = {
  realistic: 'photorealistic, natural light, fine detail',
  photographic: 'professional photograph, sharp focus, natural colours',
  cinematic: 'cinematic still, dramatic light, shallow depth of field',
  anime: 'anime illustration, clean lines, vivid colours',
  cartoon: 'cartoon illustration, bold outlines, flat colours',
  '3d': '3D render, soft studio light, smooth materials',
  'oil-painting': 'oil painting, visible brush strokes, rich texture',
  watercolor: 'watercolour painting, soft edges, paper texture',
  sketch: 'pencil sketch, fine hatching',
  'pixel-art': 'pixel art, limited palette',
  cyberpunk: 'cyberpunk, neon light, rain, night city',
  fantasy: 'fantasy art, magical atmosphere, intricate detail',
  ink: 'Chinese ink wash painting, empty space, flowing brush',
}

const ALIASES: Readonly<Record<string, string>> = {
  写实: 'realistic',
  摄影: 'photographic',
  photo: 'photographic',
  photography: 'photographic',
  电影: 'cinematic',
  动漫: 'anime',
  二次元: 'anime',
  卡通: 'cartoon',
  '3d渲染': '3d',
  油画: 'oil-painting',
  水彩: 'watercolor',
  素描: 'sketch',
  像素: 'pixel-art',
  赛博朋克: 'cyberpunk',
  奇幻: 'fantasy',
  水墨: 'ink',
  国风: 'ink',
}

/**
 * A prompt with a style at its end: what a model is told for one that is known, the user's own words for any other. The
 * stored prompt stays as the user wrote it.
 */
export function withStyle(prompt: string, style: string | undefined): string {
  const words = style?.trim() ?? ''
  if (words === '') return prompt
  const name = words.toLowerCase().replace(/[\s_]+/g, '-')
  const known = Object.hasOwn(ALIASES, name) ? ALIASES[name] : name
  const told = known !== undefined && Object.hasOwn(STYLES, known) ? STYLES[known] : words
  return prompt.trim() === '' ? String(told) : `${prompt}, ${told}`
}
