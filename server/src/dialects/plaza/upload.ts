import type { View } from '../../http/dialect.ts'
import { route } from '../../http/dialect.ts'
import type { SentUpload } from '../../kernel/uploads/take-upload.ts'
import { MOST_CLIP_BYTES, MOST_PICTURE_BYTES, takeUpload } from '../../kernel/uploads/take-upload.ts'
import { done } from './envelope.ts'

function presentUpload(upload: SentUpload, { fileUrl }: View): object {
  const { storeKey, previewKey, width, height, durationMs, bytes } = upload
  return {
    url: fileUrl(storeKey),
    thumbnail: fileUrl(previewKey),
    width,
    height,
    // In seconds, as everywhere else in the document.
    ...(durationMs !== null && { duration: durationMs / 1_000 }),
    fileSize: bytes,
  }
}

/** 上传图片. The document's field is `file`; the shipped front-end's is `image` (facts/plaza.md, Upload). */
const image = route({
  method: 'POST',
  path: '/upload/image',
  allow: 'user',
  rate: 'write',
  takesFiles: { fields: ['file', 'image'], mostBytes: MOST_PICTURE_BYTES },
  run: (context, actor, { files }) => takeUpload(context, actor, 'picture', files[0]),
  reply: (upload, view) => done(presentUpload(upload, view)),
})

/** 上传视频, of which the document says no more than its path. */
const video = route({
  method: 'POST',
  path: '/upload/video',
  allow: 'user',
  rate: 'write',
  takesFiles: { fields: ['file', 'video'], mostBytes: MOST_CLIP_BYTES },
  run: (context, actor, { files }) => takeUpload(context, actor, 'clip', files[0]),
  reply: (upload, view) => done(presentUpload(upload, view)),
})

/** 文件上传接口. */
export const uploadRoutes = [image, video]
