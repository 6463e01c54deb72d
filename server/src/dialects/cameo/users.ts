import { Type } from 'typebox'
import { route } from '../../http/dialect.ts'
import { changePassword } from '../../kernel/accounts/change-password.ts'
import { changeAvatar, changeProfile } from '../../kernel/accounts/profile.ts'
import { done, refuse } from './envelope.ts'
import { describeIssue, refuseIssues } from './faults.ts'
import { requirePassword } from './password.ts'
import { presentUser, readUser } from './user.ts'

const LeftOut = (longest: number) =>
  Type.Optional(Type.Union([Type.String({ maxLength: longest }), Type.Null()]))

// The front-end sends `avatar` along, which is changed at another address; what is not named here is ignored.
const Changes = Type.Object({ nickname: LeftOut(200), email: LeftOut(300), phone: LeftOut(60) })

const Passwords = Type.Object({
  oldPassword: Type.String({ minLength: 1, maxLength: 200 }),
  newPassword: Type.String({ minLength: 1, maxLength: 200 }),
})

const Avatar = Type.Object({ avatar_url: Type.String({ minLength: 1, maxLength: 2_000 }) })

/** 获取用户信息: the same as GET /auth/me. */
const profile = route({
  method: 'GET',
  path: '/users/profile',
  allow: 'user',
  rate: 'read',
  run: readUser,
  reply: (user, view) => done(presentUser(user, view)),
})

const TAKEN = { username: '用户名已被使用', email: '邮箱已被使用', phone: '手机号已被使用' } as const

const SENTENCES: Readonly<Record<string, string>> = {
  email: '邮箱格式不正确，请检查后重试',
  phone: '手机号格式不正确，请填写11位手机号，或以+开头的国际号码',
}

/**
 * 更新用户信息, answered with the whole user: the front-end puts the answer in its user's place, so that null would
 * log him out (facts/cameo.md, 1).
 */
const update = route({
  method: 'PUT',
  path: '/users/profile',
  allow: 'user',
  rate: 'write',
  body: Changes,
  refusals: {
    account_exists: ({ field }) => refuse(400, TAKEN[field]),
    input_invalid: (issue) =>
      issue.field === ''
        ? refuse(400, '没有要更新的字段')
        : refuse(
            400,
            Object.hasOwn(SENTENCES, issue.field) ? `${SENTENCES[issue.field]}` : describeIssue(issue),
          ),
  },
  run: async (context, actor, { body }) => {
    await changeProfile(context, actor, body)
    return readUser(context, actor)
  },
  reply: (user, view) => done(presentUser(user, view), '更新成功'),
})

/** 修改密码. A wrong old one is 400: at a 401 the front-end would log its user out. */
const password = route({
  method: 'POST',
  path: '/users/change-password',
  allow: 'user',
  rate: 'write',
  body: Passwords,
  invalid: (issues) =>
    issues.some(({ problem }) => problem === 'missing' || problem === 'too_short')
      ? refuse(400, '旧密码和新密码不能为空')
      : refuseIssues(issues),
  refusals: { input_invalid: () => refuse(400, '新密码至少6个字符') },
  run: (context, actor, { body }) =>
    changePassword(context, actor, {
      old: body.oldPassword,
      new: requirePassword(body.newPassword, 'newPassword'),
    }),
  reply: () => done(null, '密码修改成功'),
})

/**
 * 上传头像 by its address: one of this site's own pictures, or one elsewhere. The address alone, as the document has
 * it, with the whole user, which the front-end would put in its user's place.
 */
const avatar = route({
  method: 'POST',
  path: '/users/upload-avatar',
  allow: 'user',
  rate: 'write',
  body: Avatar,
  invalid: (issues) =>
    issues.some(({ problem }) => problem === 'missing' || problem === 'too_short')
      ? refuse(400, '请使用 /api/v1/upload/avatar 接口上传文件')
      : refuseIssues(issues),
  refusals: {
    input_invalid: () => refuse(400, '头像地址格式不正确，请使用 http(s) 图片地址，或先上传图片'),
  },
  run: async (context, actor, { body }) => {
    await changeAvatar(context, actor, body.avatar_url.trim())
    return readUser(context, actor)
  },
  reply: (user, view) => {
    const presented = presentUser(user, view)
    return done({ ...presented, user: presented }, '头像更新成功')
  },
})

/** 用户接口. */
export const usersRoutes = [profile, update, password, avatar]
