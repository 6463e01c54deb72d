// A child process that answers typed commands. Everything that is measured runs in one of its own, so that the
// processor time of the load generator, of the server and of each peer can be told apart.
import { fork } from 'node:child_process'

// `never` accepts every argument type here; the caller's type decides what is really passed.
export type Commands = { [name: string]: (argument: never) => Promise<unknown> }

export type Child<C extends Commands> = {
  pid: number
  call: <Name extends keyof C & string>(name: Name, ...args: Parameters<C[Name]>) => ReturnType<C[Name]>
  stop: () => Promise<void>
}

type Request = { id: number; name: string; argument: unknown }
type Answer = { id: number; value?: unknown; error?: string }

/** Starts `file` (of this folder) and waits for nothing: the first call does. */
export function startChild<C extends Commands>(file: string): Child<C> {
  const child = fork(new URL(file, import.meta.url), [], { serialization: 'advanced' })
  const open = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>()
  let next = 0
  child.on('message', ({ id, value, error }: Answer) => {
    const call = open.get(id)
    open.delete(id)
    if (error === undefined) call?.resolve(value)
    else call?.reject(new Error(`${file}: ${error}`))
  })
  child.on('exit', (code, signal) => {
    for (const { reject } of open.values())
      reject(new Error(`${file} ended with ${signal ?? `code ${code}`}`))
    open.clear()
  })
  return {
    pid: child.pid ?? 0,
    call: (name, ...args) =>
      new Promise((resolve, reject) => {
        next += 1
        open.set(next, { resolve, reject })
        child.send({ id: next, name, argument: args[0] } satisfies Request)
      }) as ReturnType<C[typeof name]>,
    stop: () =>
      new Promise((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) return resolve()
        child.once('exit', () => resolve())
        child.disconnect()
      }),
  }
}

/** Answers the commands of the parent until it goes away. */
export function answer(commands: Commands): void {
  process.on('message', ({ id, name, argument }: Request) => {
    const command = commands[name] as (argument: unknown) => Promise<unknown>
    command(argument).then(
      (value) => process.send?.({ id, value } satisfies Answer),
      (error: unknown) =>
        process.send?.({
          id,
          error: error instanceof Error ? String(error.stack) : String(error),
        } satisfies Answer),
    )
  })
  process.on('disconnect', () => process.exit(0))
}

/** Processor time this process has used, in milliseconds. */
export async function cpuMs(): Promise<number> {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
