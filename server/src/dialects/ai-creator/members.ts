import type { Membership } from '../../kernel/memberships/membership.ts'
import type { Credits } from '../../kernel/money.ts'
import { toNumber } from '../../kernel/money.ts'
import { presentTime } from './time.ts'

/**
 * What every answer about a user says of credits and membership; the front-end reads `credits` and
 * `member_expired_at` (facts/ai-creator.md, 1 Auth). Whoever is no member, or no longer one, has neither type nor end.
 */
export function presentStanding(available: Credits, membership: Membership | null) {
  const end = membership?.isActive && membership.endsAt ? presentTime(membership.endsAt) : null
  return {
    credit_balance: toNumber(available),
    credits: toNumber(available),
    is_member: membership?.isActive ?? false,
    membership_type: membership?.isActive ? membership.plan : null,
    membership_end_date: end,
    member_expired_at: end,
  }
}
