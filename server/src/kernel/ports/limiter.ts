/** Counts uses of something by a key within a window. */
export type Limiter = {
  /** Counts one use; null when it is allowed, otherwise how many seconds to wait. */
  take: (limit: { name: string; points: number; perSeconds: number }, key: string) => Promise<number | null>
}
