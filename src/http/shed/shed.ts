import { checkOptionalFunction } from '../../internal/options/check-common.js'
import { checkFunction } from '../../internal/options/validate.js'
import {
  type ConnectNext,
  type ConnectRequest,
  type ConnectResponse,
  failing,
  NodeHeaders,
} from '../limit/connect-limit.js'
import { PROBLEM_TYPE } from '../limit/decision.js'
import {
  type FastifyInstanceLike,
  type FastifyReplyLike,
  hooksOf,
  pluginMarks,
  ReplyHeaders,
  sendRefusal,
} from '../limit/fastify-limit.js'
import { type HonoContext, nodeResponseOf } from '../limit/hono-limit.js'
import { CLIENT_GONE, whenResponseEnds } from '../limit/response-end.js'
import { asResponse, withHeaders } from '../limit/web-limit.js'
import { watchBody } from '../watched-body.js'
import type { ShedOptions } from './options.js'
import {
  type EndOfRequest,
  type Judgement,
  type ShedDecision,
  Shedder,
  type ShedStats,
  shedProblemOf,
  writeShedHeaders,
} from './shedder.js'

/** A middleware, plugin or handler that sheds load. */
export interface Shed extends Disposable {
  /** What it has done in this thread, and where all who share its name stand. */
  stats(): ShedStats
  /** Ends what measures the event loop. */
  [Symbol.dispose](): void
}

/** What the Connect form is made with. */
export interface ConnectShedOptions<Request, Response = ConnectResponse> extends ShedOptions<Request> {
  /** Answers a refused request itself; Retry-After is set already. What it throws or rejects with goes to `next`. */
  refuse?: ((request: Request, decision: ShedDecision, response: Response) => unknown) | undefined
}

/** A middleware `(req, res, next)`. */
export interface ConnectShed<Request, Response = ConnectResponse> extends Shed {
  (request: Request, response: Response, next: ConnectNext): void
}

/** What {@link shed.fastify} is registered with. */
export interface FastifyShedOptions<Request = unknown, Reply = FastifyReplyLike> extends ShedOptions<Request> {
  /** Answers a refused request itself, by `reply.send` or by what it returns; Retry-After is set already. */
  refuse?: ((request: Request, decision: ShedDecision, reply: Reply) => unknown) | undefined
}

/** The options of the plugin whose functions may name Fastify's own types, and need not. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- `unknown` would refuse functions of Fastify's own request
export type AnyFastifyShedOptions = FastifyShedOptions<any, any>

/** What the forms that answer with a Response are made with. */
export interface WebShedOptions<Request> extends ShedOptions<Request> {
  /** The answer to a refused request; Retry-After is added to it where it has none. */
  refuse?: ((request: Request, decision: ShedDecision) => Response | Promise<Response>) | undefined
}

/** A middleware of Hono. */
export interface HonoShed<Context> extends Shed {
  (context: Context, next: () => Promise<void>): Promise<Response | undefined>
}

/** A handler of requests as the web has them. */
export interface WebShed<Rest extends unknown[]> extends Shed {
  (request: Request, ...rest: Rest): Promise<Response>
}

/** The forms of {@link shed}. */
export interface ShedForms {
  <Request extends object = ConnectRequest, Response extends ConnectResponse = ConnectResponse>(
    options?: ConnectShedOptions<Request, Response>,
  ): ConnectShed<Request, Response>
  /** A plugin: `app.register(shed.fastify, options)`. */
  readonly fastify: (instance: FastifyInstanceLike, options: AnyFastifyShedOptions) => Promise<void>
  /** A middleware of Hono. */
  readonly hono: <Context extends HonoContext = HonoContext>(options?: WebShedOptions<Context>) => HonoShed<Context>
  /** Wraps a handler `(request) => response`. */
  readonly web: <Rest extends unknown[]>(
    options: WebShedOptions<Request>,
    handler: (request: Request, ...rest: Rest) => Response | Promise<Response>,
  ) => WebShed<Rest>
}

function connect<Request extends object = ConnectRequest, Response extends ConnectResponse = ConnectResponse>(
  options: ConnectShedOptions<Request, Response> = {},
): ConnectShed<Request, Response> {
  const shedder = new Shedder<Request>('shed', options, ['refuse'])
  const refuse = checkOptionalFunction('refuse', options.refuse)
  const middleware = (request: Request, response: Response, next: (error?: unknown) => void): void => {
    try {
      const judged = shedder.judge(request)
      if (isRefusal(judged)) {
        response.statusCode = judged.status
        writeShedHeaders(new NodeHeaders(response), judged)
        if (refuse !== undefined) Promise.resolve(refuse(request, judged, response)).catch(failing(next))
        else {
          response.setHeader('content-type', PROBLEM_TYPE)
          response.end(shedProblemOf(judged))
        }
        return
      }
      if (judged !== null) whenResponseEnds(response, judged)
    } catch (error) {
      failing(next)(error)
      return
    }
    next()
  }
  return Object.assign(middleware, ownersOf(shedder))
}

