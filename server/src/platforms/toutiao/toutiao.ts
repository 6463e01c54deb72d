import type { Outbound } from '../../kernel/ports/outbound.ts'
import type { Platform } from '../../kernel/ports/platform.ts'
import { createBytedance } from '../shared/bytedance.ts'

const MEGABYTE = 1_048_576

/** 今日头条 (shared/protocols.md, 4.5): short clips only; articles and pictures have no interface and are handed off. */
export function createToutiao(
  outbound: Outbound,
  urls: { api: string; oauth: string } = { api: 'https://open.douyin.com', oauth: 'https://open.snssdk.com' },
): Platform {
  return createBytedance(outbound, {
    name: 'toutiao',
    handoff: {
      name: '今日头条',
      authorUrl: 'https://mp.toutiao.com/',
      hosts: ['toutiao.com'],
      longestTitle: 30,
      longestBody: null,
      mostPictures: null,
    },
    apiUrl: urls.api,
    oauthUrl: urls.oauth,
    uploadPath: '/toutiao/video/upload/',
    createPath: '/toutiao/video/create/',
    tokenIn: 'query',
    mostBytes: 128 * MEGABYTE,
    longestCaption: 30,
  })
}
