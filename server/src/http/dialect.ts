import type { Static, TSchema } from 'typebox'
import type { RefreshGrant } from '../kernel/accounts/refresh.ts'
import type { Session } from '../kernel/accounts/register.ts'
import type { Actor, Context, Origin } from '../kernel/context.ts'
import type { ErrorCode, ErrorDetails, InputProblem } from '../kernel/errors.ts'
import type { TaskFile } from '../kernel/generation/task.ts'
import type { TaskNews } from '../kernel/generation/watch.ts'
import type { Preset, QuotaName, RatePolicy } from '../kernel/preset.ts'
import type { TokenPair } from './tokens.ts'

/**
 * What goes back over the wire. An `EventStream` as the body is sent as server-sent events. A `Readable` as the body is streamed as fast as the client reads; when it fails in
 * the middle the connection is broken off, so the route names its content type.
 */
export type Reply = { status: number; body: unknown; headers?: Record<string, string> }

/** Takes the events of a stream, each anything that JSON can say. */
export type EventSink = { send: (event: unknown) => void; end: () => void }

/**
 * An answer that comes bit by bit (`text/event-stream`). It ends by itself, when the client goes away or reads too slowly,
 * and when the session ends.
 */
export class EventStream {
  /** Begins to hand over events; the first may come at once. Called once. */
  readonly follow: (sink: EventSink) => void
  /** Told that nobody takes any more: the client has `left`, or reads too slowly. May be told more than once. */
  readonly leave: (why: 'left' | 'slow') => void
  /** The last event where the session ended meanwhile: the refusal that its next request would meet. */
  readonly refused: (refusal: Reply) => unknown
  constructor(source: Pick<EventStream, 'follow' | 'leave' | 'refused'>) {
    this.follow = source.follow
    this.leave = source.leave
    this.refused = source.refused
  }
}

/**
 * Who may call a route: anybody; anybody, who is known when a token that is good comes along (`guest`); an account; an
 * administrator; or whoever has a refresh token, which opens no other. Ownership is decided in the SQL.
 */
export type Policy = 'public' | 'guest' | 'user' | 'admin' | 'refresh'

/** One thing wrong with a body, named by its field ('' for the body itself). */
export type Issue = { field: string; problem: InputProblem }

/** A reply for every kernel error. Leaving one out does not compile. */
export type Refusals = { readonly [Code in ErrorCode]: (details: ErrorDetails[Code]) => Reply }

/** Replies to what goes wrong outside any route's own work; all in the document's envelope. */
export type Faults = {
  badJson: () => Reply
  invalid: (issues: readonly Issue[]) => Reply
  malformedRequest: () => Reply
  headersTooLarge: () => Reply
  unknownRoute: (method: string, path: string) => Reply
  tooLarge: () => Reply
  unsupportedType: () => Reply
  tooSlow: () => Reply
  crash: () => Reply
}

/** A request as a route sees it: checked, and without anything of HTTP that it does not need. */
export type RouteRequest<Body> = {
  body: Body
  params: Readonly<Record<string, string>>
  query: Readonly<Record<string, string>>
  /** The Idempotency-Key header as sent, or null. */
  idempotencyKey: string | null
  /** The bearer token in use, for a document that answers with it; null on public routes. */
  token: string | null
  /** The body as it arrived and the headers, for routes whose spec asks for them: signatures are over what was sent. */
  raw: { body: string; header: (name: string) => string | null } | null
  /** Files that came with a form, in the order they came; empty for any other body. */
  files: readonly SentFile[]
  origin: Origin
  /** Calls `listener` if the client goes away before it has its whole answer. */
  whenLeft: (listener: () => void) => void
}

/**
 * A file of a form (multipart/form-data), on our own disk until the request is answered. Nothing is known of its content
 * but its length: what it is called and said to be is the client's word.
 */
export type SentFile = { field: string; path: string; bytes: number }

/** What a route takes of a form. Its other fields are the body, as text. */
export type FilePolicy = {
  /** Names of the fields that may have a file, and how many bytes each of those may have. */
  fields: readonly string[]
  mostBytes: number
  /** How many files; one unless given. */
  mostFiles?: number
}

/** What presenting needs of the site. */
export type View = {
  /** One token for the whole session. */
  token: (session: Session, uuid: string) => string
  /** Two, for a document that has its sessions refreshed. */
  tokens: (session: Session, uuid: string) => TokenPair
  fileUrl: (storeKey: string) => string
  /** Where a small picture of a task's output is; null for what has nothing to show. */
  thumbnailUrl: (file: TaskFile) => string | null
}

type ActorOf<Allow extends Policy> = Allow extends 'public'
  ? null
  : Allow extends 'refresh'
    ? RefreshGrant
    : Allow extends 'guest'
      ? Actor | null
      : Actor