const fastify: (instance: FastifyInstanceLike, options: AnyFastifyShedOptions) => Promise<void> = Object.assign(
  // eslint-disable-next-line @typescript-eslint/require-await -- a plugin is awaited, or takes a callback
  async (instance: FastifyInstanceLike, given: AnyFastifyShedOptions): Promise<void> => {
    const addHook = hooksOf(instance, 'shed.fastify')
    const options = given as FastifyShedOptions
    const shedder = new Shedder<unknown>('shed.fastify', options, ['refuse'])
    const refuse = checkOptionalFunction('refuse', options.refuse)
    addHook('onClose', () => {
      shedder.dispose()
      return Promise.resolve()
    })
    addHook('onRequest', async (request: unknown, reply: FastifyReplyLike) => {
      const judged = shedder.judge(request)
      if (!isRefusal(judged)) {
        if (judged !== null) whenResponseEnds(reply.raw, judged)
        return undefined
      }
      reply.code(judged.status)
      writeShedHeaders(new ReplyHeaders(reply), judged)
      if (refuse === undefined) {
        reply.header('content-type', PROBLEM_TYPE)
        reply.send(shedProblemOf(judged))
      } else {
        await sendRefusal(refuse(request, judged, reply), reply)
      }
      // A hook that answers returns the reply, and Fastify goes no further.
      return reply
    })
  },
  pluginMarks('amorsize-shed'),
)

function hono<Context extends HonoContext = HonoContext>(options: WebShedOptions<Context> = {}): HonoShed<Context> {
  const shedder = new Shedder<Context>('shed.hono', options, ['refuse'])
  const refuse = checkOptionalFunction('refuse', options.refuse)
  const middleware = async (context: Context, next: () => Promise<void>): Promise<Response | undefined> => {
    const judged = shedder.judge(context)
    if (isRefusal(judged)) return refusalOf(context, judged, refuse)
    const node = nodeResponseOf(context)
    if (judged !== null && node !== undefined) whenResponseEnds(node, judged)
    if (judged === null || node !== undefined) {
      await next()
      return undefined
    }
    const end = orWhenGone(context.req.raw, judged)
    try {
      await next()
    } catch (error) {
      end(500)
      throw error
    }
    // Hono copies what it is given, which not every response can bear.
    const response = watched(context.req.raw, context.res, end)
    if (response !== context.res) context.res = response
    return undefined
  }
  return Object.assign(middleware, ownersOf(shedder))
}

function web<Rest extends unknown[]>(
  options: WebShedOptions<Request>,
  handler: (request: Request, ...rest: Rest) => Response | Promise<Response>,
): WebShed<Rest> {
  const shedder = new Shedder<Request>('shed.web', options, ['refuse'])
  checkFunction('handler', handler)
  const refuse = checkOptionalFunction('refuse', options.refuse)
  const shedding = async (request: Request, ...rest: Rest): Promise<Response> => {
    const judged = shedder.judge(request)
    if (isRefusal(judged)) return refusalOf(request, judged, refuse)
    if (judged === null) return handler(request, ...rest)
    const end = orWhenGone(request, judged)
    try {
      return watched(request, asResponse('the handler of shed.web', await handler(request, ...rest)), end)
    } catch (error) {
      end(500)
      throw error
    }
  }
  return Object.assign(shedding, ownersOf(shedder))
}

/**
 * Refuses requests, with 503 and Retry-After, that a server cannot answer in good time: it works on so many at once as go well, found by
 * how long they take, for all workers of one `name` together, and lets those of low priority go short first. This form is for Express,
 * Connect, `node:http` and HTTP/2; `shed.fastify` is a plugin, `shed.hono` a middleware of Hono, `shed.web` wraps a handler of Requests.
 * Put it before everything else.
 *
 * A place is free when the response has ended or its client is gone.
 *
 * Thread-safety: lock-free shared memory; the places of a worker that dies come back. Cost: four operations on shared memory per request.
 *
 * @param options - see {@link ShedOptions}
 * @throws {TypeError | RangeError} naming the option that is wrong
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY when the name is in use with other options, or cannot be shared here
 *
 * @example
 * import express from 'express'
 * const app = express()
 * app.use(shed({ name: 'api', scope: 'machine', priority: (req) => (req.url === '/health' ? Infinity : 5) }))
 */
export const shed: ShedForms = Object.assign(connect, { fastify, hono, web })

function isRefusal(judged: Judgement): judged is ShedDecision {
  return typeof judged === 'object' && judged !== null
}

function ownersOf<Request>(shedder: Shedder<Request>): Shed {
  return { stats: () => shedder.stats(), [Symbol.dispose]: () => shedder.dispose() }
}

/** The end of a request whose client may go before: its place is free then. */
function orWhenGone({ signal }: Request, end: EndOfRequest): EndOfRequest {
  const gone = (): void => end(CLIENT_GONE)
  if (signal.aborted) gone()
  else signal.addEventListener('abort', gone, { once: true })
  return (status) => {
    signal.removeEventListener('abort', gone)
    end(status)
  }
}

/** The same response, and the end of its request once its body has ended or broken; of a HEAD nobody reads it. */
function watched({ method }: Request, response: Response, end: EndOfRequest): Response {
  if (method !== 'HEAD') return watchBody(response, (isWhole) => end(isWhole ? response.status : CLIENT_GONE))
  end(response.status)
  return response
}

async function refusalOf<Request>(
  request: Request,
  decision: ShedDecision,
  refuse: ((request: Request, decision: ShedDecision) => Response | Promise<Response>) | undefined,
): Promise<Response> {
  const response =
    refuse === undefined
      ? new Response(shedProblemOf(decision), { status: decision.status, headers: { 'content-type': PROBLEM_TYPE } })
      : asResponse('refuse', await refuse(request, decision))
  return withHeaders(response, (sink) => writeShedHeaders(sink, decision))
}
