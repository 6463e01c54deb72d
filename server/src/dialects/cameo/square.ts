import { Type } from 'typebox'
import type { View } from '../../http/dialect.ts'
import { route } from '../../http/dialect.ts'
import { avatarUrl } from '../../kernel/accounts/avatar.ts'
import type { Model } from '../../kernel/catalog/catalog.ts'
import type { Exhibit } from '../../kernel/square/feed.ts'
import { readFeed } from '../../kernel/square/feed.ts'
import { countView, react } from '../../kernel/square/react.ts'
import { showWork } from '../../kernel/square/show-work.ts'
import { readWord } from '../shared/fields.ts'
import { done, donePage, refuse } from './envelope.ts'
import { refuseIssues } from './faults.ts'
import { readWorkId } from './presented-work.ts'
import { readPage } from './query.ts'
import { presentTime } from './time.ts'
import { describeWork, presentWork } from './works.ts'

const NOT_SHOWN = { work_not_found: () => refuse(404, '作品不存在或未完成') }
const USUAL_ROWS = 50

/** `GET /square/works`: what owners show, the latest first unless asked otherwise. */
const list = route({
  method: 'GET',
  path: '/square/works',
  allow: 'guest',
  rate: 'read',
  run: async (context, viewer, { query }) => {
    const type = readWord(query, 'work_type', ['all', 'image', 'video']) ?? 'all'
    const order = readWord(query, 'sort', ['latest', 'likes', 'views']) ?? 'latest'
    const kind = type === 'all' ? null : type
    const page = await readFeed(context, viewer, { ...readPage(query, USUAL_ROWS), kind, order })
    return { page, models: context.catalog.models() }
  },
  reply: ({ page, models }, view) => donePage(page, (one) => presentExhibit(one, models, view)),
})

function presentExhibit(one: Exhibit, models: readonly Model[], view: View) {
  const [file] = one.files
  return {
    id: Number(one.workId),
    title: one.title,
    prompt: one.prompt,
    work_type: one.kind,
    model_name: models.find(({ id }) => id === one.modelId)?.name ?? null,
    result_url: file ? view.fileUrl(file.storeKey) : '',
    thumbnail_url: file ? (view.thumbnailUrl(file) ?? '') : '',
    width: file?.width ?? null,
    height: file?.height ?? null,
    duration: file?.durationMs ? Math.round(file.durationMs / 100) / 10 : null,
    username: one.author.nickname ?? one.author.username,
    user_avatar: avatarUrl(view.fileUrl, one.author.avatar),
    like_count: one.likes,
    view_count: one.views,
    share_count: one.shares,
    liked: one.liked,
    is_public: true,
    created_at: presentTime(one.createdAt),
  }
}

/** `POST /square/works/:id/like`: on, and off again. */
const like = route({
  method: 'POST',
  path: '/square/works/:id/like',
  allow: 'user',
  rate: 'write',
  refusals: NOT_SHOWN,
  run: (context, actor, { params }) => react(context, actor, readWorkId(params.id), 'like'),
  reply: ({ isOn, count }) => done({ like_count: count, liked: isOn }),
})

/** `POST /square/works/:id/view`: counted once per viewer and hour. */
const look = route({
  method: 'POST',
  path: '/square/works/:id/view',
  allow: 'guest',
  rate: 'write',
  refusals: NOT_SHOWN,
  run: (context, viewer, { params, origin }) => countView(context, viewer, origin, readWorkId(params.id)),
  reply: ({ counted, views }) => done({ view_count: views, counted }),
})

const Changes = Type.Object({
  // The earlier system kept it as 0 and 1.
  is_public: Type.Optional(Type.Union([Type.Boolean(), Type.Literal(0), Type.Literal(1)])),
  title: Type.Optional(Type.String({ maxLength: 1_000 })),
})

/** 更新作品: `PUT /works/:id`. */
const update = route({
  method: 'PUT',
  path: '/works/:id',
  allow: 'user',
  rate: 'write',
  body: Changes,
  refusals: {
    input_invalid: (issue) => (issue.field === '' ? refuse(400, '没有要更新的字段') : refuseIssues([issue])),
  },
  run: async (context, actor, { params, body: { is_public: isPublic, title } }) => {
    const changes = { ...(isPublic !== undefined && { isPublic: Boolean(isPublic) }), title }
    return describeWork(context, actor, await showWork(context, actor, readWorkId(params.id), changes))
  },
  reply: (described, view) => done(presentWork(described, view), '更新成功'),
})

/** The square of its front-end, and what makes works public. */
export const squareRoutes = [list, like, look, update]
