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
import { readPage } from './query.ts'
import { presentTime } from './time.ts'
import { presentDetail, readWorkId } from './works.ts'

/** What is not on the square is not told from what is nowhere. */
const NOT_SHOWN = { work_not_found: () => refuse(404, '作品不存在或未完成') }

/** 获取广场内容: `GET /square/feeds`. Anybody's; with a good token the rows tell what the caller liked. */
const feeds = route({
  method: 'GET',
  path: '/square/feeds',
  allow: 'guest',
  rate: 'read',
  run: (context, actor, { query }) => {
    const type = readWord(query, 'type', ['image', 'video', 'all']) ?? 'all'
    return readFeed(context, actor, {
      ...readPage(query),
      kind: type === 'all' ? null : type,
      sort: readWord(query, 'sort', ['hot', 'latest']) ?? 'hot',
    })
  },
  reply: (page, view) => donePage(page, (work) => presentShown(work, view)),
})

function presentShown(work: ShownWork, view: View) {
  const { file, author } = work
  return {
    id: String(work.workId),
    type: work.kind,
    title: work.title,
    thumbnail: file ? (view.thumbnailUrl(file) ?? '') : '',
    fileUrl: file ? view.fileUrl(file.storeKey) : '',
    playCount: work.views,
    likeCount: work.likes,
    favoriteCount: work.favorites,
    liked: work.isLiked,
    favorited: work.isFavorite,
    description: work.title,
    author: {
      id: String(author.id),
      username: author.username,
      avatar: avatarUrl(view.fileUrl, author.avatar) ?? '',
    },
    createdAt: presentTime(work.publishedAt),
  }
}

/** 点赞作品: `POST /square/:id/like`; again takes it back. */
const like = route({
  method: 'POST',
  path: '/square/:id/like',
  allow: 'user',
  rate: 'write',
  refusals: NOT_SHOWN,
  run: (context, actor, { params }) => toggleMark(context, actor, 'like', readWorkId(params.id)),
  reply: ({ isSet, count }) => done({ liked: isSet, likeCount: count, like_count: count }),
})

/** 收藏作品: `POST /square/:id/favorite`; again takes it back. */
const favorite = route({
  method: 'POST',
  path: '/square/:id/favorite',
  allow: 'user',
  rate: 'write',
  refusals: NOT_SHOWN,
  run: (context, actor, { params }) => toggleMark(context, actor, 'favorite', readWorkId(params.id)),
  reply: ({ isSet, count }) => done({ favorited: isSet, favoriteCount: count }),
})

/** `POST /square/:id/view` (decided reading *plaza*): once for each viewer and hour. */
const view = route({
  method: 'POST',
  path: '/square/:id/view',
  allow: 'guest',
  rate: 'write',
  refusals: NOT_SHOWN,
  run: (context, actor, { params, origin }) => recordView(context, { actor, origin }, readWorkId(params.id)),
  reply: ({ views, isCounted }) => done({ playCount: views, counted: isCounted }),
})

const UpdateWork = Type.Object({
  isPublic: Type.Optional(Type.Boolean()),
  title: Type.Optional(Type.String()),
})

/** `PUT /works/:id` (decided reading *plaza*): puts the caller's work on the square or takes it off, and names it. */
const update = route({
  method: 'PUT',
  path: '/works/:id',
  allow: 'user',
  rate: 'write',
  body: UpdateWork,
  refusals: {
    input_invalid: (issue) => (issue.field === '' ? refuse(400, '没有要更新的字段') : refuseIssues([issue])),
  },
  run: async (context, actor, { params, body }) => {
    const shown = await showWork(context, actor, readWorkId(params.id), body)
    const model = context.catalog.models().find(({ id }) => id === shown.work.modelId)
    return { ...shown, model: model?.name ?? '' }
  },
  reply: ({ work, model, standing }, view) => done(presentDetail(work, model, standing, view), '更新成功'),
})

/** 广场接口. */
export const squareRoutes = [feeds, like, favorite, view, update]
