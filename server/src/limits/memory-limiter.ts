import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import type { Limiter, Rate } from '../kernel/ports/limiter.ts'

/** Counts in this process's memory: limits that protect capacity. What protects money is counted in the database. */
export function createMemoryLimiter(): Limiter {
  const limiters = new Map<string, RateLimiterMemory>()
  const limiterOf = ({ name, points, perSeconds }: Rate): RateLimiterMemory => {
    const id = `${name}/${points}/${perSeconds}`
    let limiter = limiters.get(id)
    if (!limiter) {
      limiter = new RateLimiterMemory({ points, duration: perSeconds, keyPrefix: id })
      limiters.set(id, limiter)
    }
    return limiter
  }
  return {
    take: async (rate, key) => {
      try {
        await limiterOf(rate).consume(key)
        return null
      } catch (refused) {
        if (!(refused instanceof RateLimiterRes)) throw refused
        return Math.max(1, Math.ceil(refused.msBeforeNext / 1000))
      }
    },
    giveBack: async (rate, key) => {
      await limiterOf(rate).reward(key)
    },
  }
}
