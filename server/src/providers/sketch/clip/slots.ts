/** A few places and a queue before them; whoever is aborted while waiting leaves the queue. */

export type Slots = { enter: (signal: AbortSignal) => Promise<() => void> }

export const createSlots = (places: number): Slots => {
  let free = places
  const waiting: (() => void)[] = []
  const leave = (): void => {
    const next = waiting.shift()
    if (next === undefined) free += 1
    else next()
  }
  /** Leaving twice must not make a second place. */
  const once = (): (() => void) => {
    let inside = true
    return () => {
      if (inside) leave()
      inside = false
    }
  }
  return {
    enter: async (signal) => {
      signal.throwIfAborted()
      if (free > 0) {
        free -= 1
        return once()
      }
      return new Promise((resolve, reject) => {
        const stop = (): void => {
          waiting.splice(waiting.indexOf(begin), 1)
          reject(signal.reason)
        }
        const begin = (): void => {
          signal.removeEventListener('abort', stop)
          resolve(once())
        }
        waiting.push(begin)
        signal.addEventListener('abort', stop, { once: true })
      })
    },
  }
}
