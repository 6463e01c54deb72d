import type { Static } from 'typebox'
import { Type } from 'typebox'
import { route } from '../../http/dialect.ts'
import { refusal } from '../../kernel/errors.ts'
import { bindIdempotencyKey } from '../../kernel/idempotency.ts'
import type { Shape } from '../../kernel/ports/platform.ts'
import { bindPlatform } from '../../kernel/publishing/bind.ts'
import type { PublicationState, Published } from '../../kernel/publishing/history.ts'
import { readPublications } from '../../kernel/publishing/history.ts'
import type { PlatformView } from '../../kernel/publishing/platforms.ts'
import { listPlatforms } from '../../kernel/publishing/platforms.ts'
import { publishWork } from '../../kernel/publishing/publish.ts'
import { done, donePage, refuse } from './envelope.ts'
import { describeProblem, PLATFORM_NAMES, platformName } from './platforms.ts'
import { parseTime, readChoice, readPage } from './query.ts'
import { refusals } from './refusals.ts'
import { presentTime } from './time.ts'

const Publish = Type.Object({
  creation_id: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
  platforms: Type.Array(Type.String({ maxLength: 40 }), { minItems: 1, maxItems: 20 }),
  schedule_time: Type.Optional(Type.Union([Type.String({ maxLength: 40 }), Type.Null()])),
})

/** 8.1 发布内容: one publication for all platforms, now or at `schedule_time`; nothing of it when one is unbound. */
const publish = route({
  method: 'POST',
  path: '/publish',
  allow: 'user',
  rate: 'write',
  body: Publish,
  run: (context, actor, { body, idempotencyKey }) =>
    publishWork(context, actor, {
      workId: BigInt(body.creation_id),
      platforms: body.platforms,
      scheduledAt: readSchedule(body),
      idempotencyKey: idempotencyKey === null ? null : bindIdempotencyKey('publish', idempotencyKey, body),
    }),
  reply: ({ id, isScheduled }) =>
    done({ publish_id: Number(id), status: isScheduled ? 'scheduled' : 'pending' }, '发布任务已创建'),
})

function readSchedule({ schedule_time: text }: Static<typeof Publish>): Date | null {
  if (text === undefined || text === null || text.trim() === '') return null
  const time = parseTime(text.trim())
  if (time === null) throw refusal('input_invalid', { field: 'schedule_time', problem: 'format' })
  return time
}

const SHAPES: Readonly<Record<Shape, string>> = { article: 'article', pictures: 'image', video: 'video' }

/** 8.2 获取支持的平台列表. Every shape is taken everywhere: by interface, or else by hand. */
const platforms = route({
  method: 'GET',
  path: '/publish/platforms',
  allow: 'user',
  rate: 'read',
  run: (context, actor) => listPlatforms(context, actor),
  reply: (views) => done(views.map(presentPlatform)),
})

function presentPlatform({ platform, binding }: PlatformView): object {
  const direct = platform.api?.shapes ?? []
  return {
    platform: platform.name,
    name: platformName(platform.name),
    login_url: platform.handoff.authorUrl,
    supported_types: Object.values(SHAPES),
    // What goes by the account that is bound; the rest is handed off.
    direct_types: direct.map((shape) => SHAPES[shape]),
    credential_fields: (platform.api?.credentials ?? []).map((name) => ({
      name: name.replace('?', ''),
      required: !name.endsWith('?'),
    })),
    needs_binding: platform.api !== null,
    is_bound: binding !== null,
    account_name: binding?.name ?? null,
  }
}

const Bind = Type.Object({
  platform: Type.String({ minLength: 1, maxLength: 40 }),
  credentials: Type.Record(Type.String({ maxLength: 50 }), Type.String({ maxLength: 4_000 }), {
    maxProperties: 20,
  }),
})

