import { checkOptionalFunction } from '../../internal/options/check-common.js'
import { checkFunction, describe } from '../../internal/options/validate.js'
import type { Key } from '../../memory/keyed/key.js'
import { type LimitDecision, PROBLEM_TYPE, problemOf, retryAfterSeconds } from './decision.js'
import { type HttpLimitStats, HttpLimiter } from './http-limiter.js'
import type { HttpLimitOptions } from './limit-options.js'
import type { HeaderSink } from './rate-headers.js'
import { CLIENT_GONE } from './response-end.js'

/** What {@link webLimit} is made with. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- options that name no such arguments are for every handler
export interface WebLimitOptions<Rest extends unknown[] = any[]> extends Omit<HttpLimitOptions<Request>, 'key'> {
  /**
   * Whose request it is; a Request does not say. It gets what the handler gets, such as `info` of Deno or the event of SvelteKit, which know
   * the address. null: it is not limited, so give none that a client can bring about. Required.
   */
  // `& {}`: the handler alone says what Rest is.
  key: (request: Request, ...rest: Rest & {}) => Key | null
  /** The answer to a refused request; header fields are added to it. */
  refuse?: ((request: Request, decision: LimitDecision) => Response | Promise<Response>) | undefined
}

/** A handler of requests as the web has them. */
export interface WebLimit<Rest extends unknown[]> {
  (request: Request, ...rest: Rest): Promise<Response>
  /** What it has done in this thread. */
  stats(): HttpLimitStats
}

/**
 * Puts limits before a handler `(request) => response` as Deno, Bun, Next.js, Remix and others have it; see {@link connectLimit}.
 *
 * @param options - see {@link HttpLimitOptions}; `key` is required
 * @param handler - gets the request and whatever else the caller gave
 * @throws {TypeError | RangeError} naming the option that is wrong
 *
 * @example
 * const handler = () => new Response('hello')
 * export const GET = webLimit({ limits: { burst: { requestsPerSecond: 5 } }, key: (request) => request.headers.get('x-api-key') ?? 'none' }, handler)
 */
export function webLimit<Rest extends unknown[]>(
  options: WebLimitOptions<Rest>,
  handler: (request: Request, ...rest: Rest) => Response | Promise<Response>,
): WebLimit<Rest> {
  const ofRequest = options as HttpLimitOptions<Request>
  const limiter = new HttpLimiter<Request>('webLimit', ofRequest, { ip: () => undefined }, ['refuse'])
  checkFunction('key', options.key)
  checkFunction('handler', handler)
  const refuse = checkOptionalFunction('refuse', options.refuse)
  const limited = async (request: Request, ...rest: Rest): Promise<Response> => {
    const judged = limiter.judge(request, rest)
    if (judged === null) return handler(request, ...rest)
    const { decision, charge } = judged
    const write = (sink: HeaderSink): void => limiter.writeHeaders(sink, decision)
    if (!decision.allowed) return withHeaders(await refusalOf(request, decision, refuse), write)
    let status = 500
    try {
      const response = asResponse('the handler of webLimit', await handler(request, ...rest))
      status = response.status
      return withHeaders(response, write)
    } finally {
      if (charge !== null) limiter.settle(request, judged, request.signal.aborted ? CLIENT_GONE : status)
    }
  }
  return Object.assign(limited, { stats: () => limiter.stats() })
}

/** What a function of the user has returned. @throws {TypeError} when that is no response, of whatever library */
export function asResponse(of: string, given: unknown): Response {
  if (typeof (given as Partial<Response> | null | undefined)?.headers?.get === 'function') return given as Response
  throw new TypeError(`${of} must return a Response; received ${describe(given)}`)
}

/** The answer to a refused request, with Retry-After. */
export async function refusalOf<Request>(
  request: Request,
  decision: LimitDecision,
  refuse: ((request: Request, decision: LimitDecision) => Response | Promise<Response>) | undefined,
): Promise<Response> {
  const seconds = String(retryAfterSeconds(decision))
  if (refuse === undefined) {
    const headers = { 'content-type': PROBLEM_TYPE, 'retry-after': seconds }
    return new Response(problemOf(decision), { status: decision.status, headers })
  }
  return withHeaders(asResponse('refuse', await refuse(request, decision)), (sink) => {
    if (sink.get('retry-after') === undefined) sink.set('retry-after', seconds)
  })
}

/**
 * Adds header fields to a response, or to a copy of it: those of a fetched one cannot be changed. One that cannot be copied either, such as
 * the 101 by which Deno makes a WebSocket, stays as it is.
 */
export function withHeaders(response: Response, write: (sink: HeaderSink) => void): Response {
  let result = ofOneRequest(response)
  write({
    get: (name) => result.headers.get(name) ?? undefined,
    set(name, value) {
      try {
        result.headers.set(name, value)
      } catch {
        if (!isCopyable(response)) return
        result = new Response(response.body, response)
        result.headers.set(name, value)
      }
    },
  })
  return result
}

/** A response that may be changed for one request: one without a body may be given again for the next, so a copy of it. */
export function ofOneRequest(response: Response): Response {
  return response.body === null && isCopyable(response) ? new Response(null, response) : response
}

/** Whether a Response can be made with that status: one of a protocol that changes, of an error, or of no standard cannot. */
export function isCopyable({ status }: Response): boolean {
  return status >= 200 && status <= 599
}
