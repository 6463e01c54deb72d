import type { Live, View } from '../../http/dialect.ts'
import type { Task } from '../../kernel/generation/task.ts'
import type { TaskNews } from '../../kernel/generation/watch.ts'
import { FAILURE_MESSAGES } from '../shared/sibling-refusals.ts'
import { refuse } from './envelope.ts'
import { presentResult, STATUS } from './task.ts'

const CANCELED = '任务已取消，算力已退还'

/**
 * WebSocket 实时更新. On connect, tasks on their way are told as they stand, and ends of the last minute once more, so that
 * a client that was cut off misses none (facts/plaza.md, WebSocket). One of the assistant's replies is none of these
 * tasks.
 */
export const live: Live = {
  paths: ['/ws', '/api/v1/ws'],
  // Decided reading: HTTP's 401 in the range that is ours; for a session that ended meanwhile, too.
  refusedCode: 4401,
  reason: ({ body }) => (body as { message: string }).message,
  reasons: {
    tooMany: '连接数过多，请关闭其他页面后重试',
    slow: '接收过慢，请重新连接',
    flood: '消息过于频繁，请稍后重新连接',
    stopping: '服务正在重启，请稍后重新连接',
  },
  notUpgraded: () => refuse(400, '请使用 WebSocket 连接此地址'),
  present: (news, view) => {
    if (news.kind !== 'image' && news.kind !== 'video') return null
    return news.ended ? presentEnd(news.task, view) : presentProgress(news)
  },
}

function presentProgress({ handle: taskId, progress }: Extract<TaskNews, { ended: false }>) {
  return { type: 'task_progress', taskId, progress, status: STATUS.running }
}

function presentEnd(task: Task, view: View) {
  const { handle: taskId, state, failure } = task
  if (state === 'succeeded') return { type: 'task_complete', taskId, result: presentResult(task, view) }
  const error = state === 'canceled' ? CANCELED : FAILURE_MESSAGES[failure ?? 'unknown']
  return { type: 'task_failed', taskId, error }
}
