/**
 * What processes tell each other: topics with ids, never contents. An event may be lost; whoever waits for one
 * subscribes first and then reads the row.
 *
 * - `task <id>`: the task changed; - `ended <id>`: it was taken out of its worker's hands; - `work`: tasks became due; - `account <id>`: its access changed;
 * - `catalog`: models, prices, settings or refused words changed; - `reply <id>`: somebody asked to stop the reply of this task, or it ended;
 * - `vendor`: a vendor's gate opened or closed, or an operator had it tried again.
 */
export type Topic = 'task' | 'ended' | 'queue' | 'account' | 'catalog' | 'reply' | 'vendor'

export type Events = {
  /** Tells everybody, this process at once and the others within milliseconds. Call after the commit. */
  publish: (topic: Topic, id?: bigint) => void
  /**
   * Calls `listener` for each event of the topic, and of `id` when one is given; and with no id after a time
   * in which events may have been missed. Returns how to stop.
   */
  subscribe: (topic: Topic, id: bigint | null, listener: (id: bigint | null) => void) => () => void
}
