import { checkOptionalFunction } from '../internal/check-common.js'
import { warnOfProxy } from './connect-limit.js'
import type { LimitDecision } from './decision.js'
import { type HttpLimitStats, HttpLimiter, type RequestReader } from './http-limiter.js'
import type { HttpLimitOptions } from './limit-options.js'
import { refusalOf, withHeaders } from './web-limit.js'

/** What is used of a context of Hono. */
export interface HonoContext {
  readonly req: { header(name: string): string | undefined; readonly raw: Request }
  res: Response
  header(name: string, value: string): void
  /** With `@hono/node-server`: Node's own request. */
  readonly env: unknown
}

/** What {@link honoLimit} is made with. */
export interface HonoLimitOptions<Context> extends HttpLimitOptions<Context> {
  /** The answer to a refused request; header fields are added to it. */
  refuse?: ((context: Context, decision: LimitDecision) => Response | Promise<Response>) | undefined
}

/** A middleware of Hono. */
export interface HonoLimit<Context> {
  (context: Context, next: () => Promise<void>): Promise<Response | undefined>
  /** What it has done in this thread. */
  stats(): HttpLimitStats
}

/**
 * A middleware of Hono that limits requests; see {@link connectLimit}. The default key is the socket's address with `@hono/node-server`;
 * elsewhere give `key`, such as `(c) => getConnInfo(c).remote.address ?? null`.
 *
 * @param options - see {@link HttpLimitOptions}
 * @throws {TypeError | RangeError} naming the option that is wrong
 *
 * @example
 * app.use(honoLimit({ name: 'api', scope: 'machine', limits: { burst: { requestsPerSecond: 5, burstSize: 20 } } }))
 */
export function honoLimit<Context extends HonoContext = HonoContext>(
  options: HonoLimitOptions<Context>,
): HonoLimit<Context> {
  const limiter = new HttpLimiter<Context>('honoLimit', options, honoReader, ['refuse'])
  const refuse = checkOptionalFunction('refuse', options.refuse)
  const middleware = async (context: Context, next: () => Promise<void>): Promise<Response | undefined> => {
    const judged = limiter.judge(context)
    if (judged === null) {
      await next()
      return undefined
    }
    const { decision } = judged
    if (!decision.allowed)
      return withHeaders(await refusalOf(context, decision, refuse), (sink) => limiter.writeHeaders(sink, decision))
    await next()
    limiter.writeHeaders(
      { get: (name) => context.res.headers.get(name) ?? undefined, set: (name, value) => context.header(name, value) },
      decision,
    )
    limiter.settle(context, judged, context.req.raw.signal.aborted ? 499 : context.res.status)
    return undefined
  }
  return Object.assign(middleware, { stats: () => limiter.stats() })
}

interface NodeBindings {
  readonly incoming?: { readonly socket?: { readonly remoteAddress?: string | undefined } } | undefined
}

const honoReader: RequestReader<HonoContext> = {
  ip: ({ env }) => (env as NodeBindings | undefined)?.incoming?.socket?.remoteAddress,
  checkProxy: ({ req }) => {
    if (req.header('x-forwarded-for') !== undefined) warnOfProxy(false)
  },
}
