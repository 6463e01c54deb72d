import type { Fen } from './fen.ts'
import type { ModelKind, TaskKind } from './generation/task-input.ts'
import type { Ids } from './ids.ts'
import type { Credits } from './money.ts'
import type { WritingTool } from './tools/writing-tool.ts'

/**
 * What a dialect's document fixes about its product, one part for each room of the kernel that asks. An operator's
 * settings and prices override it.
 */
export type Preset = AccountPreset &
  CatalogPreset &
  PaymentPreset &
  MembershipPreset &
  PromotionPreset &
  GenerationPreset &
  ToolPreset &
  UploadPreset &
  CharacterPreset &
  AssistantPreset &
  PublishingPreset &
  QuotaPreset & { limits: Readonly<Record<RateClass, RateLimit>> }

export type AccountPreset = {
  /** What a new account gets. */
  signUpBonus: Credits
  /** Reason shown on the statement for it. */
  signUpBonusReason: string
  /** How long a session lasts. */
  sessionMs: number
  /** How long an access token lasts where a document has them refreshed; as long as the session unless given. */
  accessMs?: number
  /** Domains an address must have to register; empty for any. */
  emailDomains: readonly string[]
  /** The mail that carries a code; null where nobody is sent one. */
  codeMail:
    | ((
        code: string,
        minutes: number,
        purpose: CodePurpose,
      ) => { subject: string; text: string; html: string })
    | null
}

export type CatalogPreset = {
  /** Models that exist from the start, served by the built-in provider. */
  models: readonly {
    name: string
    title: string
    description: string
    kind: ModelKind
    /** Whose model it is called; see `Model.vendor`. */
    vendor?: string
    /** Drawn here whatever keys there are, until an operator has it served: what it is called after has ended. */
    isDrawn?: boolean
  }[]
  /** Whose models there are, by `vendor` of those above, in the order they are shown; what each is called. */
  vendors?: readonly { name: string; title: string }[]
  /** Price of one output, by kind, for models without a price of their own. */
  prices: Readonly<Partial<Record<TaskKind, Credits>>>
  /** What amounts that are measured are rounded up to: whole credits, where a document shows no fractions. */
  chargeStep: Credits
  /** The same for what starts from a picture, where that costs something else. */
  sourcePrices?: Readonly<Partial<Record<TaskKind, Credits>>>
}

export type PaymentPreset = {
  /** What can be bought, in the order it is shown. */
  packages: readonly Package[]
  /** How it can be paid for. */
  methods: readonly string[]
  /** Quirks that a channel has from the start, by gateway. */
  gatewayOptions: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** The id that clients see for a new order of this kind: unique, and not to be guessed. */
  orderHandle: (
    item: 'credits' | 'membership',
    nowMs: number,
    random: Pick<Ids, 'token' | 'digits'>,
  ) => string
  /**
   * What credits cost where any number of them can be bought, and are worth where the wallet pays (the method
   * `balance`); nowhere unless a document says so.
   */
  creditsPerYuan?: Credits
  /** The path, from the root, where a channel's notifications arrive. */
  notifyPath: (channelUuid: string) => string
}

export type MembershipPreset = {
  /** Memberships that can be bought, in the order they are shown; a document without any has none. */
  plans?: readonly Plan[]
  /** Whether members generate without paying credits: a hold of zero with the reason `membership`. */
  membersGenerateFree?: boolean
}

export type PromotionPreset = {
  /** What whoever invited an account gets when that account first pays; nothing unless a document says so. */
  referralReward?: Credits
}

export type PublishingPreset = {
  /** Platforms that works are published on, by name, in the order they are shown; none unless a document says so. */
  platforms?: readonly string[]
}

export type GenerationPreset = {
  /** The id that clients see for a new task. */
  taskHandle: (kind: TaskKind, nowMs: number, random: string) => string
  /** Whether a task waits for an administrator's approval before it runs. */
  needsApproval: boolean
  /** How often a task is tried before it has failed. */
  mostAttempts: number
  /** Time a task may take from submission to its end before it is given up and paid back. */
  taskMs: number
  /** Largest picture an edge asks for, in pixels a side. */
  maxSide: number
}

export type ToolPreset = {
  /** Whether what models write is compared with the operator's word list, too; not unless he says so. */
  moderatesOutputs?: boolean
  /** How many pictures an account may have described, counted in the database: each costs the operator. */
  analysisLimit: Limit
  /** Templates that an operator switched off, by name. */
  templatesOff: readonly string[]
  /** The writing tools that are offered, in the order they are listed; each has a price of its own from the start. */
  writingTools?: readonly WritingTool[]
}

export type AssistantPreset = {
  /** How much of a conversation a model is sent, in estimated tokens; about 4,000 unless given. */
  assistantMemoryTokens?: number
  /** How long a reply may be, in the model's tokens; 2,000 unless given. */
  assistantReplyTokens?: number
}

export type UploadPreset = {
  /** Whether the site itself takes uploads from users' OSS clients (kernel/uploads); not unless it says so. */
  takesUploads?: boolean
}

export type CharacterPreset = {
  /** Characters of the house, which everybody may use and nobody edits; none unless a document says so. */
  characters?: readonly HouseCharacter[]
}

export type HouseCharacter = {
  /** What prompts call it after an `@`: lower-case letters, digits, `_` and `.`; it stays the same for ever. */
  mention: string
  name: string
  type: string
  /** What a model is told of it. */
  description: string
}

export type QuotaPreset = {
  /** What an account may make in a day and call in an hour, in UTC+8; as much as it can pay for unless given. */
  quotas?: Quotas
}

/** Pictures and clips by the day, whatever one request asks for; calls by the hour. */
export type QuotaName = 'image' | 'video' | 'calls'

/** One that is absent is not counted at all. */
export type Quotas = Readonly<Partial<Record<QuotaName, Allowance>>>

/** How much of something a user may have; another number for members, and for administrators. */
export type Allowance = { users: number; members: number }

export type Limit = { points: number; perSeconds: number }

/** The limit of a rate class, and for whom it is another. */
export type RateLimit = Limit & {
  /** Whether it does not hold for members. */
  membersUnlimited?: boolean
}

export type Package = { id: string; name: string; credits: Credits; priceFen: Fen }

/** `days` are added to what is left of a membership; null is for life. */
export type Plan = {
  id: string
  name: string
  priceFen: Fen
  days: number | null
  /** How high a member it makes: 1, or 2; 1 unless given. */
  level?: 1 | 2
  /** What it gives besides, once; nothing unless given. */
  credits?: Credits
  vouchers?: number
}

export type CodePurpose = 'register' | 'login' | 'reset_password'

/** What a route costs the system; each class is limited for itself, by account or, before login, by address. */
export type RateClass = 'auth' | 'generate' | 'read' | 'write'

/**
 * What a route declares: a class, or that it is not limited because a refusal would do more harm than the call:
 * a front-end that takes any failure of it for a logout. Only for one cheap read behind a login.
 */
export type RatePolicy = RateClass | 'unlimited'
