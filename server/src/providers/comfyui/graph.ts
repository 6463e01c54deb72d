import type { Json } from '../../kernel/ports/provider.ts'

/** A workflow in ComfyUI's API format: nodes by their numbers. */
export type Graph = { readonly [node: string]: { class_type: string; inputs: { [name: string]: Json } } }

const PLACEHOLDER = /\{\{\s*(\w+)\s*\}\}/g
const ONLY = /^\{\{\s*(\w+)\s*\}\}$/

/**
 * A graph with its placeholders filled in. A text that is nothing but one gets the value as it is, a number as a
 * number; inside a longer text it becomes part of the text. What a value contains is never read as a placeholder.
 */
export function fillIn(graph: Graph, values: Readonly<Record<string, string | number>>): Json {
  const fill = (value: Json): Json => {
    if (typeof value === 'string') {
      const [, only] = ONLY.exec(value) ?? []
      if (only !== undefined) return values[only] ?? value
      return value.replace(PLACEHOLDER, (whole, name: string) => String(values[name] ?? whole))
    }
    if (Array.isArray(value)) return value.map(fill)
    if (value === null || typeof value !== 'object') return value
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, fill(one)]))
  }
  return fill(graph)
}

/** The names of all placeholders of a graph. */
export function placeholdersIn(graph: Graph): string[] {
  return [...JSON.stringify(graph).matchAll(PLACEHOLDER)].map(([, name = '']) => name)
}
