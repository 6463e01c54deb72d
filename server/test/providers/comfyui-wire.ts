import type { Answer, Desk, Seen, VendorWire } from './vendor-stand-in.ts'

type Node = { class_type: string; inputs: Record<string, unknown> }
type Graph = Record<string, Node>
type Queued = { id: string; graph: Graph; extra: Record<string, unknown>; looks: number }

/** A ComfyUI server, and the hands to move what is inside it. */
export type ComfyUiWire = VendorWire & {
  jobs: Queued[]
  /** What has become of jobs, by their numbers, in place of the usual. */
  ends: Map<string, { status_str: string; messages?: unknown[] }>
  /** As a restart does it. */
  forget: () => void
  /** Looks until a job has ended. */
  looksNeeded: number
}

/** The wire of ComfyUI (protocols.md 5.7): a queue and a history in memory, files below `/view`, no key. */
export function comfyUiWire(): ComfyUiWire {
  const uploads = new Map<string, Buffer>()
  const wire: ComfyUiWire = {
    base: '',
    key: null,
    jobs: [],
    ends: new Map(),
    looksNeeded: 2,
    forget: () => {
      wire.jobs.length = 0
    },
    roleOf: ({ method, path }) => {
      if (method === 'POST') return path === '/prompt' ? 'submit' : 'other'
      if (path === '/view') return 'download'
      return path.startsWith('/history/') ? 'poll' : 'other'
    },
    answer: (request, desk) => {
      const { method, path } = request
      if (path === '/prompt') return submit(request)
      if (path.startsWith('/history')) return history(request)
      if (path === '/queue') return method === 'POST' ? dequeue(request) : queue()
      if (path === '/interrupt') return interrupt(request)
      if (path === '/view') return view(request, desk)
      if (path === '/upload/image') return upload(request)
      if (path === '/object_info/CheckpointLoaderSimple') {
        const ckpt_name = [['one.safetensors', 'two.safetensors'], {}]
        return { json: { CheckpointLoaderSimple: { input: { required: { ckpt_name } } } } }
      }
      return { status: 404, body: '404: Not Found' }
    },
  }
  const isDone = ({ id, looks }: Queued): boolean => wire.ends.has(id) || looks >= wire.looksNeeded
  const entryOf = ({ id, graph, extra }: Queued, place: number) => [place, id, graph, extra, []]

  const submit = ({ fields }: Seen): Answer => {
    const graph = fields.prompt as Graph
    const wrong = Object.entries(graph).find(([, { inputs }]) => !isWhole(inputs, graph))
    const noFile = Object.values(graph).some(
      ({ class_type: type, inputs }) => type === 'LoadImage' && !uploads.has(String(inputs.image)),
    )
    if (wrong || noFile) return invalid(wrong?.[1].class_type ?? 'LoadImage')
    const id = `prompt-${wire.jobs.length + 1}-${process.hrtime.bigint()}`
    const extra = { ...(fields.extra_data as object), client_id: fields.client_id }
    wire.jobs.push({ id, graph, extra, looks: 0 })
    return { json: { prompt_id: id, number: wire.jobs.length, node_errors: {} } }
  }
  const history = ({ path, query }: Seen): Answer => {
    const id = path.split('/')[2]
    if (id === undefined) {
      const ended = wire.jobs.filter(isDone).slice(-Number(query.get('max_items') ?? 10_000))
      return { json: Object.fromEntries(ended.map((job) => [job.id, historyOf(job)])) }
    }
    const job = wire.jobs.find((one) => one.id === id)
    if (!job) return { json: {} }
    job.looks += 1
    return { json: isDone(job) ? { [id]: historyOf(job) } : {} }
  }
  const historyOf = (job: Queued): object => {
    const status = { status_str: 'success', completed: true, messages: [], ...wire.ends.get(job.id) }
    return { prompt: entryOf(job, 1), outputs: status.status_str === 'success' ? outputsOf(job) : {}, status }
  }
  const queue = (): Answer => {
    const [first, ...rest] = wire.jobs.filter((job) => !isDone(job))
    return { json: { queue_running: first ? [entryOf(first, 1)] : [], queue_pending: rest.map(entryOf) } }
  }
  const dequeue = ({ fields }: Seen): Answer => {
    const running = wire.jobs.find((job) => !isDone(job))
    const away = new Set(fields.delete as string[])
    // It does not touch the job that runs.
    wire.jobs = wire.jobs.filter((job) => job === running || !away.has(job.id))
    return { body: '' }
  }
  const interrupt = ({ fields }: Seen): Answer => {
    const running = wire.jobs.find((job) => !isDone(job))
    if (running && (fields.prompt_id ?? running.id) === running.id) {
      wire.ends.set(running.id, { status_str: 'error', messages: [['execution_interrupted', {}]] })
    }
    return { body: '' }
  }
  const upload = ({ files }: Seen): Answer => {
    const [file] = files
    if (file?.name !== 'image') return { status: 400, body: '' }
    uploads.set(file.fileName, file.bytes)
    return { json: { name: file.fileName, subfolder: '', type: 'input' } }
  }
  const view = async ({ query }: Seen, desk: Desk): Promise<Answer> => {
    const name = query.get('filename') ?? ''
    if (name.endsWith('.mp4')) return { headers: { 'content-type': 'video/mp4' }, body: await desk.clip() }
    return { headers: { 'content-type': 'image/png' }, body: await desk.picture(64, 48) }
  }
  return wire
}

/** No placeholder is left, and every link leads to a node. */
function isWhole(inputs: Record<string, unknown>, graph: Graph): boolean {
  return Object.values(inputs).every((value) => {
    if (Array.isArray(value)) return Object.hasOwn(graph, String(value[0]))
    return !/^\{\{\w+\}\}$/.test(String(value))
  })
}

function invalid(type: string): Answer {
  const errors = [{ type: 'value_not_in_list', message: 'Value not in list', details: 'ckpt_name' }]
  const error = { type: 'prompt_outputs_failed_validation', message: 'Prompt outputs failed validation' }
  return { status: 400, json: { error, node_errors: { 4: { class_type: type, errors } } } }
}

/** A preview beside what was saved, as real graphs have it. */
function outputsOf({ id, graph }: Queued): object {
  const outputs: Record<string, object> = {
    preview: { images: [{ filename: 'preview.png', subfolder: '', type: 'temp' }] },
  }
  for (const [node, { class_type: type, inputs }] of Object.entries(graph)) {
    if (type === 'SaveVideo') {
      const filename = `${id}.mp4`
      outputs[node] = { images: [{ filename, subfolder: 'video', type: 'output' }], animated: [true] }
    }
    if (type !== 'SaveImage') continue
    const latent = Object.values(graph).find((one) => 'batch_size' in one.inputs || 'amount' in one.inputs)
    const count = Number(latent?.inputs.batch_size ?? latent?.inputs.amount ?? 1)
    const images = Array.from({ length: count }, (_, at) => ({
      filename: `${inputs.filename_prefix}_${at + 1} &.png`,
      subfolder: '',
      type: 'output',
    }))
    outputs[node] = { images }
  }
  return outputs
}
