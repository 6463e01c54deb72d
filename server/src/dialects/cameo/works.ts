import { Type } from 'typebox'
import type { View } from '../../http/dialect.ts'
import { route } from '../../http/dialect.ts'
import type { Model } from '../../kernel/catalog/catalog.ts'
import type { Context } from '../../kernel/context.ts'
import { refusal } from '../../kernel/errors.ts'
import { toNumber } from '../../kernel/money.ts'
import { countShare } from '../../kernel/square/share.ts'
import type { Standing } from '../../kernel/square/standing.ts'
import { readStandings } from '../../kernel/square/standing.ts'
import { discardWork, discardWorks } from '../../kernel/works/discard.ts'
import type { Download } from '../../kernel/works/download.ts'
import { findAllDownloads, findDownloads } from '../../kernel/works/download.ts'
import type { WorkState } from '../../kernel/works/list.ts'
import { listWorks } from '../../kernel/works/list.ts'
import { shortTitle } from '../../kernel/works/title.ts'
import type { Work } from '../../kernel/works/work.ts'
import { readWork } from '../../kernel/works/work.ts'
import { readWord } from '../shared/fields.ts'
import { done, refuse } from './envelope.ts'
import type { Status } from './presented-work.ts'
import {
  presentError,
  presentResultUrl,
  presentSourceUrl,
  readWorkId,
  STATUS,
  typeOf,
} from './presented-work.ts'
import { readPage } from './query.ts'
import { presentTime } from './time.ts'

const STATES: Readonly<Record<Status | 'all', readonly WorkState[]>> = {
  // A work does not say whether its task has begun; the front-end asks again for either.
  pending: ['pending'],
  processing: ['pending'],
  completed: ['ready'],
  failed: ['failed'],
  all: ['pending', 'ready', 'failed'],
}
const STATUSES = ['pending', 'processing', 'completed', 'failed', 'all'] as const
const CATEGORIES = ['all', 'image', 'video', 'sora', 'veo'] as const

/** 获取作品列表: `GET /works`, newest first, also those that are still being made. */
const list = route({
  method: 'GET',
  path: '/works',
  allow: 'user',
  rate: 'read',
  run: async (context, actor, { query }) => {
    const status = readWord(query, 'status', STATUSES) ?? 'all'
    const type = readWord(query, 'work_type', ['image', 'video', 'all']) ?? 'all'
    const category = readWord(query, 'category', CATEGORIES) ?? 'all'
    // Both may be asked for at once: an image is no clip.
    const kinds = (['image', 'video'] as const).filter(
      (kind) => (type === 'all' || type === kind) && (category === 'all' || kindOf(category) === kind),
    )
    const models = category === 'sora' || category === 'veo' ? modelsCalled(context, category) : null
    const page = await listWorks(context, actor, {
      ...readPage(query),
      ...{ kinds, models, states: STATES[status], tool: null, keyword: null, from: null, until: null },
    })
    const ids = page.items.map(({ workId }) => workId)
    return { page, models: context.catalog.models(), standings: await readStandings(context, ids, actor) }
  },
  reply: ({ page: { items, total, page, limit }, models, standings }, view) => {
    // The front-end asks again only while a row is `processing` (facts/cameo.md, 2).
    const rows = items.map((work) => presentWork(work, models, standings.get(work.workId), view))
    return done({ list: rows, total, page, pageSize: limit })
  },
})

function kindOf(category: (typeof CATEGORIES)[number]): 'image' | 'video' {
  return category === 'image' ? 'image' : 'video'
}

/** The models whose name or vendor begins so, whatever their state: works outlive them. */
function modelsCalled(context: Context, name: string): bigint[] {
  return context.catalog
    .models()
    .filter((model) => [model.name, model.vendor].some((one) => one?.toLowerCase().startsWith(name)))
    .map(({ id }) => id)
}

/** 获取作品详情: `GET /works/:id`. */
const detail = route({
  method: 'GET',
  path: '/works/:id',
  allow: 'user',
  rate: 'read',
  run: async (context, actor, { params }) => {
    const work = await readWork(context, actor, readWorkId(params.id))
    if (work.madeFrom === null) throw refusal('work_not_found', { id: String(work.workId) })
    const standings = await readStandings(context, [work.workId], actor)
    return { work, models: context.catalog.models(), standing: standings.get(work.workId) }
  },
  reply: ({ work, models, standing }, view) => done(presentWork(work, models, standing, view)),
})

/** 删除作品: `DELETE /works/:id`. What is still being made is canceled and its price given back. */
const remove = route({
  method: 'DELETE',
  path: '/works/:id',
  allow: 'user',
  rate: 'write',
  refusals: { work_not_found: () => refuse(404, '作品不存在或无权限') },
  run: (context, actor, { params }) => discardWork(context, actor, readWorkId(params.id)),
  reply: () => done(null, '删除成功'),
})

