import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import type { Limiter } from '../kernel/ports/limiter.ts'

/** Counts in this process's memory: limits that protect capacity. What protects money is counted in the database. */
export function createMemoryLimiter(): Limiter {
  const limiters = new Map<string, RateLimiterMemory>()
  return {
    take: async ({ name, points, perSeconds }, key) => {
      const id = `${name}/${points}/${perSeconds}`
      let limiter = limiters.get(id)
      if (!limiter) {
        limiter = new RateLimiterMemory({ points, duration: perSeconds, keyPrefix: id })
        limiters.set(id, limiter)
      }
      try {
        await limiter.consume(key)
        return null
      } catch (refused) {
        if (!(refused instanceof RateLimiterRes)) throw refused
        return Math.max(1, Math.ceil(refused.msBeforeNext / 1000))
      }
    },
  }
}
