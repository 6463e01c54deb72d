// The site under test: the WaliAssets dialect as it is, with limits out of the way, a provider that has its
// picture at once, and one route more.
import sharp from 'sharp'
import type { Connection } from '../server/src/db/database.ts'
import { waliassets } from '../server/src/dialects/waliassets/dialect.ts'
import { done } from '../server/src/dialects/waliassets/envelope.ts'
import type { Dialect, Route } from '../server/src/http/dialect.ts'
import { submitTask } from '../server/src/kernel/generation/submit.ts'
import { OutboundError } from '../server/src/kernel/ports/outbound.ts'
import type { Output, Provider } from '../server/src/kernel/ports/provider.ts'
import { createLog } from '../server/src/log.ts'
import { createSketch } from '../server/src/providers/sketch/sketch.ts'
import type { Site } from '../server/src/site.ts'
import { createSite } from '../server/src/site.ts'
import { PROMPT, submissionOf } from './seed.ts'

/** What each child needs to open the same site. */
export type Place = { connection: Connection; dataDir: string; connections: number }

const NO_LIMIT = { points: 1_000_000_000, perSeconds: 60 }

/**
 * `POST /generate/image` answers when the picture is there. This route is that one up to its task: the same
 * schema, policy, hooks and kernel call, answered as soon as the task is in the queue.
 */
const imageRoute = waliassets.routes.find(({ path }) => path === '/generate/image')
if (!imageRoute) throw new Error('the document has this route')
const submitRoute: Route = {
  ...imageRoute,
  path: '/bench/submit',
  handle: async (context, actor, { body }) => {
    if (!actor || !('accountId' in actor)) throw new Error('the policy lets only users in')
    const { prompt } = body as { prompt: string }
    const { taskId } = await submitTask(
      context,
      actor,
      submissionOf(prompt, context.ids.integer(1, 2_147_483_647)),
    )
    return done({ taskId: String(taskId) }, '任务已提交')
  },
}

export const benchDialect: Dialect = {
  ...waliassets,
  routes: [...waliassets.routes, submitRoute],
  preset: {
    ...waliassets.preset,
    limits: { auth: NO_LIMIT, generate: NO_LIMIT, read: NO_LIMIT, write: NO_LIMIT },
  },
}

/**
 * What the provider hands over. `tiny` is smaller than a thumbnail and gets none, so it shows the queue alone;
 * `real` has the size that was asked for and is treated as every customer's picture is.
 */
export type PictureSize = 'tiny' | 'real'

async function drawTiny(): Promise<Output> {
  const canvas = { width: 8, height: 8, channels: 3, background: '#d97757' } as const
  return {
    bytes: await sharp({ create: canvas }).png().toBuffer(),
    mediaType: 'image/png',
    width: 8,
    height: 8,
  }
}

/** Drawn once by the built-in provider: noise or one flat colour would cost more or less than pictures do. */
async function drawReal(): Promise<Output> {
  const input = {
    prompt: PROMPT,
    width: 512,
    height: 512,
    count: 1,
    seed: 7,
    guidance: 2.5,
    watermark: false,
  }
  const options = {
    connection: null,
    signal: new AbortController().signal,
    progress: () => {},
    reference: 'attempt-1',
  }
  const step = await createSketch().start({ kind: 'image', model: 'sketch', ...input }, options)
  const output = step.state === 'done' ? step.outputs[0] : undefined
  if (!output) throw new Error('sketch draws at once')
  return output
}

const pictures: { tiny: Promise<Output>; real: Promise<Output> | undefined } = {
  tiny: drawTiny(),
  real: undefined,
}

function pictureNow(): Promise<Output> {
  if (handedOver === 'tiny') return pictures.tiny
  pictures.real ??= drawReal()
  return pictures.real
}

let handedOver: PictureSize = 'tiny'

export function handOver(size: PictureSize): void {
  handedOver = size
}

const instant: Provider = {
  name: 'sketch',
  kinds: ['image', 'video'],
  repeatable: true,
  concurrency: 1_000,
  start: async () => ({
    state: 'done',
    outputs: [await pictureNow()],
  }),
}

export function openSite(place: Place, dialect: Dialect = benchDialect): Promise<Site> {
  return createSite({
    dialect,
    ...place,
    publicUrl: 'http://localhost:3334',
    secretKey: 'a bench secret of more than thirty-two bytes',
    mail: { smtpUrl: null, mailFrom: 'Atelier <no-reply@localhost>' },
    providers: [instant],
    gateways: [],
    platforms: [],
    outbound: async () => {
      throw new OutboundError('forbidden', 'a bench opens no way out')
    },
    log: createLog('info'),
  })
}
