import { Type } from 'typebox'
import type { Issue, View } from '../../http/dialect.ts'
import { route } from '../../http/dialect.ts'
import { avatarUrl } from '../../kernel/accounts/avatar.ts'
import type { Character } from '../../kernel/characters/character.ts'
import { readCharacter } from '../../kernel/characters/character.ts'
import { createCharacter, MOST_CHARACTERS } from '../../kernel/characters/create.ts'
import { deleteCharacter } from '../../kernel/characters/delete.ts'
import { listCharacters } from '../../kernel/characters/list.ts'
import { updateCharacter } from '../../kernel/characters/update.ts'
import { refusal } from '../../kernel/errors.ts'
import type { Query } from '../shared/query.ts'
import { given } from '../shared/query.ts'
import { done, refuse } from './envelope.ts'
import { describeIssue } from './faults.ts'
import { readPage } from './query.ts'
import { presentTime } from './time.ts'

const TYPES: readonly string[] = ['sora', 'custom']

/** The front-end sends the picture itself in the address's place when its upload has failed (facts/cameo.md, 2). */
const MOST_BYTES = 8 * 1_048_576

const Picture = Type.Optional(Type.Union([Type.String({ maxLength: MOST_BYTES }), Type.Null()]))
const NewCharacter = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 400 }),
  type: Type.String({ minLength: 1, maxLength: 100 }),
  avatar_url: Picture,
})
const Changes = Type.Object({
  name: Type.Optional(Type.String({ maxLength: 400 })),
  type: Type.Optional(Type.String({ maxLength: 100 })),
  avatar_url: Picture,
})

/** A type of the document. @throws input_invalid for `type` */
function readType(type: string): string {
  if (!TYPES.includes(type)) throw refusal('input_invalid', { field: 'type', problem: 'format' })
  return type
}

/** An id in the path; what is none names no character. @throws character_not_found */
function readCharacterId(id: string | undefined): bigint {
  if (id === undefined || !/^[1-9]\d{0,17}$/.test(id)) throw refusal('character_not_found', { id: `${id}` })
  return BigInt(id)
}

function explain(issue: Issue): string {
  const { field, problem } = issue
  if (field === 'type' && problem === 'format') return '无效的角色类型'
  if (field === 'avatar') return '头像格式不正确，请使用 http(s) 图片地址，或上传 JPG、PNG、WebP、GIF 图片'
  if (field === 'characters') return `最多可创建${MOST_CHARACTERS}个角色，请删除不用的角色后重试`
  return describeIssue(issue)
}

const isEmpty = ({ field, problem }: Issue): boolean =>
  (problem === 'missing' || problem === 'too_short') && (field === 'name' || field === 'type')

const withSentences = { input_invalid: (issue: Issue) => refuse(400, explain(issue)) }

/** 获取角色列表: the caller's own, then the system's. */
const list = route({
  method: 'GET',
  path: '/characters',
  allow: 'user',
  rate: 'read',
  refusals: withSentences,
  run: (context, actor, { query }) => {
    const type = given(query, 'type')
    return listCharacters(context, actor, {
      ...readRows(query),
      type: type === null ? null : readType(type),
      withHouse: !['false', '0'].includes(given(query, 'includeSystem') ?? ''),
    })
  },
  reply: ({ items, total }, view) => done({ list: items.map((one) => present(one, view)), total }),
})

/** All that somebody can have, unless a page is asked for. */
function readRows(query: Query) {
  const isPaged = given(query, 'page') !== null || given(query, 'pageSize') !== null
  return isPaged ? readPage(query) : { page: 1, limit: 2 * MOST_CHARACTERS }
}

/** 获取角色详情. */
const read = route({
  method: 'GET',
  path: '/characters/:id',
  allow: 'user',
  rate: 'read',
  run: (context, actor, { params }) => readCharacter(context, actor, readCharacterId(params.id)),
  reply: (character, view) => done(present(character, view)),
})

/** 创建角色. */
const create = route({
  method: 'POST',
  path: '/characters',
  allow: 'user',
  rate: 'write',
  body: NewCharacter,
  bodyLimit: MOST_BYTES,
  invalid: (issues) =>
    refuse(400, issues.some(isEmpty) ? '角色名称和类型不能为空' : issues.map(explain).join('；')),
  refusals: {
    input_invalid: (issue) => refuse(400, isEmpty(issue) ? '角色名称和类型不能为空' : explain(issue)),
  },
  run: (context, actor, { body }) =>
    createCharacter(context, actor, {
      name: body.name,
      type: readType(body.type),
      avatar: body.avatar_url?.trim() || null,
    }),
  reply: (character, view) => done(present(character, view), '创建成功'),
})

/** 更新角色. */
const update = route({
  method: 'PUT',
  path: '/characters/:id',
  allow: 'user',
  rate: 'write',
  body: Changes,
  bodyLimit: MOST_BYTES,
  refusals: {
    input_invalid: (issue) => refuse(400, issue.field === '' ? '没有要更新的字段' : explain(issue)),
  },
  run: (context, actor, { body, params }) =>
    updateCharacter(context, actor, readCharacterId(params.id), {
      name: body.name,
      type: body.type === undefined ? undefined : readType(body.type),
      avatar: body.avatar_url === undefined ? undefined : body.avatar_url?.trim() || null,
    }),
  reply: (character, view) => done(present(character, view), '更新成功'),
})

/** 删除角色. */
const remove = route({
  method: 'DELETE',
  path: '/characters/:id',
  allow: 'user',
  rate: 'write',
  refusals: { character_not_found: () => refuse(404, '角色不存在或无权限') },
  run: (context, actor, { params }) => deleteCharacter(context, actor, readCharacterId(params.id)),
  reply: () => done(null, '删除成功'),
})

function present(character: Character, view: Pick<View, 'fileUrl'>) {
  return {
    id: Number(character.id),
    user_id: character.accountId === null ? null : Number(character.accountId),
    name: character.name,
    avatar_url: avatarUrl(view.fileUrl, character.avatar),
    type: character.type,
    is_system: character.accountId === null,
    sora_id: character.mention,
    created_at: presentTime(character.createdAt),
    updated_at: presentTime(character.updatedAt),
  }
}

/** 角色接口. */
export const charactersRoutes = [list, read, create, update, remove]
