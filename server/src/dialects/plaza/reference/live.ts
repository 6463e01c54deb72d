import type { Reference } from '../../../http/dialect.ts'

/** WebSocket 实时更新: it is no route of the list, so it is said in a table. */
export const liveTable: Reference['tables'][number] = {
  title: 'WebSocket 实时更新',
  note: '连接 /ws?token=<jwt_token>（或 /api/v1/ws）。只推送本人的任务；连接后先推送进行中及最近一分钟内结束的任务。令牌无效或失效时以 4401 关闭。',
  columns: ['type', '说明', '示例'],
  rows: [
    [
      'task_progress',
      '任务进度更新',
      '{"type":"task_progress","taskId":"string","progress":50,"status":"processing"}',
    ],
    ['task_complete', '任务完成', '{"type":"task_complete","taskId":"string","result":{}}'],
    ['task_failed', '任务失败', '{"type":"task_failed","taskId":"string","error":"string"}'],
  ],
}
