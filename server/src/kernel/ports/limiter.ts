/** How often something may be done within a window. */
export type Rate = { name: string; points: number; perSeconds: number }

/** Counts uses of something by a key within a window. */
export type Limiter = {
  /** Counts one use; null when it is allowed, otherwise how many seconds to wait. */
  take: (rate: Rate, key: string) => Promise<number | null>
  /** Takes one use back that was counted in vain. */
  giveBack: (rate: Rate, key: string) => Promise<void>
}
