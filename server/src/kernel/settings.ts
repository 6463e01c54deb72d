import { USUAL_MEMORY_TOKENS, USUAL_REPLY_TOKENS } from './assistant/bounds.ts'
import { refusal } from './errors.ts'
import { fen, formatYuan, parseYuan } from './fen.ts'
import { parseCredits, toText } from './money.ts'
import type { Allowance, Limit, Package, Plan, Preset, QuotaName, RateClass } from './preset.ts'
import { TEMPLATE_NAMES } from './tools/templates/index.ts'

/** One setting that an operator may override: how it is shown, read and put in force. */
type Setting = { show: (preset: Preset) => unknown; apply: (preset: Preset, value: unknown) => Preset | null }

const isLimit = (value: unknown): value is Limit =>
  typeof value === 'object' &&
  value !== null &&
  ['points', 'perSeconds'].every((name) => {
    const number = (value as Record<string, unknown>)[name]
    return Number.isSafeInteger(number) && Number(number) >= 1 && Number(number) <= 1_000_000_000
  })

const limitSetting = (rate: RateClass): Setting => ({
  show: (preset) => preset.limits[rate],
  apply: (preset, value) =>
    isLimit(value)
      ? {
          ...preset,
          limits: {
            ...preset.limits,
            [rate]: { ...preset.limits[rate], points: value.points, perSeconds: value.perSeconds },
          },
        }
      : null,
})

const isAllowance = (value: unknown): value is Allowance =>
  typeof value === 'object' &&
  value !== null &&
  ['users', 'members'].every((name) => {
    const number = (value as Record<string, unknown>)[name]
    return Number.isSafeInteger(number) && Number(number) >= 0 && Number(number) <= 1_000_000_000
  })

const quotaSetting = (quota: QuotaName): Setting => ({
  show: (preset) => preset.quotas?.[quota] ?? null,
  apply: (preset, value) =>
    isAllowance(value)
      ? {
          ...preset,
          quotas: { ...preset.quotas, [quota]: { users: value.users, members: value.members } },
        }
      : null,
})

const seconds = (pick: 'taskMs' | 'sessionMs', least: number, most: number): Setting => ({
  show: (preset) => preset[pick] / 1000,
  apply: (preset, value) =>
    Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most
      ? { ...preset, [pick]: Number(value) * 1000 }
      : null,
})

const MOST_LISTED = 50
const ID = /^[a-z0-9_-]{1,40}$/
const tokens = (
  pick: 'assistantMemoryTokens' | 'assistantReplyTokens',
  usual: number,
  most: number,
): Setting => ({
  show: (preset) => preset[pick] ?? usual,
  apply: (preset, value) =>
    Number.isSafeInteger(value) && Number(value) >= 100 && Number(value) <= most
      ? { ...preset, [pick]: Number(value) }
      : null,
})

/** `[{ "id", "name", "credits", "yuan" }]`, with yuan as text of two decimals at most. */
function readPackages(value: unknown): Package[] | null {
  if (!Array.isArray(value) || value.length > MOST_LISTED) return null
  const packages = value.map((one: Record<string, unknown>): Package | null => {
    const amount = parseCredits(String(one?.credits))
    const priceFen = parseYuan(String(one?.yuan))
    const { id, name } = one ?? {}
    if (typeof id !== 'string' || !ID.test(id) || typeof name !== 'string' || name === '') return null
    return amount && amount > 0n && priceFen ? { id, name, credits: amount, priceFen: fen(priceFen) } : null
  })
  const isWhole = packages.every((one) => one !== null)
  return isWhole && new Set(packages.map((one) => one?.id)).size === packages.length ? packages : null
}

/**
 * `[{ "id", "name", "yuan", "days", "level", "credits", "vouchers" }]`: no days are for life; the last three may be left
 * out.
 */
function readPlans(value: unknown): Plan[] | null {
  if (!Array.isArray(value) || value.length > MOST_LISTED) return null
  const plans = value.map((one: Record<string, unknown>): Plan | null => {
    const { id, name, days, level = 1, vouchers = 0 } = one ?? {}
    const priceFen = parseYuan(String(one?.yuan))
    const gift = parseCredits(String(one?.credits ?? 0))
    if (typeof id !== 'string' || !ID.test(id) || typeof name !== 'string' || name === '') return null
    if (days !== null && !isWhole(days, 1, 36_500)) return null
    if ((level !== 1 && level !== 2) || !isWhole(vouchers, 0, 1_000_000)) return null
    if (!priceFen || gift === null || gift < 0n) return null
    return {
      id,
      name,
      priceFen,
      days: days as number | null,
      level,
      credits: gift,
      vouchers: Number(vouchers),
    }
  })
  const isGood = plans.every((one) => one !== null)
  return isGood && new Set(plans.map((one) => one?.id)).size === plans.length ? plans : null
}

