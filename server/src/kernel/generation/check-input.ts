import type { Context } from '../context.ts'
import { refusal } from '../errors.ts'
import { toTextInput } from '../tools/text-input.ts'
import type { DeckInput, ImageInput, TaskInput, TextInput, VideoInput } from './task-input.ts'

const MOST_PROMPT_CHARACTERS = 8_000
/** Pictures go by address; what is longer is no set of parameters. */
const MOST_ARGUMENT_CHARACTERS = 1_000_000
const MOST_OUTPUTS = 10
const LEAST_SIDE = 64
const LONGEST_CLIP_SECONDS = 60
const MOST_TOPIC_CHARACTERS = 500
const MOST_OUTLINE_ITEMS = 30

/** Whether a task can be done at all, whoever does it. @throws input_invalid, tool_not_found */
export function checkInput(context: Context, what: TaskInput): void {
  if (what.kind === 'image') checkImageInput(context, what.input)
  else if (what.kind === 'video') checkVideoInput(context, what.input)
  else if (what.kind === 'text') checkTextInput(context, what.input)
  else if (what.kind === 'deck') checkDeckInput(what.input)
  else if (JSON.stringify(what.input.arguments).length > MOST_ARGUMENT_CHARACTERS)
    throw refusal('input_invalid', { field: 'arguments', problem: 'too_long' })
}

function within(field: string, value: number, least: number, most: number): void {
  if (!Number.isFinite(value)) throw refusal('input_invalid', { field, problem: 'type' })
  if (value < least) throw refusal('input_invalid', { field, problem: 'too_small' })
  if (value > most) throw refusal('input_invalid', { field, problem: 'too_large' })
}

function checkPromptAndSize(context: Context, input: ImageInput | VideoInput): void {
  if (input.prompt.length > MOST_PROMPT_CHARACTERS) {
    throw refusal('input_invalid', { field: 'prompt', problem: 'too_long' })
  }
  within('size', Math.min(input.width, input.height), LEAST_SIDE, context.preset.maxSide)
  within('size', Math.max(input.width, input.height), LEAST_SIDE, context.preset.maxSide)
  within('seed', input.seed, 1, 2_147_483_647)
}

function checkVideoInput(context: Context, input: VideoInput): void {
  // A picture alone is enough to make a clip from.
  if (input.prompt.trim() === '' && !input.source)
    throw refusal('input_invalid', { field: 'prompt', problem: 'missing' })
  checkPromptAndSize(context, input)
  within('seconds', input.seconds, 1, LONGEST_CLIP_SECONDS)
  within('fps', input.fps, 1, 60)
}

function checkImageInput(context: Context, input: ImageInput): void {
  if (input.prompt.trim() === '') throw refusal('input_invalid', { field: 'prompt', problem: 'missing' })
  checkPromptAndSize(context, input)
  within('count', input.count, 1, MOST_OUTPUTS)
  within('guidance', input.guidance, 0, 30)
}

/** As strict as filling the tool in was: an edited task need not have come that way. */
function checkTextInput(context: Context, { tool, values }: TextInput): void {
  toTextInput(context.preset, tool, values)
}

function checkDeckInput({ topic, outline }: DeckInput): void {
  if (topic.trim() === '') throw refusal('input_invalid', { field: 'topic', problem: 'missing' })
  if (topic.length > MOST_TOPIC_CHARACTERS)
    throw refusal('input_invalid', { field: 'topic', problem: 'too_long' })
  if (outline.length > MOST_OUTLINE_ITEMS || outline.some((item) => item.length > MOST_TOPIC_CHARACTERS))
    throw refusal('input_invalid', { field: 'outline', problem: 'too_long' })
}
