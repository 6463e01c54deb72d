import type { Platform } from '../../kernel/ports/platform.ts'

/**
 * 小红书 (shared/protocols.md, 4.2): nobody may publish there for somebody else by a server, and we use no cookies
 * and no forged signatures. Every work is handed to its user.
 */
export function createXiaohongshu(): Platform {
  return {
    name: 'xiaohongshu',
    api: null,
    handoff: {
      name: '小红书',
      authorUrl: 'https://creator.xiaohongshu.com/publish/publish',
      hosts: ['xiaohongshu.com', 'xhslink.com'],
      longestTitle: 20,
      longestBody: 1_000,
      mostPictures: 18,
    },
  }
}
