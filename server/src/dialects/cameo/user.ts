import type { View } from '../../http/dialect.ts'
import { avatarUrl } from '../../kernel/accounts/avatar.ts'
import type { Profile } from '../../kernel/accounts/profile.ts'
import { readProfile } from '../../kernel/accounts/profile.ts'
import type { Actor, Context } from '../../kernel/context.ts'
import { readMembership } from '../../kernel/memberships/membership.ts'
import { toNumber } from '../../kernel/money.ts'
import { ensureReferralCode } from '../../kernel/promotions/referral-codes.ts'
import { readBalance } from '../../kernel/wallet/balance.ts'
import { presentTime } from './time.ts'

/** A user as the front-end's store wants it; what it does not find there logs its user out (facts/cameo.md, 2). */
export type User = {
  profile: Profile
  power: { total: bigint; remaining: bigint; gifted: bigint; hd: number }
  member: { level: 0 | 1 | 2; endsAt: Date | null }
  referralCode: string
}

/** Reads what `presentUser` shows. @throws account_missing */
export async function readUser(context: Context, actor: Pick<Actor, 'accountId'>): Promise<User> {
  const [profile, standing, referralCode] = await Promise.all([
    readProfile(context, actor),
    readStanding(context, actor),
    ensureReferralCode(context, actor),
  ])
  return { profile, ...standing, referralCode }
}

/** What an account has and is as a member. */
async function readStanding(
  context: Context,
  actor: Pick<Actor, 'accountId'>,
): Promise<Pick<User, 'power' | 'member'>> {
  const [balance, membership] = await Promise.all([
    readBalance(context, actor),
    readMembership(context, actor),
  ])
  const plan = context.preset.plans?.find(({ id }) => id === membership?.plan)
  return {
    power: { total: balance.granted, remaining: balance.available, gifted: 0n, hd: 0 },
    member: {
      level: membership?.isActive ? (plan?.level ?? 1) : 0,
      endsAt: membership?.endsAt ?? null,
    },
  }
}

const USER_TYPES = ['normal', 'vip', 'svip'] as const

/** All fields of a user, as every answer about one has them. */
export function presentUser({ profile, power, member, referralCode }: User, view: Pick<View, 'fileUrl'>) {
  return {
    id: Number(profile.id),
    username: profile.username,
    nickname: profile.nickname,
    email: profile.email,
    phone: profile.phone,
    avatar_url: avatarUrl(view.fileUrl, profile.avatar),
    role: profile.role,
    user_type: USER_TYPES[member.level],
    computing_power: toNumber(power.remaining),
    total_computing_power: toNumber(power.total),
    gifted_computing_power: toNumber(power.gifted),
    hd_count: power.hd,
    membership_expires_at: member.endsAt && presentTime(member.endsAt),
    referral_code: referralCode,
    created_at: presentTime(profile.createdAt),
  }
}
