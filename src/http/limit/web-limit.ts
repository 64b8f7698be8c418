import { checkFunction } from '../../internal/options/validate.js'
import type { Key } from '../../memory/keyed/key.js'
import { webHandler } from '../adapters/web.js'
import type { LimitDecision } from './decision.js'
import { HttpLimiter, type LimitHandles } from './http-limiter.js'
import type { HttpLimitOptions } from './limit-options.js'

/** Options of {@link webLimit}. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- options that name no such arguments are for every handler
export interface WebLimitOptions<Rest extends unknown[] = any[]> extends Omit<HttpLimitOptions<Request>, 'key'> {
  /**
   * Whose request it is; a Request does not say. It gets what the handler gets, such as `info` of Deno or the event of SvelteKit, which know
   * the address. null: it is not limited, so give none that a client can bring about. Required, unless each limit has its own.
   */
  // `& {}`: the handler alone says what Rest is.
  key?: ((request: Request, ...rest: Rest & {}) => Key | null | PromiseLike<Key | null>) | undefined
  /** The answer to a refused request; header fields are added to it. */
  refuse?: ((request: Request, decision: LimitDecision) => Response | Promise<Response>) | undefined
}

/** A handler of requests as the web has them. */
export interface WebLimit<Rest extends unknown[]> extends LimitHandles {
  (request: Request, ...rest: Rest): Promise<Response>
}

/**
 * Puts limits before a handler `(request) => response` as Deno, Bun, Next.js, Remix and others have it; see {@link connectLimit}.
 *
 * @param options - see {@link HttpLimitOptions}; `key` is required, unless each limit has its own
 * @param handler - gets the request and whatever else the caller gave
 * @throws {TypeError | RangeError} naming the option that is wrong
 *
 * @example
 * const handler = () => new Response('hello')
 * export const GET = webLimit(
 *   {
 *     limits: { burst: { requestsPerSecond: 5 } },
 *     key: (request) => request.headers.get('x-api-key') ?? 'none',
 *   },
 *   handler,
 * )
 */
export function webLimit<Rest extends unknown[]>(
  options: WebLimitOptions<Rest>,
  handler: (request: Request, ...rest: Rest) => Response | Promise<Response>,
): WebLimit<Rest> {
  const limiter = new HttpLimiter<Request>('webLimit', options, { ip: () => undefined })
  if (limiter.options.limits.some(({ key }) => key === undefined)) checkFunction('key', options.key as () => unknown)
  checkFunction('handler', handler)
  const limited = webHandler('the handler of webLimit', limiter, options.refuse, handler)
  return Object.assign(limited, limiter.handles())
}
