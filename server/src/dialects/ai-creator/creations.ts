import { Type } from 'typebox'
import type { View } from '../../http/dialect.ts'
import { route } from '../../http/dialect.ts'
import type { TaskKind } from '../../kernel/generation/task-input.ts'
import { toNumber } from '../../kernel/money.ts'
import { deleteWork } from '../../kernel/works/delete.ts'
import { editWork, restoreWork } from '../../kernel/works/edit.ts'
import type { WorkState } from '../../kernel/works/list.ts'
import { listWorks } from '../../kernel/works/list.ts'
import type { WorkVersion } from '../../kernel/works/versions.ts'
import { listVersions } from '../../kernel/works/versions.ts'
import type { Work } from '../../kernel/works/work.ts'
import { readWork } from '../../kernel/works/work.ts'
import { given, readId } from '../shared/query.ts'
import { done, donePage } from './envelope.ts'
import type { Status } from './generation.ts'
import { STATUS } from './generation.ts'
import { readChoice, readDay, readPage } from './query.ts'
import { FAILURE_MESSAGES } from './refusals.ts'
import { presentTime } from './time.ts'

const FAMILIES = ['writing', 'image', 'video', 'ppt'] as const
type Family = (typeof FAMILIES)[number]

const KINDS: Readonly<Record<Family, TaskKind>> = {
  writing: 'text',
  image: 'image',
  video: 'video',
  ppt: 'deck',
}
const FAMILY_OF: Readonly<Partial<Record<TaskKind, Family>>> = {
  text: 'writing',
  image: 'image',
  video: 'video',
  deck: 'ppt',
}

const STATES: Readonly<Record<Status, readonly WorkState[]>> = {
  processing: ['pending'],
  completed: ['ready'],
  failed: ['failed'],
}

/** 7.1 获取创作列表: `GET /creations`. What failed is listed only when it is asked for by `status`. */
const list = route({
  method: 'GET',
  path: '/creations',
  allow: 'user',
  rate: 'read',
  run: (context, actor, { query }) => {
    const family = readChoice(query, 'type', FAMILIES)
    const status = readChoice(query, 'status', ['processing', 'completed', 'failed'])
    return listWorks(context, actor, {
      ...readPage(query),
      kinds: family === null ? null : [KINDS[family]],
      states: status === null ? ['pending', 'ready'] : STATES[status],
      tool: given(query, 'tool_type'),
      keyword: given(query, 'keyword') ?? given(query, 'search'),
      from: readDay(query, 'start_date'),
      until: readDay(query, 'end_date', 1),
    })
  },
  reply: (page, view) => donePage(page, (work) => presentRow(work, view)),
})

/** 7.2 获取创作详情: `GET /creations/{id}`. */
const detail = route({
  method: 'GET',
  path: '/creations/:id',
  allow: 'user',
  rate: 'read',
  run: (context, actor, { params }) => readWork(context, actor, readId('id', params.id)),
  reply: (work, view) => done(presentDetail(work, view)),
})

const UpdateCreation = Type.Object({
  title: Type.Optional(Type.String({ maxLength: 200 })),
  content: Type.Optional(Type.String({ maxLength: 100_000 })),
})

/** 7.3 更新创作内容: `PUT /creations/{id}`. What it said before stays as a version. */
const update = route({
  method: 'PUT',
  path: '/creations/:id',
  allow: 'user',
  rate: 'write',
  body: UpdateCreation,
  run: (context, actor, { params, body: { title, content } }) =>
    editWork(context, actor, readId('id', params.id), {
      ...(title !== undefined && { title }),
      ...(content !== undefined && { body: content }),
    }),
  reply: (work, view) => done(presentDetail(work, view), '更新成功'),
})

/** 7.4 删除创作: `DELETE /creations/{id}`. */
const remove = route({
  method: 'DELETE',
  path: '/creations/:id',
  allow: 'user',
  rate: 'write',
  run: (context, actor, { params }) => deleteWork(context, actor, readId('id', params.id)),
  reply: () => done(null, '删除成功'),
})

/** `GET /creations/{id}/versions`: what it says and once said, the latest first. */
const versions = route({
  method: 'GET',
  path: '/creations/:id/versions',
  allow: 'user',
  rate: 'read',
  run: (context, actor, { params, query }) =>
    listVersions(context, actor, readId('id', params.id), readPage(query)),
  reply: (page) => donePage(page, presentVersion),
})

/** `POST /creations/{id}/versions/{version}/restore`: makes an earlier version the latest again. */
const restore = route({
  method: 'POST',
  path: '/creations/:id/versions/:version/restore',
  allow: 'user',
  rate: 'write',
  run: (context, actor, { params }) =>
    restoreWork(context, actor, readId('id', params.id), readId('version', params.version)),
  reply: (work, view) => done(presentDetail(work, view), '恢复成功'),
})

function presentRow(work: Work, view: View) {
  const [address] = work.files.map(({ storeKey }) => view.fileUrl(storeKey))
  return {
    id: Number(work.workId),
    type: FAMILY_OF[work.kind] ?? work.kind,
    tool_type: work.tool,
    title: work.title,
    // Of a picture or a clip, what it was made from.
    content: work.text ?? work.prompt ?? '',
    status: STATUS[work.state],
    image_url: work.kind === 'image' ? (address ?? null) : null,
    video_url: work.kind === 'video' ? (address ?? null) : null,
    download_url: work.kind === 'deck' ? (address ?? null) : null,
    credits_used: toNumber(work.charged),
    version: work.version,
    created_at: presentTime(work.createdAt),
    updated_at: presentTime(work.editedAt ?? work.updatedAt),
  }
}

function presentDetail(work: Work, view: View) {
  return {
    ...presentRow(work, view),
    input_data: work.parameters,
    // Whether the model stopped before it had finished.
    is_truncated: work.isCut,
    model_id: Number(work.modelId),
    task_id: work.handle,
    progress: STATUS[work.state] === 'failed' ? 0 : work.progress,
    error: work.failure === null ? null : FAILURE_MESSAGES[work.failure],
  }
}

function presentVersion({ version, isCurrent, title, body, createdAt }: WorkVersion) {
  return { version, is_current: isCurrent, title, content: body ?? '', created_at: presentTime(createdAt) }
}

export const creationRoutes = [list, detail, update, remove, versions, restore]
