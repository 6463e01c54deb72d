import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { chown, mkdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { openCluster } from './cluster.ts'
import { endLeftovers, findPostmaster, type Login, stopPostmaster } from './postmaster.ts'

export const isRoot = process.getuid?.() === 0
export const nobody = { uid: 65_534, gid: 65_534 }

const waitTimeoutMs = 15_000

const endings = new Map<string, (() => unknown)[]>()

/** Plans what must happen after the test and before the data folder is removed; last planned, first done. */
export function beforeRemoval(dataDir: string, action: () => unknown): void {
  const actions = endings.get(dataDir)
  if (actions === undefined) throw new Error(`${dataDir} was not made by makeDataDir`)
  actions.unshift(action)
}

/** A data folder below a 0700 folder. After the test its processes are ended and it is removed. */
export async function makeDataDir(
  t: TestContext,
  options: { owner?: { uid: number; gid: number }; below?: string } = {},
): Promise<string> {
  const { owner, below = '' } = options
  const parent = mkdtempSync(join(tmpdir(), 'atelier-test-'))
  const dataDir = join(parent, below, 'data')
  await mkdir(dataDir, { recursive: true })
  if (owner !== undefined) for (const path of [parent, dataDir]) await chown(path, owner.uid, owner.gid)
  endings.set(dataDir, [])
  t.after(async () => {
    for (const action of endings.get(dataDir) ?? []) await action()
    const socketFolder = await readFile(join(dataDir, 'run/socket-folder'), 'utf8').catch(() => '')
    const left = await findPostmaster(join(dataDir, 'postgres'))
    if (left !== undefined) await stopPostmaster(left.pid, join(dataDir, 'postgres'), () => {})
    await endLeftovers(join(dataDir, 'postgres'), () => {}, new AbortController().signal)
    if (socketFolder !== '') rmSync(socketFolder, { recursive: true, force: true })
    rmSync(parent, { recursive: true, force: true })
  })
  return dataDir
}

let template: Promise<string> | undefined

/** As makeDataDir, with a cluster in it: a copy of one that the first call makes, to spare the initdb. */
export async function makeCreatedDataDir(t: TestContext): Promise<string> {
  template ??= makeTemplate()
  const dataDir = await makeDataDir(t)
  for (const name of ['postgres', 'postgres-password']) {
    execFileSync('cp', ['-a', join(await template, name), join(dataDir, name)])
  }
  return dataDir
}

async function makeTemplate(): Promise<string> {
  const parent = mkdtempSync(join(tmpdir(), 'atelier-test-'))
  process.once('exit', () => rmSync(parent, { recursive: true, force: true }))
  const cluster = await openCluster({ dataDir: parent, role: 'own', log: () => {}, durable: false })
  await cluster.stop()
  return parent
}

export type Said = { event: string; message?: string; owner?: boolean; pid?: number; connection?: Login }

export type AtelierProcess = {
  child: ChildProcess
  said: Said[]
  /** Resolves with the first event of that name, rejects after 15 s or at the end of the process. */
  hears: (event: string) => Promise<Said>
  ended: Promise<void>
}

/** Starts a process that opens the cluster; see test-process.ts. */
export function startAtelier(
  dataDir: string,
  role: 'own' | 'join',
  options: { user?: { uid: number; gid: number }; script?: string; env?: Record<string, string> } = {},
): AtelierProcess {
  const script = options.script ?? join(import.meta.dirname, 'test-process.ts')
  const child = spawn(process.execPath, [script, dataDir, role], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH, ...options.env },
    cwd: '/',
    ...options.user,
  })
  const said: Said[] = []
  createInterface({ input: child.stdout }).on('line', (line) => said.push(JSON.parse(line) as Said))
  let isOver = false
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => {
      isOver = true
      resolve()
    })
  })
  beforeRemoval(dataDir, async () => {
    child.kill('SIGKILL')
    await ended
  })
  const hears = async (event: string): Promise<Said> => {
    const found = await eventually(() => said.find((entry) => entry.event === event) ?? (isOver || undefined))
    if (found === true) throw new Error(`ended without ${event}: ${JSON.stringify(said)}`)
    return found
  }
  return { child, said, hears, ended }
}

/** Polls until `probe` gives something; fails after 15 s. */
export async function eventually<T>(probe: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const start = performance.now()
  for (;;) {
    const found = await probe()
    if (found !== undefined) return found
    if (performance.now() - start > waitTimeoutMs) throw new Error(`waited in vain for ${probe.toString()}`)
    await sleep(10)
  }
}

/** Runs one statement on a connection of its own and returns the first column of the first row. */
export async function ask(login: Login | undefined, statement: string): Promise<unknown> {
  const client = new pg.Client(login)
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<unknown[]>({ text: statement, rowMode: 'array' })
    return rows[0]?.[0]
  } finally {
    await client.end().catch(() => {})
  }
}

/** The live server of the data folder. */
export async function serverPid(dataDir: string): Promise<number | undefined> {
  return (await findPostmaster(join(dataDir, 'postgres')))?.pid
}

/** The folder that npm installed into. */
export function nodeModules(): string {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    if (readdirSync(folder).includes('node_modules')) {
      const candidate = join(folder, 'node_modules')
      if (readdirSync(candidate).includes('pg')) return candidate
    }
    if (folder === dirname(folder)) throw new Error('npm install has not been run')
  }
}
