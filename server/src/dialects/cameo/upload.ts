import { Type } from 'typebox'
import type { View } from '../../http/dialect.ts'
import { route } from '../../http/dialect.ts'
import { avatarUrl } from '../../kernel/accounts/avatar.ts'
import { changeAvatar, readProfile } from '../../kernel/accounts/profile.ts'
import { refusal } from '../../kernel/errors.ts'
import { deleteUpload } from '../../kernel/uploads/delete-upload.ts'
import type { SentUpload } from '../../kernel/uploads/take-upload.ts'
import { MOST_CLIP_BYTES, MOST_PICTURE_BYTES, takeUpload } from '../../kernel/uploads/take-upload.ts'
import { fileUrl } from '../../kernel/works/file-url.ts'
import { done, refuse } from './envelope.ts'

/** What its source answered (facts/cameo.md, 2), and how large it is besides. */
function presentUpload(upload: SentUpload, { fileUrl }: View): object {
  const { storeKey, previewKey, mediaType, bytes, width, height, durationMs } = upload
  return {
    url: fileUrl(storeKey),
    filename: storeKey,
    size: bytes,
    mimetype: mediaType,
    thumbnail: fileUrl(previewKey),
    width,
    height,
    ...(durationMs !== null && { duration: durationMs / 1_000 }),
  }
}

/** A picture for its front-end, which names the field `image`. */
const image = route({
  method: 'POST',
  path: '/upload/image',
  allow: 'user',
  rate: 'write',
  takesFiles: { fields: ['image', 'file'], mostBytes: MOST_PICTURE_BYTES },
  run: (context, actor, { files }) => takeUpload(context, actor, 'picture', files[0]),
  reply: (upload, view) => done(presentUpload(upload, view), '上传成功'),
})

/** A clip. Its source took 10 MB, which is less than most have. */
const video = route({
  method: 'POST',
  path: '/upload/video',
  allow: 'user',
  rate: 'write',
  takesFiles: { fields: ['video', 'file'], mostBytes: MOST_CLIP_BYTES },
  run: (context, actor, { files }) => takeUpload(context, actor, 'clip', files[0]),
  reply: (upload, view) => done(presentUpload(upload, view), '上传成功'),
})

/** An avatar by a file; by its address it is POST /users/upload-avatar. */
const avatar = route({
  method: 'POST',
  path: '/upload/avatar',
  allow: 'user',
  rate: 'write',
  takesFiles: { fields: ['avatar', 'file'], mostBytes: MOST_PICTURE_BYTES },
  run: async (context, actor, { files }) => {
    const { storeKey } = await takeUpload(context, actor, 'picture', files[0])
    await changeAvatar(context, actor, fileUrl(context, storeKey))
    // The account has a copy of its own.
    await deleteUpload(context, actor, storeKey)
    return readProfile(context, actor)
  },
  reply: ({ avatar }, view) => done({ avatar_url: avatarUrl(view.fileUrl, avatar) }, '头像上传成功'),
})

const Named = Type.Object({
  filename: Type.Optional(Type.String({ maxLength: 2_000 })),
  url: Type.Optional(Type.String({ maxLength: 2_000 })),
})

/** Deletes one of the caller's own uploads: a file is its row, never a path (facts/cameo.md, hole 1). */
const remove = route({
  method: 'DELETE',
  path: '/upload/file',
  allow: 'user',
  rate: 'write',
  body: Named,
  refusals: { input_invalid: () => refuse(400, '请提供要删除的文件名或地址') },
  run: (context, actor, { body }) => {
    const name = body.filename ?? body.url
    if (name === undefined) throw refusal('input_invalid', { field: 'filename', problem: 'missing' })
    return deleteUpload(context, actor, name)
  },
  reply: () => done(null, '删除成功'),
})

/** Uploads of its front-end. */
export const uploadRoutes = [image, video, avatar, remove]
