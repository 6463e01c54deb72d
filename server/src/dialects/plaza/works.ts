import type { Reply, View } from '../../http/dialect.ts'
import { route } from '../../http/dialect.ts'
import type { Actor, Context } from '../../kernel/context.ts'
import { refusal } from '../../kernel/errors.ts'
import type { TaskKind } from '../../kernel/generation/task-input.ts'
import type { Standing } from '../../kernel/square/standing.ts'
import { readStandings } from '../../kernel/square/standing.ts'
import { discardWork } from '../../kernel/works/discard.ts'
import type { OpenDownload } from '../../kernel/works/download.ts'
import { findDownloads, openDownload } from '../../kernel/works/download.ts'
import { contentDisposition } from '../../kernel/works/file-url.ts'
import type { WorkState } from '../../kernel/works/list.ts'
import { listWorks } from '../../kernel/works/list.ts'
import { shortTitle } from '../../kernel/works/title.ts'
import type { Work } from '../../kernel/works/work.ts'
import { readWork } from '../../kernel/works/work.ts'
import { readNumber, readWord } from '../shared/fields.ts'
import { done, refuse } from './envelope.ts'
import { readPage } from './query.ts'
import type { Status } from './task.ts'
import { asked, askedText, presentError, presentPictures, STATUS, secondsOf } from './task.ts'
import { presentTime } from './time.ts'

const KINDS: Readonly<Record<'image' | 'video' | 'all', readonly TaskKind[]>> = {
  image: ['image'],
  video: ['video'],
  all: ['image', 'video'],
}
const STATES: Readonly<Record<Status | 'all', readonly WorkState[]>> = {
  processing: ['pending'],
  completed: ['ready'],
  failed: ['failed'],
  all: ['pending', 'ready', 'failed'],
}

/** 获取作品列表: `GET /works`, newest first, also those that are still being made. */
const list = route({
  method: 'GET',
  path: '/works',
  allow: 'user',
  rate: 'read',
  run: (context, actor, { query }) => {
    const type = readWord(query, 'type', ['image', 'video', 'all']) ?? 'all'
    const status = readWord(query, 'status', ['all', 'processing', 'completed', 'failed']) ?? 'all'
    return listWorks(context, actor, {
      ...readPage(query),
      ...{ kinds: KINDS[type], states: STATES[status], tool: null, keyword: null, from: null, until: null },
    })
  },
  reply: ({ items, total, page, limit }, view) =>
    done({ list: items.map((work) => presentRow(work, view)), total, page, pageSize: limit }),
})

/** 获取作品详情: `GET /works/:id`. */
const detail = route({
  method: 'GET',
  path: '/works/:id',
  allow: 'user',
  rate: 'read',
  run: async (context, actor, { params }) => {
    const work = await readOwn(context, actor, params.id)
    const model = context.catalog.models().find(({ id }) => id === work.modelId)
    const standings = await readStandings(context, [work.workId], actor)
    return { work, model: model?.name ?? '', standing: standings.get(work.workId) }
  },
  reply: ({ work, model, standing }, view) => done(presentDetail(work, model, standing, view)),
})

/** 删除作品: `DELETE /works/:id`. What is still being made is canceled and its price given back. */
const remove = route({
  method: 'DELETE',
  path: '/works/:id',
  allow: 'user',
  rate: 'write',
  run: (context, actor, { params }) => discardWork(context, actor, readWorkId(params.id)),
  refusals: { work_not_found: () => refuse(404, '作品不存在或无权限') },
  reply: () => done(null, '删除成功'),
})

/**
 * 下载作品: `GET /works/:id/download`: the file itself, or its address for whoever accepts `application/json`. Of several
 * pictures it is the first, or that of `index`, from 1.
 */
const download = route({
  method: 'GET',
  path: '/works/:id/download',
  allow: 'user',
  rate: 'read',
  takesRaw: true,
  run: async (context, actor, { params, query, raw }) => {
    const id = readWorkId(params.id)
    const place = (readNumber(query, 'index', { least: 1, most: 10 }) ?? 1) - 1
    const wantsAddress = /\bapplication\/json\b/i.test(raw?.header('accept') ?? '')
    if (!wantsAddress) return { file: await openDownload(context, actor, id, place) }
    const found = (await findDownloads(context, actor, id))[place]
    if (!found) throw refusal('input_invalid', { field: 'index', problem: 'too_large' })
    return { address: found }
  },
  reply: ({ file, address }, view) =>
    file ? sendFile(file) : done({ url: view.fileUrl(address.file.storeKey), filename: address.name }),
})

function sendFile({ file, name, bytes, content }: OpenDownload): Reply {
  return {
    status: 200,
    body: content,
    headers: {
      'content-type': file.mediaType,
      'content-length': String(bytes),
      'content-disposition': contentDisposition(name),
      'cache-control': 'private, no-store',
    },
  }
}

/** A malformed id names nothing. @throws work_not_found */
export function readWorkId(text = ''): bigint {
  if (!/^[1-9]\d{0,17}$/.test(text)) throw refusal('work_not_found', { id: text })
  return BigInt(text)
}

/** A picture or a clip of the caller's. @throws work_not_found, also for a text */
async function readOwn(context: Context, actor: Pick<Actor, 'accountId'>, id?: string): Promise<Work> {
  const work = await readWork(context, actor, readWorkId(id))
  if (work.madeFrom === null) throw refusal('work_not_found', { id: String(work.workId) })
  return work
}

/** What others think of a work. */
const presentStanding = (standing?: Standing) => ({
  isPublic: standing?.isPublic ?? false,
  likeCount: standing?.likes ?? 0,
  favoriteCount: standing?.favorites ?? 0,
  playCount: standing?.views ?? 0,
})

function presentRow(work: Work, view: View) {
  const [file] = work.files
  return {
    id: String(work.workId),
    type: work.kind,
    title: shortTitle(work),
    thumbnail: file ? (view.thumbnailUrl(file) ?? '') : '',
    status: STATUS[work.state],
    createdAt: presentTime(work.createdAt),
    fileUrl: file ? view.fileUrl(file.storeKey) : '',
  }
}

/** All that its owner sees of a work. */
export function presentDetail(work: Work, model: string, standing: Standing | undefined, view: View) {
  const [file] = work.files
  const made = work.madeFrom
  return {
    ...presentRow(work, view),
    prompt: work.prompt,
    negativePrompt: made?.negativePrompt ?? '',
    model,
    style: made?.style ?? '',
    width: file?.width ?? made?.width ?? null,
    height: file?.height ?? made?.height ?? null,
    duration: work.kind === 'video' ? (file ? secondsOf(file) : asked(work, 'duration')) : null,
    resolution: askedText(work, 'resolution') ?? (made ? `${made.width}x${made.height}` : null),
    fileSize: file?.bytes ?? null,
    progress: work.progress,
    error: presentError(work),
    ...presentStanding(standing),
    taskId: work.handle,
    updatedAt: presentTime(work.editedAt ?? work.updatedAt),
    // Every picture of a work that has several; the row shows the first.
    ...(work.kind === 'image' && { images: presentPictures(work, view) }),
  }
}

/** 作品管理接口. */
export const worksRoutes = [list, detail, remove, download]
