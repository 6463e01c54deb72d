/** What a round of load came to. */
export type Sample = { count: number; seconds: number; latenciesMs: Float64Array }

/** Runs `once` again and again from `callers` callers for `ms`, each waiting for its answer before the next. */
export async function closedLoop(
  callers: number,
  ms: number,
  once: (caller: number, turn: number) => Promise<unknown>,
): Promise<Sample> {
  const latencies: number[] = []
  const startedAt = performance.now()
  const endsAt = startedAt + ms
  const run = async (caller: number): Promise<void> => {
    for (let at = performance.now(), turn = 0; at < endsAt; turn += 1) {
      await once(caller, turn)
      const now = performance.now()
      latencies.push(now - at)
      at = now
    }
  }
  await Promise.all(Array.from({ length: callers }, (_, caller) => run(caller)))
  return {
    count: latencies.length,
    seconds: (performance.now() - startedAt) / 1000,
    latenciesMs: Float64Array.from(latencies),
  }
}
