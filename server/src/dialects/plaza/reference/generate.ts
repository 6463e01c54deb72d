import type { RouteReference } from '../../../http/dialect.ts'
import { done, refuse } from '../envelope.ts'

const IMAGE = '图片生成接口'
const VIDEO = '视频生成接口'

const ONCE = '请求头 `Idempotency-Key`（可选）相同的重复请求只扣费一次。'
const FORM = '请求体为 `multipart/form-data`，图片放在字段 `image`（最大 10 MB）；'
const OWN = '也可以用 JSON 请求，并在 `imageUrl` 中给出自己上传或生成的图片地址。'

const askedFields = {
  prompt: '提示词，最多 2000 个字符',
  style: '风格，如 `油画`、`anime`；其他文字会原样附加在提示词之后',
  seed: '随机种子，1 至 2147483647；省略、0 或 -1 为随机',
}
const pictureFields = {
  ...askedFields,
  negativePrompt: '反向提示词，最多 2000 个字符',
  width: '宽度，64 至 2048 像素，默认 1024',
  height: '高度，64 至 2048 像素，默认 1024',
  numImages: '图片数量，1 至 4，默认 1；每张图片单独计费',
}
const clipFields = {
  ...askedFields,
  model: '视频模型的服务商：`sora`、`veo`、`runway`（默认），或管理员添加的服务商',
  duration: '时长，1 至 60 秒，默认 5',
  resolution: '`480p`、`720p`（默认）、`1080p` 或 `4k`；4k 为可用的最大尺寸',
  fps: '帧率，1 至 60，默认 24；不支持的帧率取最接近的',
}
const imageUrl = '自己上传或生成的图片地址，代替表单中的 `image`'

const begun = (estimatedTime: number) =>
  done({ taskId: 'task_abc123456', status: 'processing', estimatedTime })
const refusals = {
  请求参数错误: refuse(400, '请求参数错误', '提示词不能为空'),
  算力不足: refuse(400, '算力不足，当前余额 0，需要 10，请充值后重试'),
  图片不存在: refuse(404, '文件不存在'),
}
const { 图片不存在: _missing, ...textRefusals } = refusals
const taskId = { description: '任务 ID', schema: { type: 'string' } }
const taskMissing = { 任务不存在: refuse(404, '任务不存在') }
const failed = {
  taskId: 'task_abc123456',
  status: 'failed',
  progress: 0,
  result: null,
  error: '任务已取消，算力已退还',
}

/** 图片生成接口 and 视频生成接口. */
export const generateReference: Readonly<Record<string, RouteReference>> = {
  'POST /generate/text-to-image': {
    section: IMAGE,
    title: '文生图',
    description: `每张图片 10 算力，生成失败自动退还。\`estimatedTime\` 是预计秒数，由以往的任务得出。${ONCE}`,
    fields: pictureFields,
    request: { prompt: '一只在窗边睡觉的猫', width: 1024, height: 1024, numImages: 1 },
    success: begun(30),
    refusals: textRefusals,
  },
  'POST /generate/image-to-image': {
    section: IMAGE,
    title: '图生图',
    description: `${FORM}${OWN}每张图片 15 算力。${ONCE}`,
    fields: { ...pictureFields, strength: '重绘强度，0 至 1，默认 0.8', imageUrl },
    request: {
      prompt: '改成夜晚',
      strength: 0.8,
      imageUrl: 'http://localhost:3000/files/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.png',
    },
    success: begun(30),
    refusals,
  },
  'GET /generate/task/:taskId': {
    section: IMAGE,
    title: '查询生成任务状态',
    description: '`result` 在完成之前为 `null`，`error` 只在失败时出现。视频任务请用视频的查询接口。',
    parameters: { taskId },
    success: done({
      taskId: 'task_abc123456',
      status: 'completed',
      progress: 100,
      result: { images: [{ url: 'string', thumbnail: 'string', width: 1024, height: 1024 }] },
    }),
    refusals: taskMissing,
  },
  'POST /generate/task/:taskId/cancel': {
    section: IMAGE,
    title: '取消任务',
    description: '图片和视频任务均可；算力立即退还。',
    parameters: { taskId },
    success: done(failed, '任务已取消'),
    refusals: { ...taskMissing, 任务已结束: refuse(400, '任务已结束，无法取消') },
  },
  'POST /generate/text-to-video': {
    section: VIDEO,
    title: '文生视频',
    description: `每个视频 50 算力，生成失败自动退还。${ONCE}`,
    fields: clipFields,
    request: { prompt: '海浪拍打礁石', model: 'runway', duration: 5, resolution: '720p', fps: 24 },
    success: begun(120),
    refusals: { ...textRefusals, 模型不存在: refuse(400, '模型不存在或未启用') },
  },
  'POST /generate/image-to-video': {
    section: VIDEO,
    title: '图生视频',
    description: `${FORM}${OWN}每个视频 60 算力。${ONCE}`,
    fields: { ...clipFields, imageUrl },
    request: {
      prompt: '让画面动起来',
      model: 'runway',
      duration: 5,
      imageUrl: 'http://localhost:3000/files/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.png',
    },
    success: begun(120),
    refusals: { ...refusals, 模型不存在: refuse(400, '模型不存在或未启用') },
  },
  'GET /generate/video-task/:taskId': {
    section: VIDEO,
    title: '查询视频生成任务',
    description: '`result` 在完成之前为 `null`，`error` 只在失败时出现。',
    parameters: { taskId },
    success: done({
      taskId: 'task_abc123456',
      status: 'completed',
      progress: 100,
      result: {
        video: { url: 'string', thumbnail: 'string', duration: 5, resolution: '720p', fileSize: 1024000 },
      },
    }),
    refusals: taskMissing,
  },
}
