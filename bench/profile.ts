import type { Profiler } from 'node:inspector'

/** A part of the time a process was busy, in percent. */
export type Share = { of: 'area' | 'function'; name: string; percent: number }

/** Where a profile's busy time went: by area (package or folder of ours) and by function, largest first. */
export function shares(profile: Profiler.Profile): Share[] {
  const areas = new Map<string, number>()
  const functions = new Map<string, number>()
  const deltas = profile.timeDeltas ?? []
  const micros = new Map<number, number>()
  for (const [index, id] of (profile.samples ?? []).entries())
    micros.set(id, (micros.get(id) ?? 0) + (deltas[index] ?? 0))
  let busy = 0
  for (const { id, callFrame } of profile.nodes) {
    const spent = micros.get(id) ?? 0
    if (callFrame.functionName === '(idle)') continue
    busy += spent
    const area = areaOf(callFrame)
    areas.set(area, (areas.get(area) ?? 0) + spent)
    const name = `${callFrame.functionName || '(anonymous)'} ${fileOf(callFrame.url)}:${callFrame.lineNumber + 1}`
    functions.set(name, (functions.get(name) ?? 0) + spent)
  }
  const list = (of: Share['of'], from: Map<string, number>, most: number): Share[] =>
    [...from]
      .map(([name, spent]) => ({ of, name, percent: (100 * spent) / busy }))
      .sort((one, other) => other.percent - one.percent)
      .slice(0, most)
  return [...list('area', areas, 20), ...list('function', functions, 40)]
}

function areaOf({ url, functionName }: { url: string; functionName: string }): string {
  const inPackages = url.lastIndexOf('/node_modules/')
  if (inPackages >= 0) {
    const [scope = '', name = ''] = url.slice(inPackages + 14).split('/')
    return scope.startsWith('@') ? `${scope}/${name}` : scope
  }
  const source = url.indexOf('/server/src/')
  if (source >= 0)
    return `atelier ${url
      .slice(source + 12)
      .split('/')
      .slice(0, 2)
      .join('/')}`
  if (url.startsWith('node:')) return `node:${url.slice(5).split('/').slice(-1)[0]}`
  return functionName === '(garbage collector)' ? 'garbage collection' : 'native and other'
}

function fileOf(url: string): string {
  return url.replace(/^.*\/node_modules\//, '').replace(/^.*\/server\/src\//, 'src/')
}