type RouteSpec<Body extends TSchema, Result, Allow extends Policy> = {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below the dialect's base, in Fastify's syntax. */
  path: string
  allow: Allow
  rate: RatePolicy
  body?: Body
  /** Largest body in bytes; one mebibyte unless given. */
  bodyLimit?: number
  /** Whether the route reads the body as it was sent; not unless it says so, because it is then kept twice. */
  takesRaw?: boolean
  /** Set when the body may be a form with files, besides JSON; never without it. */
  takesFiles?: FilePolicy
  /**
   * What is limited besides the address, for routes before login: an e-mail address of the body, say, or that
   * together with the address it comes from.
   */
  target?: (body: Static<Body>, address: string) => string
  /** Where a body that nothing has checked may have the refresh token that no header has; for `refresh` routes. */
  refreshToken?: (body: unknown) => string | null
  /** Which quota of its account it draws on, besides that of calls: every answer tells what is left of it. */
  quota?: Exclude<QuotaName, 'calls'>
  /** The reply to an invalid body where the document has a particular one. */
  invalid?: (issues: readonly Issue[]) => Reply
  /** Replies to kernel errors where the document has particular ones for this operation. */
  refusals?: Partial<Refusals>
  run: (context: Context, actor: ActorOf<Allow>, request: RouteRequest<Static<Body>>) => Promise<Result>
  reply: (result: Result, view: View) => Reply
}

/** A route with its types closed over: what the server mounts. */
export type Route = {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  path: string
  allow: Policy
  rate: RatePolicy
  body: TSchema | null
  bodyLimit: number
  takesRaw: boolean
  takesFiles: FilePolicy | null
  target: ((body: unknown, address: string) => string) | null
  refreshToken: ((body: unknown) => string | null) | null
  quota: Exclude<QuotaName, 'calls'> | null
  invalid: ((issues: readonly Issue[]) => Reply) | null
  refusals: Partial<Refusals>
  handle: (
    context: Context,
    actor: Actor | RefreshGrant | null,
    request: RouteRequest<unknown>,
    view: View,
  ) => Promise<Reply>
}

const MEBIBYTE = 1_048_576

/** Declares a route: one schema, one kernel call, one reply. */
export function route<Body extends TSchema, Result, Allow extends Policy>(
  spec: RouteSpec<Body, Result, Allow>,
): Route {
  return {
    method: spec.method,
    path: spec.path,
    allow: spec.allow,
    rate: spec.rate,
    body: spec.body ?? null,
    bodyLimit: spec.bodyLimit ?? MEBIBYTE,
    takesRaw: spec.takesRaw ?? false,
    takesFiles: spec.takesFiles ?? null,
    target: spec.target ? (body, address) => spec.target?.(body as Static<Body>, address) ?? '' : null,
    refreshToken: spec.refreshToken ?? null,
    quota: spec.quota ?? null,
    invalid: spec.invalid ?? null,
    refusals: spec.refusals ?? {},
    // The body has passed the route's schema and the actor its policy before this is called.
    handle: async (context, actor, request, view) =>
      spec.reply(
        await spec.run(context, actor as ActorOf<Allow>, request as RouteRequest<Static<Body>>),
        view,
      ),
  }
}

/** What a client's developer reads about a route, in the words of the document; see `reference.ts`. */
export type RouteReference = {
  /** The title of its section. */
  section: string
  title: string
  description?: string
  /** What each parameter of the path and of the query means, and each field of the body, by name. */
  parameters?: Readonly<Record<string, ParameterReference>>
  fields?: Readonly<Record<string, string>>
  /** The document's example of a body. */
  request?: unknown
  /** Its example of a success, and of what may be refused. */
  success: Reply
  refusals?: Readonly<Record<string, Reply>>
}

export type ParameterReference = { description: string; schema: { type: string; [keyword: string]: unknown } }

/** What the page at `/docs` says besides the routes. */
export type Reference = {
  title: string
  /** Paragraphs, shown before the routes. */
  introduction: readonly string[]
  sections: readonly { title: string; description: string }[]
  /** By `METHOD /path`; every route has one, or its tests fail. */
  routes: Readonly<Record<string, RouteReference>>
  tables: readonly {
    title: string
    note?: string
    columns: readonly string[]
    rows: readonly (readonly string[])[]
  }[]
}

/** A page of the site itself, outside the base path; see `pages.ts`. */
export type Page = {
  /** From the root; a trailing slash changes nothing. */
  path: string
  contentType: string
  /** @param root how the site's root is reached from the page: `./`, or `../` where it was asked for with a slash. */
  render: (request: { query: Readonly<Record<string, string>>; root: string }) => string | Promise<string>
}

/** Live progress over WebSocket, for a document that has it; see `live.ts`. */
export type Live = {
  /** From the root; a trailing slash changes nothing. */
  paths: readonly string[]
  /** What a socket is closed with that shows no good token, or whose session ended. */
  refusedCode: number
  /** What is said then: the sentence of the refusal that a request would get. */
  reason: (refusal: Pick<Reply, 'body'>) => string
  /** What is said when a socket is closed for what it costs, or because the site stops. */
  reasons: Readonly<Record<'tooMany' | 'slow' | 'flood' | 'stopping', string>>
  /** To whoever asks for the path without a proper handshake. */
  notUpgraded: () => Reply
  /** The message about a task; null for one that the document has no messages for. */
  present: (news: TaskNews, view: View) => object | null
}

/** One published API as data and small functions. */
export type Dialect = {
  name: string
  base: string
  defaultPort: number
  preset: Preset
  refusals: Refusals
  faults: Faults
  routes: readonly Route[]
  reference: Reference
  /** Pages that its document sends people to. */
  pages?: readonly Page[]
  live?: Live
}
