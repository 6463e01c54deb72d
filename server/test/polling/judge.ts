import type { Ask, Seen } from './clip-vendor.ts'

export type Limits = { asksPerSecond: number | null; askEveryMs: number }

export type Judgement = {
  asks: number
  /** Of the time judged. */
  perSecond: number
  /** Windows of a second that held more asks than the vendor allows, and looks at a job too soon after the last. */
  tooMany: number
  tooSoon: number
  /** The most asks in any second; the least time between two looks at one job. */
  mostInASecond: number
  leastBetweenMs: number
  /** After the vendor would have let the job be asked after, given what it was asked before. */
  late: Spread
  /** The so-and-so-many-th ask after that of an asker who uses all that the vendor allows from the first moment on. */
  lateAfterIdeal: Spread
  /** Each job after that asker had come to it, who asks in the order in which jobs are due. */
  jobsLateAfterIdeal: Spread
}

export type Spread = { p50Ms: number; p99Ms: number; maxMs: number }

/**
 * Holds what a vendor saw against its limits; everything is on the vendor's own clock.
 *
 * A job is *due* `askEveryMs` after the vendor's last answer about it (the first time: after the answer to its start);
 * the tenth that askers add at random counts as lateness. *Permitted* it is when it is due and either fewer than
 * `asksPerSecond` asks lie within the second before (`late`), or, more strictly, when an ideal asker's time for it has
 * come: one that asks in the order in which jobs are due, one every 1/asksPerSecond s, and never pauses while any is due
 * (`lateAfterIdeal`). Whatever is lost of the rate adds up there for as long as more is due than may be asked. Job by job
 * (`jobsLateAfterIdeal`) comes to it that the spread at random changes the order: of jobs that were started in one second
 * it makes a queue of half a second's jobs, and at 20 a second that is long.
 *
 * @param between only asks that came in this time are judged for lateness; limits are judged over everything.
 */
export function judge(seen: Seen, limits: Limits, between: { from: number; to: number }): Judgement {
  const asks = seen.asks.toSorted((a, b) => a.at - b.at)
  const { asksPerSecond, askEveryMs } = limits
  const dueAt = dueTimes(seen, asks, askEveryMs)

  let tooMany = 0
  let mostInASecond = 0
  let first = 0
  for (const [index, ask] of asks.entries()) {
    while ((asks[first]?.at ?? 0) <= ask.at - 1_000) first += 1
    const inASecond = index - first + 1
    mostInASecond = Math.max(mostInASecond, inASecond)
    if (asksPerSecond !== null && inASecond > asksPerSecond) tooMany += 1
  }

  let tooSoon = 0
  let leastBetweenMs = Number.POSITIVE_INFINITY
  const lastAt = new Map<number, number>()
  for (const { job, at } of asks) {
    const betweenMs = at - (lastAt.get(job) ?? Number.NEGATIVE_INFINITY)
    leastBetweenMs = Math.min(leastBetweenMs, betweenMs)
    if (betweenMs < askEveryMs) tooSoon += 1
    lastAt.set(job, at)
  }

  const judged = (at: number): boolean => at >= between.from && at < between.to
  const late: number[] = []
  for (const [index, ask] of asks.entries()) {
    if (!judged(ask.at)) continue
    const before = asksPerSecond === null ? undefined : asks[index - asksPerSecond]
    const open = before === undefined ? Number.NEGATIVE_INFINITY : before.at + 1_000
    late.push(Math.max(0, ask.at - Math.max(dueAt[index] ?? 0, open)))
  }

  const lateAfterIdeal: number[] = []
  const jobsLateAfterIdeal: number[] = []
  let ideal = Number.NEGATIVE_INFINITY
  const inOrder = asks
    .map((ask, index) => ({ at: ask.at, due: dueAt[index] ?? 0 }))
    .sort((a, b) => a.due - b.due)
  for (const [index, { at, due }] of inOrder.entries()) {
    ideal = Math.max(due, ideal + (asksPerSecond === null ? 0 : 1_000 / asksPerSecond))
    const same = asks[index]?.at ?? 0
    if (judged(same)) lateAfterIdeal.push(Math.max(0, same - ideal))
    if (judged(at)) jobsLateAfterIdeal.push(Math.max(0, at - ideal))
  }

  return {
    asks: asks.length,
    perSecond: (late.length * 1_000) / (between.to - between.from),
    ...{ tooMany, tooSoon, mostInASecond, leastBetweenMs },
    late: spreadOf(late),
    lateAfterIdeal: spreadOf(lateAfterIdeal),
    jobsLateAfterIdeal: spreadOf(jobsLateAfterIdeal),
  }
}

/** By ask, in the order they came. */
function dueTimes(seen: Seen, asks: readonly Ask[], askEveryMs: number): number[] {
  const answeredAt = new Map<number, number>()
  return asks.map(({ job, answeredAt: at }) => {
    const due = (answeredAt.get(job) ?? seen.startedAt[job] ?? 0) + askEveryMs
    answeredAt.set(job, at)
    return due
  })
}

function spreadOf(values: number[]): Spread {
  values.sort((a, b) => a - b)
  const at = (share: number): number => values.at(Math.floor((values.length - 1) * share)) ?? Number.NaN
  return { p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) }
}