const isWhole = (value: unknown, least: number, most: number): boolean =>
  Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most

/** Every setting by its name. A missing one is not a setting. */
const SETTINGS: Readonly<Record<string, Setting>> = {
  sign_up_bonus: {
    show: (preset) => Number(toText(preset.signUpBonus)),
    apply: (preset, value) => {
      const bonus = typeof value === 'number' || typeof value === 'string' ? parseCredits(value) : null
      return bonus !== null && bonus >= 0n ? { ...preset, signUpBonus: bonus } : null
    },
  },
  email_domains: {
    show: (preset) => preset.emailDomains,
    apply: (preset, value) =>
      Array.isArray(value) &&
      value.every((one) => typeof one === 'string' && /^[a-z0-9.-]+\.[a-z]+$/.test(one))
        ? { ...preset, emailDomains: value }
        : null,
  },
  packages: {
    show: (preset) =>
      preset.packages.map(({ id, name, credits, priceFen }) => ({
        id,
        name,
        credits: toText(credits),
        yuan: formatYuan(priceFen),
      })),
    apply: (preset, value) => {
      const packages = readPackages(value)
      return packages && { ...preset, packages }
    },
  },
  plans: {
    show: (preset) =>
      preset.plans?.map(({ id, name, priceFen, days, level = 1, credits = 0n, vouchers = 0 }) => ({
        ...{ id, name, yuan: formatYuan(priceFen), days, level },
        ...{ credits: toText(credits), vouchers },
      })) ?? [],
    apply: (preset, value) => {
      const plans = readPlans(value)
      return plans && { ...preset, plans }
    },
  },
  credits_per_yuan: {
    show: (preset) => (preset.creditsPerYuan === undefined ? null : toText(preset.creditsPerYuan)),
    apply: (preset, value) => {
      const amount = typeof value === 'number' || typeof value === 'string' ? parseCredits(value) : null
      // Two decimals, so that a fen is a whole number of the smallest credits.
      return amount !== null && amount > 0n && amount % 100n === 0n
        ? { ...preset, creditsPerYuan: amount }
        : null
    },
  },
  needs_approval: {
    show: (preset) => preset.needsApproval,
    apply: (preset, value) => (typeof value === 'boolean' ? { ...preset, needsApproval: value } : null),
  },
  moderate_outputs: {
    show: (preset) => preset.moderatesOutputs ?? false,
    apply: (preset, value) => (typeof value === 'boolean' ? { ...preset, moderatesOutputs: value } : null),
  },
  session_seconds: seconds('sessionMs', 60, 365 * 86_400),
  task_seconds: seconds('taskMs', 5, 7 * 86_400),
  assistant_memory_tokens: tokens('assistantMemoryTokens', USUAL_MEMORY_TOKENS, 200_000),
  assistant_reply_tokens: tokens('assistantReplyTokens', USUAL_REPLY_TOKENS, 16_000),
  limit_auth: limitSetting('auth'),
  limit_generate: limitSetting('generate'),
  limit_read: limitSetting('read'),
  limit_write: limitSetting('write'),
  quota_image: quotaSetting('image'),
  quota_video: quotaSetting('video'),
  quota_calls: quotaSetting('calls'),
  limit_analysis: {
    show: (preset) => preset.analysisLimit,
    apply: (preset, value) =>
      isLimit(value)
        ? { ...preset, analysisLimit: { points: value.points, perSeconds: value.perSeconds } }
        : null,
  },
  templates_off: {
    show: (preset) => preset.templatesOff,
    apply: (preset, value) =>
      Array.isArray(value) && value.every((one) => TEMPLATE_NAMES.includes(one))
        ? { ...preset, templatesOff: [...new Set<string>(value)] }
        : null,
  },
}

/** Names of all settings with their values in force, for `atelier admin settings`. */
export function showSettings(preset: Preset): Record<string, unknown> {
  return Object.fromEntries(Object.entries(SETTINGS).map(([name, setting]) => [name, setting.show(preset)]))
}

/** Checks a setting's name and value. @throws input_invalid naming the setting */
export function parseSetting(name: string, value: unknown): void {
  const setting = Object.hasOwn(SETTINGS, name) ? SETTINGS[name] : undefined
  if (!setting) throw refusal('input_invalid', { field: name, problem: 'missing' })
  // Only whether the value fits is asked, so any preset will do.
  if (setting.apply({ limits: {} } as Preset, value) === null)
    throw refusal('input_invalid', { field: name, problem: 'format' })
}

/** The preset with an operator's overrides. A row this version cannot read is passed over, never half applied. */
export function applySettings(preset: Preset, rows: readonly { name: string; value: unknown }[]): Preset {
  return rows.reduce((effective, { name, value }) => {
    const setting = Object.hasOwn(SETTINGS, name) ? SETTINGS[name] : undefined
    return (value !== null && setting?.apply(effective, value)) || effective
  }, preset)
}