/** `GET /works/:id/download`, for the front-end; of several pictures the first. */
const download = route({
  method: 'GET',
  path: '/works/:id/download',
  allow: 'user',
  rate: 'read',
  run: (context, actor, { params }) => findDownloads(context, actor, readWorkId(params.id)),
  reply: ([first], view) => done(first && { download_url: urlOf(first, view), filename: first.name }),
})

const urlOf = ({ file }: Download, view: View): string => view.fileUrl(file.storeKey)

/**
 * `POST /works/:id/share`, for the front-end: an address that shows the work to whoever has it, which is that of its
 * first output, since nobody can guess it.
 */
const shared = (method: 'GET' | 'POST') =>
  route({
    method,
    path: '/works/:id/share',
    allow: 'user',
    rate: method === 'GET' ? 'read' : 'write',
    refusals: { work_not_ready: () => refuse(400, '作品尚未完成，无法分享') },
    run: async (context, actor, { params }) => {
      const workId = readWorkId(params.id)
      const found = await findDownloads(context, actor, workId)
      if (method === 'POST') await countShare(context, actor, workId)
      return found
    },
    reply: ([first], view) => done(first && { share_url: urlOf(first, view) }),
  })

const MOST_AT_ONCE = 100
const Ids = Type.Object({
  ids: Type.Array(Type.Union([Type.Integer(), Type.String({ maxLength: 20 })]), {
    minItems: 1,
    maxItems: MOST_AT_ONCE,
  }),
})

/** Those of the ids that could be a work's. */
function readIds(ids: readonly (number | string)[]): bigint[] {
  return ids.flatMap((id) => (/^[1-9]\d{0,17}$/.test(String(id)) ? [BigInt(id)] : []))
}

/** `POST /works/batch-delete`, for the front-end: those that are the caller's; the answer says how many. */
const removeMany = route({
  method: 'POST',
  path: '/works/batch-delete',
  allow: 'user',
  rate: 'write',
  body: Ids,
  run: (context, actor, { body: { ids } }) => discardWorks(context, actor, readIds(ids)),
  reply: (deletedCount) => done({ deletedCount }, '删除成功'),
})

/** `POST /works/batch-download`, for the front-end: every output of those that are the caller's and have some. */
const downloadMany = route({
  method: 'POST',
  path: '/works/batch-download',
  allow: 'user',
  rate: 'read',
  body: Ids,
  run: (context, actor, { body: { ids } }) => findAllDownloads(context, actor, readIds(ids)),
  reply: (found, view) =>
    done({
      downloads: found.map((one) => ({
        id: Number(one.workId),
        url: urlOf(one, view),
        filename: one.name,
      })),
    }),
})

/** What others think of a work. */
const presentStanding = (standing?: Standing) => ({
  is_public: standing?.isPublic ?? false,
  view_count: standing?.views ?? 0,
  like_count: standing?.likes ?? 0,
  share_count: standing?.shares ?? 0,
})

/** All that its owner sees of a work. */
export function presentWork(
  work: Work,
  models: readonly Model[],
  standing: Standing | undefined,
  view: View,
) {
  const [file] = work.files
  const made = work.madeFrom
  const status = STATUS[work.state]
  return {
    id: Number(work.workId),
    user_id: Number(work.accountId),
    title: shortTitle(work),
    description: '',
    work_type: work.kind,
    content_type: typeOf(work),
    model_name: models.find(({ id }) => id === work.modelId)?.name ?? null,
    prompt: work.prompt,
    negative_prompt: made?.negativePrompt ?? null,
    source_image_url: presentSourceUrl(work, view),
    result_url: presentResultUrl(work, view) ?? '',
    thumbnail_url: file ? (view.thumbnailUrl(file) ?? '') : '',
    file_size: file?.bytes ?? null,
    duration: work.kind === 'video' ? durationOf(work) : null,
    width: file?.width ?? made?.width ?? null,
    height: file?.height ?? made?.height ?? null,
    status: status === 'pending' ? 'processing' : status,
    progress: work.progress,
    error_message: presentError(work),
    ...presentStanding(standing),
    computing_power_used: toNumber(work.charged),
    created_at: presentTime(work.createdAt),
    updated_at: presentTime(work.editedAt ?? work.updatedAt),
    // Every picture of a work that has several.
    ...(work.files.length > 1 && { result_urls: work.files.map(({ storeKey }) => view.fileUrl(storeKey)) }),
  }
}

/** In seconds: as it is, or as it was asked for. */
function durationOf({ files: [file], madeFrom }: Work): number | null {
  return file?.durationMs ? Math.round(file.durationMs / 100) / 10 : (madeFrom?.seconds ?? null)
}

/** 作品接口. */
export const worksRoutes = [
  list,
  detail,
  remove,
  download,
  shared('GET'),
  shared('POST'),
  removeMany,
  downloadMany,
]
