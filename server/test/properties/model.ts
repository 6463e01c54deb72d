/**
 * What the wallet and the tasks of one account should be, written down without SQL: the oracle for the SQL
 * functions. Amounts are credits as plain numbers.
 */

export type State =
  | 'awaiting_approval'
  | 'queued'
  | 'running'
  | 'unknown'
  | 'succeeded'
  | 'failed'
  | 'canceled'
export type ModelTask = {
  state: State
  generation: number
  cost: number
  charged: number
  /** Claims given out, oldest first: what stale workers would write with. */
  claims: number[]
  /** Which of three models it is for. */
  model: number
  /** What its explanation says was charged; null where its price is fixed, and while it runs. */
  explained: number | null
}
/** This one of the models has a rule for a price; the others have one for an output. */
export const METERED = 2

export type Model = {
  granted: number
  available: number
  held: number
  spent: number
  creditLimit: number
  /** Members are charged nothing for what they begin while they are members. */
  isMember: boolean
  tasks: ModelTask[]
}

export type Command =
  | { kind: 'grant'; amount: number }
  | { kind: 'take'; amount: number }
  | { kind: 'submit'; model: number; cost: number; awaits: boolean }
  | { kind: 'approve'; task: number }
  | { kind: 'edit'; task: number; model: number; cost: number; awaits: boolean }
  | { kind: 'claim' }
  | { kind: 'finish'; task: number; claim: number; share: number }
  | { kind: 'fail'; task: number; claim: number }
  | { kind: 'requeue'; task: number; claim: number }
  | { kind: 'await'; task: number; claim: number }
  | { kind: 'doubt'; task: number; claim: number }
  | { kind: 'cancel'; task: number }
  | { kind: 'expire'; task: number }
  | { kind: 'retry'; task: number; cost: number }
  | { kind: 'join' }
  | { kind: 'lapse' }

/** Where a task may go, and by what. The test fails when one of these is never seen, or another one is. */
export const TRANSITIONS: ReadonlySet<string> = new Set([
  'new -submit-> queued',
  'new -submit-> awaiting_approval',
  'awaiting_approval -approve-> queued',
  'awaiting_approval -edit-> awaiting_approval',
  'awaiting_approval -edit-> queued',
  'awaiting_approval -cancel-> canceled',
  'awaiting_approval -expire-> failed',
  'queued -edit-> awaiting_approval',
  'queued -edit-> queued',
  'queued -claim-> running',
  'queued -cancel-> canceled',
  'queued -expire-> failed',
  'running -claim-> running',
  'running -await-> running',
  'running -requeue-> queued',
  'running -doubt-> unknown',
  'running -finish-> succeeded',
  'running -fail-> failed',
  'running -cancel-> canceled',
  'running -expire-> failed',
  'unknown -expire-> failed',
  'failed -retry-> queued',
])

export const emptyModel = (): Model => ({
  granted: 0,
  available: 0,
  held: 0,
  spent: 0,
  creditLimit: 0,
  isMember: false,
  tasks: [],
})

/** What the wallet and tasks should be after a command. Never changes the model it is given. */
export function applyCommand(before: Model, command: Command, moved: (transition: string) => void): Model {
  const model = structuredClone(before)
  const move = (task: ModelTask, by: string, to: State): void => {
    moved(`${task.state} -${by}-> ${to}`)
    task.state = to
  }
  const giveBack = (task: ModelTask): void => {
    model.held -= task.cost
    model.available += task.cost
    task.charged = 0
    explain(task)
  }
  const explain = (task: ModelTask): void => {
    task.explained = task.model === METERED ? task.charged : null
  }
  const task = 'task' in command ? model.tasks[command.task % Math.max(1, model.tasks.length)] : undefined
  const isHeld =
    'claim' in command && task?.state === 'running' && claimOf(task, command.claim) === task.generation

  const priced = (cost: number): number => (model.isMember ? 0 : cost)

  switch (command.kind) {
    case 'join':
      model.isMember = true
      break
    case 'lapse':
      model.isMember = false
      break
    case 'grant':
      model.available += command.amount
      model.granted += command.amount
      break
    case 'take':
      if (model.available + model.creditLimit >= command.amount) {
        model.available -= command.amount
        model.granted -= command.amount
      }
      break
    case 'submit': {
      const cost = priced(command.cost)
      if (model.available + model.creditLimit >= cost) {
        model.available -= cost
        model.held += cost
        const state = command.awaits ? 'awaiting_approval' : 'queued'
        moved(`new -submit-> ${state}`)
        model.tasks.push({
          state,
          generation: 0,
          cost,
          charged: cost,
          claims: [],
          model: command.model,
          explained: null,
        })
      }
      break
    }
    case 'approve':
      if (task?.state === 'awaiting_approval') move(task, 'approve', 'queued')
      break
    case 'edit': {
      if (task?.state !== 'awaiting_approval' && task?.state !== 'queued') break
      // What is measured is priced anew, whatever was edited.
      if (task.model !== command.model || task.model === METERED) {
        const cost = priced(command.cost)
        if (model.available + task.cost + model.creditLimit < cost) break
        model.available += task.cost - cost
        model.held += cost - task.cost
        task.cost = cost
        task.charged = cost
        task.model = command.model
      }
      move(task, 'edit', command.awaits ? 'awaiting_approval' : 'queued')
      task.generation += 1
      break
    }
    case 'claim':
      for (const one of model.tasks) {
        if (one.state !== 'queued' && one.state !== 'running') continue
        move(one, 'claim', 'running')
        one.generation += 1
        one.claims.push(one.generation)
      }
      break
    case 'finish':
      if (task && isHeld) {
        const charge = Math.floor(task.cost * command.share)
        move(task, 'finish', 'succeeded')
        task.charged = charge
        explain(task)
        model.held -= task.cost
        model.spent += charge
        model.available += task.cost - charge
      }
      break
    case 'fail':
      if (task && isHeld) {
        move(task, 'fail', 'failed')
        giveBack(task)
      }
      break
    case 'requeue':
      if (task && isHeld) move(task, 'requeue', 'queued')
      break
    case 'await':
      if (task && isHeld) move(task, 'await', 'running')
      break
    case 'doubt':
      if (task && isHeld) move(task, 'doubt', 'unknown')
      break
    case 'cancel':
      if (task && ['awaiting_approval', 'queued', 'running'].includes(task.state)) {
        move(task, 'cancel', 'canceled')
        task.generation += 1
        giveBack(task)
      }
      break
    case 'expire':
      if (task && ['awaiting_approval', 'queued', 'running', 'unknown'].includes(task.state)) {
        move(task, 'expire', 'failed')
        task.generation += 1
        giveBack(task)
      }
      break
    case 'retry': {
      const cost = priced(command.cost)
      if (task?.state === 'failed' && model.available + model.creditLimit >= cost) {
        move(task, 'retry', 'queued')
        task.generation += 1
        task.cost = cost
        task.charged = cost
        task.explained = null
        model.available -= cost
        model.held += cost
      }
      break
    }
  }
  return model
}

/** The generation that the worker of an earlier claim believes to hold; 0 when the task was never claimed. */
export function claimOf(task: ModelTask, claim: number): number {
  // Mostly the latest claim, sometimes a stale one.
  return task.claims.at(-1 - (claim % 3)) ?? 0
}
