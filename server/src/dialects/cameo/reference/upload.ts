import type { RouteReference } from '../../../http/dialect.ts'
import { done, refuse } from '../envelope.ts'
import { refusals } from '../refusals.ts'

const SECTION = '文件上传接口'
const FILES = 'https://example.com/files'
const PICTURES =
  '支持 JPEG、PNG、WebP、GIF，最大 10 MB、4000 万像素。类型只看文件内容；图片会重新编码并去除位置等信息，最长边缩放到 2048，动图只保留第一帧。'

const shared = {
  没有文件: refuse(400, '请选择要上传的文件'),
  类型不支持: refuse(400, '不支持的文件类型'),
  文件损坏: refusals.upload_refused({ field: 'file', problem: 'broken' }),
}
const pictureRefusals = {
  ...shared,
  文件过大: refusals.upload_refused({ field: 'image', problem: 'too_large', mostBytes: 10_485_760 }),
}

/** Uploads of its front-end. */
export const uploadReference: Readonly<Record<string, RouteReference>> = {
  'POST /upload/image': {
    section: SECTION,
    title: '上传图片',
    description: `表单上传（multipart/form-data）。${PICTURES}每天最多上传 200 个文件、共 2 GB；30 天未被任何作品使用的文件会被清理。`,
    fields: { image: '图片文件', file: '与 image 相同，二选一' },
    success: done(
      {
        url: `${FILES}/k3jx7q2mzv5c4d6f.png`,
        filename: 'k3jx7q2mzv5c4d6f.png',
        size: 1_024_000,
        mimetype: 'image/png',
        thumbnail: `${FILES}/p5ts2nwe7b3a6h4u.webp`,
        width: 1024,
        height: 1024,
      },
      '上传成功',
    ),
    refusals: pictureRefusals,
  },
  'POST /upload/video': {
    section: SECTION,
    title: '上传视频',
    description:
      '表单上传（multipart/form-data），支持 MP4、WebM、MOV，最大 100 MB。`thumbnail` 是第一帧；服务器无法解码时是一张标明时长和尺寸的卡片。',
    fields: { video: '视频文件', file: '与 video 相同，二选一' },
    success: done(
      {
        url: `${FILES}/m4rz6q3kxw7d2c5g.mp4`,
        filename: 'm4rz6q3kxw7d2c5g.mp4',
        size: 1_024_000,
        mimetype: 'video/mp4',
        thumbnail: `${FILES}/t6vy3hne2b7p5a4s.webp`,
        width: 1280,
        height: 720,
        duration: 5,
      },
      '上传成功',
    ),
    refusals: {
      ...shared,
      文件过大: refusals.upload_refused({ field: 'video', problem: 'too_large', mostBytes: 104_857_600 }),
    },
  },
  'POST /upload/avatar': {
    section: SECTION,
    title: '上传头像',
    description: `表单上传（multipart/form-data）。${PICTURES}`,
    fields: { avatar: '头像图片', file: '与 avatar 相同，二选一' },
    success: done({ avatar_url: `${FILES}/k3jx7q2mzv5c4d6f.png` }, '头像上传成功'),
    refusals: pictureRefusals,
  },
  'DELETE /upload/file': {
    section: SECTION,
    title: '删除文件',
    description: '删除自己上传的文件，`filename` 和 `url` 任选其一。',
    fields: { filename: '上传时返回的文件名', url: '上传时返回的地址' },
    request: { filename: 'k3jx7q2mzv5c4d6f.png' },
    success: done(null, '删除成功'),
    refusals: {
      文件不存在: refuse(404, '文件不存在'),
      没有文件名: refuse(400, '请提供要删除的文件名或地址'),
    },
  },
}
