import type { Outbound } from '../../kernel/ports/outbound.ts'
import type { Platform } from '../../kernel/ports/platform.ts'
import { createBytedance } from '../shared/bytedance.ts'

const GIGABYTE = 1_073_741_824

/**
 * 抖音 (shared/protocols.md, 4.3): clips by `video.create.bind`, which few applications are granted; without it, and
 * for texts and pictures, the work is handed off.
 */
export function createDouyin(outbound: Outbound, url = 'https://open.douyin.com'): Platform {
  return createBytedance(outbound, {
    name: 'douyin',
    handoff: {
      name: '抖音',
      authorUrl: 'https://creator.douyin.com/',
      hosts: ['douyin.com', 'iesdouyin.com'],
      longestTitle: 30,
      longestBody: 1_000,
      mostPictures: 35,
    },
    apiUrl: url,
    oauthUrl: url,
    uploadPath: '/api/douyin/v1/video/upload_video/',
    createPath: '/api/douyin/v1/video/create_video/',
    tokenIn: 'header',
    // 4 GB there; here a clip is held in memory while it is sent.
    mostBytes: GIGABYTE / 4,
    longestCaption: 1_000,
  })
}
