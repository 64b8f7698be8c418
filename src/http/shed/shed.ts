import { checkFunction } from '../../internal/options/validate.js'
import { type ConnectNext, type ConnectRequest, type ConnectResponse, connectMiddleware } from '../adapters/connect.js'
import {
  fastifyHook,
  type FastifyInstanceLike,
  type FastifyReplyLike,
  hooksOf,
  pluginMarks,
} from '../adapters/fastify.js'
import { type HonoContext, honoMiddleware } from '../adapters/hono.js'
import { webHandler } from '../adapters/web.js'
import type { ShedOptions } from './options.js'
import { type Shed, type ShedDecision, Shedder } from './shedder.js'

/** Options of the Connect form. */
export interface ConnectShedOptions<Request, Response = ConnectResponse> extends ShedOptions<Request> {
  /** Answers a refused request itself; Retry-After is set already. Its errors go to `next`. */
  refuse?: ((request: Request, decision: ShedDecision, response: Response) => unknown) | undefined
}

/** A middleware `(req, res, next)`. */
export interface ConnectShed<Request, Response = ConnectResponse> extends Shed {
  (request: Request, response: Response, next: ConnectNext): void
}

/** Options of {@link shed.fastify}. */
export interface FastifyShedOptions<Request = unknown, Reply = FastifyReplyLike> extends ShedOptions<Request> {
  /** Answers a refused request itself, by `reply.send` or by what it returns; Retry-After is set already. */
  refuse?: ((request: Request, decision: ShedDecision, reply: Reply) => unknown) | undefined
}

/** The options of the plugin whose functions may name Fastify's own types, and need not. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- `unknown` would refuse functions of Fastify's own request
export type AnyFastifyShedOptions = FastifyShedOptions<any, any>

/** Options of the forms that answer with a Response. */
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
  const shedder = new Shedder<Request>('shed', options)
  return Object.assign(connectMiddleware(shedder, options.refuse), shedder.handles())
}

const fastify: ShedForms['fastify'] = Object.assign(
  // eslint-disable-next-line @typescript-eslint/require-await -- a plugin is awaited, or takes a callback
  async (instance: FastifyInstanceLike, given: AnyFastifyShedOptions): Promise<void> => {
    const addHook = hooksOf(instance, 'shed.fastify')
    const options = given as FastifyShedOptions
    const shedder = new Shedder<unknown>('shed.fastify', options)
    addHook('onClose', () => {
      shedder.handles()[Symbol.dispose]()
      return Promise.resolve()
    })
    addHook('onRequest', fastifyHook(shedder, options.refuse))
  },
  pluginMarks('amorsize-shed'),
)

const hono: ShedForms['hono'] = (options = {}) => {
  const shedder = new Shedder('shed.hono', options)
  return Object.assign(honoMiddleware(shedder, options.refuse), shedder.handles())
}

const web: ShedForms['web'] = (options, handler) => {
  const shedder = new Shedder('shed.web', options)
  checkFunction('handler', handler)
  return Object.assign(webHandler('the handler of shed.web', shedder, options.refuse, handler), shedder.handles())
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
 * app.use(
 *   shed({
 *     name: 'api',
 *     scope: 'machine',
 *     priority: (req) => (req.url === '/health' ? Infinity : 5),
 *   }),
 * )
 */
export const shed: ShedForms = Object.assign(connect, { fastify, hono, web })
