/** An answer of the site, or none: the connection was refused, broke, or took too long. */
export type Answer =
  | { kind: 'reply'; status: number; success: boolean; code: number; message: string; data: Data }
  | { kind: 'lost'; reason: string }

export type Data = Record<string, unknown> | null

/** Counts of what was asked and answered, over all clients. */
export type Traffic = {
  requests: number
  replies: number
  /** No answer, by reason. */
  lost: Map<string, number>
  /** Answers of 500 and above, by business code. */
  faults: Map<string, number>
  /** Answers that are not the document's envelope. */
  strangers: string[]
}

export type Client = {
  call: (
    method: 'GET' | 'POST',
    path: string,
    options?: { token?: string; key?: string | null; body?: object; timeoutMs?: number },
  ) => Promise<Answer>
  /** Fetches a file by its full address. */
  file: (url: string) => Promise<{ status: number; bytes: Buffer; type: string } | null>
  traffic: Traffic
}

const TIMEOUT_MS = 30_000

/** A client of one site that checks every answer for the envelope of the document. */
export function createClient(url: string): Client {
  const traffic: Traffic = { requests: 0, replies: 0, lost: new Map(), faults: new Map(), strangers: [] }
  const call: Client['call'] = async (method, path, options = {}) => {
    traffic.requests += 1
    const { token, key, body } = options
    try {
      const response = await fetch(`${url}/api${path}`, {
        method,
        headers: {
          ...(token && { authorization: `Bearer ${token}` }),
          ...(key && { 'idempotency-key': key }),
          ...(body && { 'content-type': 'application/json' }),
        },
        ...(body && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS),
      })
      const text = await response.text()
      traffic.replies += 1
      return readEnvelope(traffic, `${method} ${path}`, response, text)
    } catch (error) {
      const reason = reasonOf(error)
      add(traffic.lost, reason)
      return { kind: 'lost', reason }
    }
  }
  return {
    traffic,
    call,
    file: async (address) => {
      traffic.requests += 1
      try {
        const response = await fetch(address, { signal: AbortSignal.timeout(TIMEOUT_MS) })
        const bytes = Buffer.from(await response.arrayBuffer())
        traffic.replies += 1
        return { status: response.status, bytes, type: response.headers.get('content-type') ?? '' }
      } catch (error) {
        add(traffic.lost, reasonOf(error))
        return null
      }
    },
  }
}

/** Business answers are HTTP 200, refusals of the system 500, throttling 429 (decided reading *waliassets*). */
function readEnvelope(traffic: Traffic, what: string, response: Response, text: string): Answer {
  let body: Record<string, unknown> = {}
  try {
    body = JSON.parse(text) as Record<string, unknown>
  } catch {
    // Told below.
  }
  const { success, code, message, data = null } = body
  const isEnvelope =
    typeof success === 'boolean' &&
    typeof code === 'number' &&
    typeof message === 'string' &&
    'data' in body &&
    [200, 429, 500].includes(response.status) &&
    success === (code === 1) &&
    (response.headers.get('content-type') ?? '').startsWith('application/json')
  if (!isEnvelope) {
    traffic.strangers.push(`${what}: HTTP ${response.status} ${text.slice(0, 200)}`)
    return { kind: 'lost', reason: 'not the envelope' }
  }
  if (response.status >= 500) add(traffic.faults, String(code))
  return { kind: 'reply', status: response.status, success, code, message, data: data as Data }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause instanceof Error ? error.cause : error
  if (cause.name === 'TimeoutError') return 'gave up waiting'
  const code = 'code' in cause ? String(cause.code) : cause.name
  return code === 'UND_ERR_SOCKET' ? 'closed by the other side' : code
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}
