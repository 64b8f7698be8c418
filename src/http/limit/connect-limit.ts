import { warnings } from '../../internal/events/warnings.js'
import { type ConnectNext, type ConnectRequest, type ConnectResponse, connectMiddleware } from '../adapters/connect.js'
import { warnOfNoAddress } from '../warnings.js'
import type { LimitDecision } from './decision.js'
import type { RequestReader } from './asking.js'
import { HttpLimiter, type LimitHandles } from './http-limiter.js'
import type { HttpLimitOptions } from './limit-options.js'

/** Options of {@link connectLimit}. */
export interface ConnectLimitOptions<Request, Response = ConnectResponse> extends HttpLimitOptions<Request> {
  /** Answers a refused request itself; the header fields are set already. Its errors go to `next`. */
  refuse?: ((request: Request, decision: LimitDecision, response: Response) => unknown) | undefined
}

/** A middleware `(req, res, next)`. */
export interface ConnectLimit<Request, Response = ConnectResponse> extends LimitHandles {
  (request: Request, response: Response, next: ConnectNext): void
}

/**
 * A middleware for Express, Connect and bare `node:http` that limits requests: by rates or windows, several at once and all or nothing,
 * one count for all cluster workers with a `name` and `scope: 'machine'`. A refused request gets 429, Retry-After and problem details
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
 * app.use(
 *   connectLimit({
 *     name: 'api',
 *     scope: 'machine',
 *     limits: { burst: { requestsPerSecond: 5, burstSize: 20 } },
 *   }),
 * )
 */
export function connectLimit<
  Request extends ConnectRequest = ConnectRequest,
  Response extends ConnectResponse = ConnectResponse,
>(options: ConnectLimitOptions<Request, Response>): ConnectLimit<Request, Response> {
  const limiter = new HttpLimiter<Request>('connectLimit', options, connectReader)
  return Object.assign(connectMiddleware(limiter, options.refuse), limiter.handles())
}

const connectReader: RequestReader<ConnectRequest> = {
  ip: (request) => request.ip ?? request.socket?.remoteAddress,
  checkProxy(request) {
    if (connectReader.ip(request) === undefined && request.socket?.destroyed === false) warnOfNoAddress()
    if (request.headers['x-forwarded-for'] === undefined) return
    // Connect has no such setting.
    const { app } = request as { readonly app?: { readonly get?: (setting: string) => unknown } }
    warnOfProxy(typeof app?.get === 'function' ? app.get('trust proxy') : false)
  },
}

/** Warns of an X-Forwarded-For if the framework trusts nobody who sends it, or everybody: `trust` is its setting. */
export function warnOfProxy(trust: unknown): void {
  if (trust === true)
    warnings.once(
      'AMORSIZE_HTTP_PROXY_PERMISSIVE',
      'X-Forwarded-For is taken from every client, so that each can choose its own address and limit. Name the proxies that are trusted',
    )
  else if (trust === false || trust === undefined)
    warnings.once(
      'AMORSIZE_HTTP_PROXY_IGNORED',
      'there is an X-Forwarded-For, and no proxy is trusted: behind a proxy all clients share one limit, that of its address. Set `trust proxy` (Express) or `trustProxy` (Fastify) to the proxies you have, or give `key`',
    )
}
