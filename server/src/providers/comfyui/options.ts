import type {
  ImageJob,
  Json,
  ProviderConnection,
  ProviderKind,
  VideoJob,
} from '../../kernel/ports/provider.ts'
import { isObject } from '../shared/json.ts'
import { checkNames, problemOf, readNumber, readTimeoutMs, wrongOption } from '../shared/options.ts'
import { IMAGE_EDIT_GRAPH, IMAGE_GRAPH } from './built-in.ts'
import { type Graph, placeholdersIn } from './graph.ts'

export type ComfyKind = (ImageJob | VideoJob)['kind']

export type ComfyOptions = {
  /** By the vendor's model, then by the kind. */
  graphs: ReadonlyMap<string, Readonly<Partial<Record<ComfyKind, Graph>>>>
  /** What the built-in graphs are filled in with. */
  steps: number
  sampler: string
  scheduler: string
  checkEveryMs: number
  /** Over one call, in milliseconds. */
  timeoutMs: number
}

const NAMES = ['graphs', 'steps', 'sampler', 'scheduler', 'check_seconds', 'timeout_seconds']
const KINDS: readonly string[] = ['image', 'image_edit', 'video']
/** What may stand in a graph; the README of this folder says what becomes of each. */
export const PLACEHOLDERS: readonly string[] = [
  ...[
    'prompt',
    'negative_prompt',
    'seed',
    'width',
    'height',
    'count',
    'guidance',
    'strength',
    'source',
    'model',
  ],
  ...['seconds', 'fps', 'frames', 'steps', 'sampler', 'scheduler', 'reference'],
]

/** Reads the options. Throws `ProviderError('unavailable')`: a mistake here is the operator's, not a user's. */
export function readOptions({ options }: Pick<ProviderConnection, 'options'>): ComfyOptions {
  checkNames('comfyui', options, NAMES)
  const whole = { least: 1, most: 200, fallback: 25, isWhole: true }
  return {
    graphs: readGraphs(options.graphs),
    steps: readNumber('comfyui', options, 'steps', whole),
    sampler: readWord(options, 'sampler', 'euler'),
    scheduler: readWord(options, 'scheduler', 'normal'),
    checkEveryMs:
      readNumber('comfyui', options, 'check_seconds', { least: 0.5, most: 600, fallback: 2 }) * 1000,
    timeoutMs: readTimeoutMs('comfyui', options, 30),
  }
}

/** The graph of a model for a kind: the operator's, or the built-in one. Throws `ProviderError('unavailable')`. */
export function graphFor({ graphs }: ComfyOptions, model: string, kind: ComfyKind): Graph {
  const own = graphs.get(model)
  const graph = own ? own[kind] : BUILT_IN[kind]
  if (graph) return graph
  throw wrongOption(`the comfyui option graphs has no graph of ${model} for ${kind}`)
}

const BUILT_IN: Readonly<Partial<Record<ComfyKind, Graph>>> = {
  image: IMAGE_GRAPH,
  image_edit: IMAGE_EDIT_GRAPH,
}

/** What is wrong with the options, in a sentence; null when nothing is. */
export function problemWith(connection: ProviderConnection, kind: ProviderKind): string | null {
  return problemOf(() => {
    const { graphs } = readOptions(connection)
    const isMade = [BUILT_IN, ...graphs.values()].some((byKind) => kind in byKind)
    if (!isMade) throw wrongOption(`comfyui makes ${kind} only by a graph in the option graphs`)
  })
}

function readWord(options: ProviderConnection['options'], name: string, fallback: string): string {
  const given = options[name] ?? fallback
  if (typeof given === 'string' && /^\w{1,60}$/.test(given)) return given
  throw wrongOption(`the comfyui option ${name} is a name such as ${fallback}`)
}

function readGraphs(given: Json | undefined): ComfyOptions['graphs'] {
  const graphs = new Map<string, Partial<Record<ComfyKind, Graph>>>()
  if (given === undefined || given === null) return graphs
  if (!isObject(given)) throw wrongOption('the comfyui option graphs is an object of models')
  for (const [model, byKind] of Object.entries(given)) {
    if (!isObject(byKind) || Object.keys(byKind).some((kind) => !KINDS.includes(kind))) {
      throw wrongOption(
        `the comfyui option graphs names for ${model} one graph for each of ${KINDS.join(', ')}`,
      )
    }
    for (const [kind, graph] of Object.entries(byKind)) checkGraph(graph, `${model}, ${kind}`)
    graphs.set(model, byKind as Partial<Record<ComfyKind, Graph>>)
  }
  return graphs
}

function checkGraph(graph: unknown, where: string): void {
  const nodes = isObject(graph) ? Object.values(graph) : []
  // A workflow saved for the editor has lists of nodes and links instead.
  const isSound =
    nodes.length > 0 &&
    nodes.every((node) => isObject(node) && typeof node.class_type === 'string' && isObject(node.inputs))
  if (!isSound) throw wrongOption(`the comfyui graph of ${where} is not in the API format`)
  const unknown = placeholdersIn(graph as Graph).find((name) => !PLACEHOLDERS.includes(name))
  if (unknown !== undefined) throw wrongOption(`the comfyui graph of ${where} asks for {{${unknown}}}`)
}