/** 8.3 绑定平台账号: tried at the platform, kept encrypted, never shown again. */
const bind = route({
  method: 'POST',
  path: '/publish/platforms/bind',
  allow: 'user',
  rate: 'write',
  body: Bind,
  refusals: {
    platform_refused: (details) =>
      details.reason === 'by_hand_only'
        ? refuse(400, `${platformName(details.platform)}无需绑定账号，发布后请打开发布链接手动完成`)
        : refusals.platform_refused(details),
  },
  run: (context, actor, { body }) => bindPlatform(context, actor, body),
  reply: ({ id, platform, name, createdAt }) =>
    done(
      {
        id: Number(id),
        platform,
        account_name: name,
        is_active: 'active',
        created_at: presentTime(createdAt),
      },
      '绑定成功',
    ),
})

type Status = 'pending' | 'publishing' | 'success' | 'failed' | 'scheduled'

/**
 * The finer truth in the document's words (decided reading *ai-creator*). A hand-off waits for its user; what is
 * unknown counts as failed, for nothing more will happen by itself, and its hint says to look before trying again.
 */
const STATUSES: Readonly<Record<PublicationState, Status>> = {
  queued: 'pending',
  publishing: 'publishing',
  handed_off: 'publishing',
  drafted: 'success',
  in_review: 'success',
  published: 'success',
  failed: 'failed',
  unknown: 'failed',
}
const STATUS_NAMES: readonly Status[] = ['pending', 'publishing', 'success', 'failed', 'scheduled']

const statusOf = ({ state, isWaiting }: Published): Status => (isWaiting ? 'scheduled' : STATUSES[state])

function matching(status: Status | null): { states: PublicationState[] | null; isWaiting: boolean | null } {
  if (status === null) return { states: null, isWaiting: null }
  if (status === 'scheduled') return { states: ['queued'], isWaiting: true }
  const states = (Object.keys(STATUSES) as PublicationState[]).filter((state) => STATUSES[state] === status)
  return { states, isWaiting: false }
}

/** 8.4 获取发布历史: a row for each platform of a publication, newest first. */
const history = route({
  method: 'GET',
  path: '/publish/history',
  allow: 'user',
  rate: 'read',
  run: (context, actor, { query }) =>
    readPublications(context, actor, {
      ...readPage(query),
      platform: readChoice(query, 'platform', Object.keys(PLATFORM_NAMES)),
      ...matching(readChoice(query, 'status', STATUS_NAMES)),
    }),
  reply: (page) => donePage(page, presentPublished),
})

function presentPublished(one: Published): object {
  const time = (at: Date | null): string | null => (at === null ? null : presentTime(at))
  const isOver = one.state === 'failed' || one.state === 'unknown'
  return {
    id: Number(one.id),
    publish_id: Number(one.publicationId),
    creation_id: Number(one.workId),
    platform: one.platform,
    status: statusOf(one),
    state: one.state,
    account_name: one.accountName,
    title: one.title,
    platform_post_id: one.remoteId,
    platform_url: one.url,
    error_message: isOver && one.reason ? describeProblem(one.reason, one.address).message : null,
    hint: hintFor(one),
    handoff_url: one.handoffUrl,
    scheduled_at: time(one.scheduledAt),
    published_at: time(one.publishedAt),
    created_at: presentTime(one.createdAt),
  }
}

/** What its owner may do next; null where there is nothing to do. */
function hintFor({ state, reason, address, handoffUrl, platform }: Published): string | null {
  switch (state) {
    case 'handed_off':
      return handoffUrl === null
        ? '发布链接已过期，请重新发布'
        : '请用手机打开发布链接，按提示完成发布后回填作品链接'
    case 'drafted':
      return `草稿已保存，请登录${platformName(platform)}后台确认并发布`
    case 'in_review':
      return '已提交，等待平台审核'
    case 'failed':
      return reason === 'by_hand_only' && handoffUrl === null
        ? '请重新发布，或在平台后台手动完成发布'
        : describeProblem(reason ?? 'unavailable', address).hint
    case 'unknown':
      return describeProblem('unknown').hint
    default:
      return null
  }
}

export const publishRoutes = [publish, platforms, bind, history]
