import type { PlatformProblem } from '../../kernel/errors.ts'

/** Appendix F, 发布平台. */
export const PLATFORM_NAMES: Readonly<Record<string, string>> = {
  wechat: '微信公众号',
  xiaohongshu: '小红书',
  douyin: '抖音',
  kuaishou: '快手',
  toutiao: '今日头条',
}

export function platformName(platform: string): string {
  return (Object.hasOwn(PLATFORM_NAMES, platform) ? PLATFORM_NAMES[platform] : undefined) ?? platform
}

type Words = { message: string; hint: string }

const PROBLEMS: Readonly<Record<PlatformProblem, Words>> = {
  credentials_wrong: { message: '平台账号凭证无效', hint: '请检查凭证后重新绑定平台账号' },
  address_not_allowed: {
    message: '服务器IP不在平台白名单中',
    hint: '请在平台后台的IP白名单中添加服务器IP后重试',
  },
  no_permission: {
    message: '该平台账号没有所需的接口权限',
    hint: '请在平台后台确认账号已认证并开通接口权限，或在平台后台手动发布',
  },
  quota_spent: { message: '今日发布次数已用完', hint: '请明天再试' },
  content_refused: { message: '内容未通过平台审核', hint: '请按平台规则修改内容后重新发布' },
  content_unfit: { message: '内容不符合该平台的格式要求', hint: '请调整内容的长度、格式或大小后重新发布' },
  by_hand_only: { message: '需要手动完成发布', hint: '请在平台后台手动完成发布' },
  unavailable: { message: '平台暂时不可用', hint: '请稍后重试' },
  unknown: {
    message: '发布结果无法确认',
    hint: '请先到平台后台查看是否已发布，确认没有发布后再重新发布，以免重复',
  },
}

/** What a user is told of a platform's no, and what to do next; with our own address where it must be allowed. */
export function describeProblem(reason: PlatformProblem, address: string | null = null): Words {
  const words = PROBLEMS[reason]
  if (reason !== 'address_not_allowed' || address === null) return words
  return {
    message: `服务器IP ${address} 不在平台白名单中`,
    hint: `请在平台后台的IP白名单中添加 ${address} 后重试`,
  }
}
