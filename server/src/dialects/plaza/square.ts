import { Type } from 'typebox'
import type { View } from '../../http/dialect.ts'
import { route } from '../../http/dialect.ts'
import { avatarUrl } from '../../kernel/accounts/avatar.ts'
import type { Exhibit } from '../../kernel/square/feed.ts'
import { readFeed } from '../../kernel/square/feed.ts'
import { countView, react } from '../../kernel/square/react.ts'
import { showWork } from '../../kernel/square/show-work.ts'
import { readWord } from '../shared/fields.ts'
import { done, donePage, refuse } from './envelope.ts'
import { refuseIssues } from './faults.ts'
import { readPage } from './query.ts'
import { secondsOf } from './task.ts'
import { presentTime } from './time.ts'
import { describeWork, presentDetail, readWorkId } from './works.ts'

const NOT_SHOWN = { work_not_found: () => refuse(404, '作品不存在或未完成') }

/** 获取广场内容: what owners show, the hot ones first unless asked otherwise. Whoever has a token sees his own likes. */
const feeds = route({
  method: 'GET',
  path: '/square/feeds',
  allow: 'guest',
  rate: 'read',
  run: (context, viewer, { query }) => {
    const type = readWord(query, 'type', ['all', 'image', 'video']) ?? 'all'
    const order = readWord(query, 'sort', ['hot', 'latest']) ?? 'hot'
    return readFeed(context, viewer, { ...readPage(query), kind: type === 'all' ? null : type, order })
  },
  reply: (page, view) => donePage(page, (one) => presentExhibit(one, view)),
})

function presentExhibit(one: Exhibit, view: View) {
  const [file] = one.files
  const { author } = one
  return {
    id: String(one.workId),
    type: one.kind,
    thumbnail: file ? (view.thumbnailUrl(file) ?? '') : '',
    playCount: one.views,
    description: one.title || one.prompt,
    author: {
      id: author.uuid,
      username: author.username,
      avatar: avatarUrl(view.fileUrl, author.avatar) ?? '',
    },
    createdAt: presentTime(one.createdAt),
    fileUrl: file ? view.fileUrl(file.storeKey) : '',
    likeCount: one.likes,
    favoriteCount: one.favorites,
    liked: one.liked,
    favorited: one.favorited,
    width: file?.width ?? null,
    height: file?.height ?? null,
    duration: file ? secondsOf(file) : null,
  }
}

/** 点赞作品: on, and off again (decided reading *plaza*). */
const like = route({
  method: 'POST',
  path: '/square/:id/like',
  allow: 'user',
  rate: 'write',
  refusals: NOT_SHOWN,
  run: (context, actor, { params }) => react(context, actor, readWorkId(params.id), 'like'),
  // The front-end of its sibling reads the last one.
  reply: ({ isOn, count }) => done({ liked: isOn, likeCount: count, like_count: count }),
})

/** 收藏作品: on, and off again. */
const favorite = route({
  method: 'POST',
  path: '/square/:id/favorite',
  allow: 'user',
  rate: 'write',
  refusals: NOT_SHOWN,
  run: (context, actor, { params }) => react(context, actor, readWorkId(params.id), 'favorite'),
  reply: ({ isOn, count }) => done({ favorited: isOn, favoriteCount: count }),
})

/** `POST /square/:id/view`: counted once per viewer and hour. */
const look = route({
  method: 'POST',
  path: '/square/:id/view',
  allow: 'guest',
  rate: 'write',
  refusals: NOT_SHOWN,
  run: (context, viewer, { params, origin }) => countView(context, viewer, origin, readWorkId(params.id)),
  reply: ({ counted, views }) => done({ playCount: views, counted }),
})

const Changes = Type.Object({
  isPublic: Type.Optional(Type.Boolean()),
  title: Type.Optional(Type.String({ maxLength: 1_000 })),
})

/** `PUT /works/:id`: how a work comes to the square, and what it is called (decided reading *plaza*). */
const update = route({
  method: 'PUT',
  path: '/works/:id',
  allow: 'user',
  rate: 'write',
  body: Changes,
  refusals: {
    input_invalid: (issue) => (issue.field === '' ? refuse(400, '没有要更新的字段') : refuseIssues([issue])),
  },
  run: async (context, actor, { params, body }) =>
    describeWork(context, actor, await showWork(context, actor, readWorkId(params.id), body)),
  reply: (described, view) => done(presentDetail(described, view), '更新成功'),
})

/** 广场接口. */
export const squareRoutes = [feeds, like, favorite, look, update]
