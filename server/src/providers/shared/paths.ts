import { isObject } from './json.ts'

/** Every text that is not empty at a path such as `output.results.*.url`, in the order of the answer. */
export function textsAt(value: unknown, path: string): string[] {
  const found = path.split('.').reduce<unknown[]>(
    (values, name) =>
      values.flatMap((one): unknown[] => {
        if (name === '*') return Array.isArray(one) ? one : []
        return isObject(one) ? [one[name]] : []
      }),
    [value],
  )
  return found.filter((one): one is string => typeof one === 'string' && one !== '')
}

/** The texts at the first of several paths that leads to any: documents and deployments differ. */
export function textsAtFirst(value: unknown, paths: readonly string[]): string[] {
  for (const path of paths) {
    const texts = textsAt(value, path)
    if (texts.length > 0) return texts
  }
  return []
}
