import { checkOptionalFunction } from '../../internal/options/check-common.js'
import { warnOfNoAddress, warnOnce } from '../warnings.js'
import { type LimitDecision, PROBLEM_TYPE, problemOf, retryAfterSeconds } from './decision.js'
import { type HttpLimitStats, HttpLimiter, type Judged, type RequestReader } from './http-limiter.js'
import type { HttpLimitOptions } from './limit-options.js'
import { type HeaderSink, textOfHeader } from './rate-headers.js'
import { type NodeResponse, whenResponseEnds } from './response-end.js'

/** What is used of a request of Express, Connect or `node:http`, and what options that are functions ask for most. */
export interface ConnectRequest {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly socket?: { readonly remoteAddress?: string | undefined; readonly destroyed?: boolean | undefined } | null
  /** Express: the address as its setting `trust proxy` has it. */
  readonly ip?: string | undefined
}

/** What is used of a response of Express, Connect or `node:http`. */
export interface ConnectResponse extends NodeResponse {
  statusCode: number
  readonly headersSent: boolean
  getHeader(name: string): unknown
  setHeader(name: string, value: string): unknown
  end(body: string): unknown
}

/** What {@link connectLimit} is made with. */
export interface ConnectLimitOptions<Request, Response = ConnectResponse> extends HttpLimitOptions<Request> {
  /** Answers a refused request itself; the header fields are set already. What it throws or rejects with goes to `next`. */
  refuse?: ((request: Request, decision: LimitDecision, response: Response) => unknown) | undefined
}

/** Goes on, with an error if there is one. Its type is that of Express: some, as h3, want an Error there. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- neither unknown nor Error fits all of them
export type ConnectNext = (error?: any) => void

/** A middleware `(req, res, next)`. */
export interface ConnectLimit<Request, Response = ConnectResponse> {
  (request: Request, response: Response, next: ConnectNext): void
  /** What it has done in this thread. */
  stats(): HttpLimitStats
}

/**
 * A middleware for Express, Connect and bare `node:http` that limits requests: by rates or windows, several at once and all or nothing,
 * one count for all cluster workers with a `name` and `scope: 'machine'`. What is refused gets 429, Retry-After and problem details
 * (RFC 9457); all get the header fields of `headers`.
 *
 * The default key is `req.ip` of Express, which obeys its setting `trust proxy`, else the socket's address: X-Forwarded-For is never read
 * here, since anybody can send it.
 *
 * Thread-safety: lock-free shared memory; a worker that dies leaves it usable. Cost: one decision in shared memory per limit and request, and the text of its header fields.
 *
 * @param options - see {@link HttpLimitOptions}
 * @throws {TypeError | RangeError} naming the option that is wrong
 * @throws {SharedMemoryError} ERR_SHARED_MEMORY when the name is in use with other options, or cannot be shared here
 *
 * @example
 * import express from 'express'
 * const app = express()
 * app.use(connectLimit({ name: 'api', scope: 'machine', limits: { burst: { requestsPerSecond: 5, burstSize: 20 } } }))
 */
export function connectLimit<
  Request extends ConnectRequest = ConnectRequest,
  Response extends ConnectResponse = ConnectResponse,
>(options: ConnectLimitOptions<Request, Response>): ConnectLimit<Request, Response> {
  const limiter = new HttpLimiter<Request>('connectLimit', options, connectReader, ['refuse'])
  const refuse = checkOptionalFunction('refuse', options.refuse)
  const middleware = (request: Request, response: Response, next: (error?: unknown) => void): void => {
    let judged: Judged | null
    try {
      judged = limiter.judge(request)
      if (judged !== null && !answer(limiter, request, response, judged, refuse, next)) return
    } catch (error) {
      failing(next)(error)
      return
    }
    next()
  }
  return Object.assign(middleware, { stats: () => limiter.stats() })
}

/** Gives errors to `next`, for which none, as with `Promise.reject()`, would mean that the request goes on. */
export function failing(next: (error: unknown) => void): (error: unknown) => void {
  return (error) => next(error ?? new Error('a function of the limit has failed, without an error'))
}

/** Writes what there is to tell; true when the request goes on. */
function answer<Request extends object, Response extends ConnectResponse>(
  limiter: HttpLimiter<Request>,
  request: Request,
  response: Response,
  judged: Judged,
  refuse: ((request: Request, decision: LimitDecision, response: Response) => unknown) | undefined,
  next: (error: unknown) => void,
): boolean {
  const { decision, charge } = judged
  if (!response.headersSent) limiter.writeHeaders(new NodeHeaders(response), decision)
  if (decision.allowed) {
    if (charge !== null) whenResponseEnds(response, (status) => limiter.settle(request, judged, status))
    return true
  }
  response.statusCode = decision.status
  response.setHeader('retry-after', String(retryAfterSeconds(decision)))
  if (refuse !== undefined) Promise.resolve(refuse(request, decision, response)).catch(failing(next))
  else {
    response.setHeader('content-type', PROBLEM_TYPE)
    response.end(problemOf(decision))
  }
  return false
}

/** The header fields of a response of Node. */
export class NodeHeaders implements HeaderSink {
  readonly #response: Pick<ConnectResponse, 'getHeader' | 'setHeader'>

  constructor(response: Pick<ConnectResponse, 'getHeader' | 'setHeader'>) {
    this.#response = response
  }

  get(name: string): string | undefined {
    return textOfHeader(this.#response.getHeader(name))
  }

  set(name: string, value: string): void {
    this.#response.setHeader(name, value)
  }
}

/** What Express says of its proxies; there is no such thing in Connect. */
interface ExpressApplication {
  readonly app?: { get?: (setting: string) => unknown } | undefined
}

const connectReader: RequestReader<ConnectRequest> = {
  ip: (request) => request.ip ?? request.socket?.remoteAddress,
  checkProxy(request) {
    if (connectReader.ip(request) === undefined && request.socket?.destroyed === false) warnOfNoAddress()
    if (request.headers['x-forwarded-for'] === undefined) return
    const { app } = request as ExpressApplication
    warnOfProxy(typeof app?.get === 'function' ? app.get('trust proxy') : false)
  },
}

/**
 * Warns where X-Forwarded-For is there and the framework trusts nobody who sends it, or everybody.
 *
 * @param trust - the framework's setting: false, true, or something in between
 */
export function warnOfProxy(trust: unknown): void {
  if (trust === true)
    warnOnce(
      'AMORSIZE_HTTP_PROXY_PERMISSIVE',
      'X-Forwarded-For is taken from every client, so that each can choose its own address and limit. Name the proxies that are trusted',
    )
  else if (trust === false || trust === undefined)
    warnOnce(
      'AMORSIZE_HTTP_PROXY_IGNORED',
      'there is an X-Forwarded-For, and no proxy is trusted: behind a proxy all clients share one limit, that of its address. Set `trust proxy` (Express) or `trustProxy` (Fastify) to the proxies you have, or give `key`',
    )
}
