import { Type } from 'typebox'
import type { View } from '../../http/dialect.ts'
import { route } from '../../http/dialect.ts'
import { avatarUrl } from '../../kernel/accounts/avatar.ts'
import type { ShownWork } from '../../kernel/square/feed.ts'
import { readFeed } from '../../kernel/square/feed.ts'
import { showWork } from '../../kernel/square/show.ts'
import { toggleMark } from '../../kernel/square/toggle.ts'
import { recordView } from '../../kernel/square/view.ts'
import { readWord } from '../shared/fields.ts'
import { done, donePage, refuse } from './envelope.ts'
import { refuseIssues } from './faults.ts'
import { readWorkId } from './presented-work.ts'
import { readPage } from './query.ts'
import { presentTime } from './time.ts'
import { presentWork } from './works.ts'

/** What is not on the square is not told from what is nowhere. */
const NOT_SHOWN = { work_not_found: () => refuse(404, '作品不存在或未完成') }

/** `GET /square/works`, for the front-end. Anybody's; with a good token the rows tell what the caller liked. */
const works = route({
  method: 'GET',
  path: '/square/works',
  allow: 'guest',
  rate: 'read',
  run: (context, actor, { query }) => {
    const type = readWord(query, 'work_type', ['image', 'video', 'all']) ?? 'all'
    return readFeed(context, actor, {
      ...readPage(query, 50),
      kind: type === 'all' ? null : type,
      sort: readWord(query, 'sort', ['latest', 'likes', 'views']) ?? 'latest',
    })
  },
  reply: (page, view) => donePage(page, (work) => presentShown(work, view)),
})

function presentShown(work: ShownWork, view: View) {
  const { file, author } = work
  return {
    id: Number(work.workId),
    title: work.title,
    // The field is there for a front-end that reads it; the words are those that the owner shows.
    prompt: work.title,
    work_type: work.kind,
    result_url: file ? view.fileUrl(file.storeKey) : '',
    thumbnail_url: file ? (view.thumbnailUrl(file) ?? '') : '',
    username: author.username,
    user_avatar: avatarUrl(view.fileUrl, author.avatar) ?? '',
    like_count: work.likes,
    view_count: work.views,
    liked: work.isLiked,
    created_at: presentTime(work.publishedAt),
  }
}

/** `POST /square/works/:id/like`, for the front-end; again takes it back. */
const like = route({
  method: 'POST',
  path: '/square/works/:id/like',
  allow: 'user',
  rate: 'write',
  refusals: NOT_SHOWN,
  run: (context, actor, { params }) => toggleMark(context, actor, 'like', readWorkId(params.id)),
  reply: ({ isSet, count }) => done({ like_count: count, liked: isSet }),
})

/** `POST /square/works/:id/view`, for the front-end: once for each viewer and hour. */
const view = route({
  method: 'POST',
  path: '/square/works/:id/view',
  allow: 'guest',
  rate: 'write',
  refusals: NOT_SHOWN,
  run: (context, actor, { params, origin }) => recordView(context, { actor, origin }, readWorkId(params.id)),
  reply: ({ views, isCounted }) => done({ view_count: views, counted: isCounted }),
})

const UpdateWork = Type.Object({
  // Rows of an earlier version had 0 and 1, and clients send back what they were shown.
  is_public: Type.Optional(Type.Union([Type.Boolean(), Type.Literal(0), Type.Literal(1)])),
  title: Type.Optional(Type.String()),
})

/** 更新作品: `PUT /works/:id`: puts the caller's work on the square or takes it off, and names it. */
const update = route({
  method: 'PUT',
  path: '/works/:id',
  allow: 'user',
  rate: 'write',
  body: UpdateWork,
  refusals: {
    input_invalid: (issue) => (issue.field === '' ? refuse(400, '没有要更新的字段') : refuseIssues([issue])),
  },
  run: async (context, actor, { params, body: { is_public: isPublic, title } }) => {
    const shown = await showWork(context, actor, readWorkId(params.id), {
      ...(isPublic !== undefined && { isPublic: Boolean(isPublic) }),
      ...(title !== undefined && { title }),
    })
    return { ...shown, models: context.catalog.models() }
  },
  reply: ({ work, models, standing }, view) => done(presentWork(work, models, standing, view), '更新成功'),
})

/** The square of its front-end, and how works come there. */
export const squareRoutes = [works, like, view, update]
