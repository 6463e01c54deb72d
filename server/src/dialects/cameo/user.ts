import type { View } from '../../http/dialect.ts'
import { avatarUrl } from '../../kernel/accounts/avatar.ts'
import type { Profile } from '../../kernel/accounts/profile.ts'
import { readProfile } from '../../kernel/accounts/profile.ts'
import type { Actor, Context } from '../../kernel/context.ts'
import type { MemberLevel } from '../../kernel/memberships/membership.ts'
import { readMemberLevel } from '../../kernel/memberships/membership.ts'
import { toNumber } from '../../kernel/money.ts'
import { ensureReferralCode } from '../../kernel/promotions/referral-codes.ts'
import type { Power } from '../../kernel/wallet/power.ts'
import { readPower } from '../../kernel/wallet/power.ts'
import { presentTime } from './time.ts'

/** A user as the front-end's store wants it; what it does not find there logs its user out (facts/cameo.md, 2). */
export type User = {
  profile: Profile
  power: Power
  member: MemberLevel
  referralCode: string
}

/** Reads what `presentUser` shows. @throws account_missing */
export async function readUser(context: Context, actor: Pick<Actor, 'accountId'>): Promise<User> {
  const [profile, power, member, referralCode] = await Promise.all([
    readProfile(context, actor),
    readPower(context, actor),
    readMemberLevel(context, actor),
    ensureReferralCode(context, actor),
  ])
  return { profile, power, member, referralCode }
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
