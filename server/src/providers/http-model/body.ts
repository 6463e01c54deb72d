import type { Json, ProviderJob } from '../../kernel/ports/provider.ts'

type Made = Exclude<ProviderJob, { kind: 'custom' }>
type Words = Readonly<Record<string, Json | undefined>>

/** What a body may name in braces, by kind of job; the README says what each stands for. */
const PICTURE_WORDS = ['negative_prompt', 'count', 'guidance', 'strength'] as const
const CLIP_WORDS = ['seconds', 'fps'] as const
const WORDS = ['model', 'prompt', 'width', 'height', 'seed', 'image', 'image_base64'] as const

export function wordsOf(kind: string): readonly string[] {
  return [...WORDS, ...(kind === 'video' ? CLIP_WORDS : PICTURE_WORDS)]
}

/** What a job is sent as: the operator's body with the job's own values in the places named in braces. */
export function bodyOf(template: Json, job: Made): Json {
  return fill(template, valuesOf(job)) ?? {}
}

function valuesOf(job: Made): Words {
  const { model, prompt, width, height, seed, source } = job
  const base64 = source && Buffer.from(source.bytes).toString('base64')
  return {
    ...{ model, prompt, width, height, seed },
    image: source && `data:${source.mediaType};base64,${base64}`,
    image_base64: base64,
    ...(job.kind === 'video'
      ? { seconds: job.seconds, fps: job.fps }
      : {
          // An empty one is none.
          negative_prompt: job.negativePrompt || undefined,
          count: job.count,
          guidance: job.guidance,
          strength: job.strength,
        }),
  }
}

const PLACE = /\{([a-z0-9_]+)\}/g

/** A text that is one place alone becomes the value as it is; without a value it is left out. */
function fill(template: Json, values: Words): Json | undefined {
  if (typeof template === 'string') {
    const [whole] = template.matchAll(/^\{([a-z0-9_]+)\}$/g)
    if (whole) return values[whole[1] ?? '']
    return template.replaceAll(PLACE, (_place, name: string) => String(values[name] ?? ''))
  }
  if (typeof template !== 'object' || template === null) return template
  if (Array.isArray(template))
    return template.map((one) => fill(one, values)).filter((one) => one !== undefined)
  const entries = Object.entries(template).map(([key, one]) => [key, fill(one, values)] as const)
  return Object.fromEntries(entries.filter((entry): entry is [string, Json] => entry[1] !== undefined))
}

/** The names in braces of a body, each once. */
export function placesIn(template: Json): string[] {
  const text = JSON.stringify(template)
  return [...new Set([...text.matchAll(PLACE)].map(([, name]) => name ?? ''))]
}
