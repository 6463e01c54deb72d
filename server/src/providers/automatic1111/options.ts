import type { Json, ProviderConnection } from '../../kernel/ports/provider.ts'
import {
  checkNames,
  problemOf,
  readExtraBody,
  readNumber,
  readTimeoutMs,
  wrongOption,
} from '../shared/options.ts'

export type Automatic1111Options = {
  steps: number
  /** As the server lists it; null for its own choice. */
  sampler: string | null
  progressEveryMs: number
  /** Over a whole job, which the server answers only when it is done. */
  timeoutMs: number
  extraBody: { readonly [name: string]: Json }
}

const NAMES = ['steps', 'sampler', 'progress_seconds', 'timeout_seconds', 'extra_body']
/** What a job decides, an operator's extra fields may not. */
const OURS = [
  ...['prompt', 'negative_prompt', 'width', 'height', 'seed', 'cfg_scale', 'n_iter', 'batch_size'],
  ...['init_images', 'denoising_strength', 'send_images', 'steps', 'sampler_name', 'override_settings'],
]

/** Reads the options. Throws `ProviderError('unavailable')`: a mistake here is the operator's, not a user's. */
export function readOptions({ options }: Pick<ProviderConnection, 'options'>): Automatic1111Options {
  checkNames('automatic1111', options, NAMES)
  const { sampler = null } = options
  if (sampler !== null && (typeof sampler !== 'string' || !/^[\w+ -]{1,60}$/.test(sampler))) {
    throw wrongOption('the automatic1111 option sampler is a name such as Euler a')
  }
  const steps = { least: 1, most: 150, fallback: 25, isWhole: true }
  const looks = { least: 0.05, most: 60, fallback: 2 }
  return {
    steps: readNumber('automatic1111', options, 'steps', steps),
    sampler,
    progressEveryMs: readNumber('automatic1111', options, 'progress_seconds', looks) * 1000,
    timeoutMs: readTimeoutMs('automatic1111', options, 600),
    extraBody: readExtraBody('automatic1111', options, OURS),
  }
}

/** What is wrong with the options, in a sentence; null when nothing is. */
export function problemWith(connection: ProviderConnection): string | null {
  return problemOf(() => readOptions(connection))
}
