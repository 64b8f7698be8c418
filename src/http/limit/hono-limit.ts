import { type HonoContext, honoMiddleware, type NodeBindings } from '../adapters/hono.js'
import { warnOfNoAddress } from '../warnings.js'
import { warnOfProxy } from './connect-limit.js'
import type { LimitDecision } from './decision.js'
import type { RequestReader } from './asking.js'
import { HttpLimiter, type LimitHandles } from './http-limiter.js'
import type { HttpLimitOptions } from './limit-options.js'

/** Options of {@link honoLimit}. */
export interface HonoLimitOptions<Context> extends HttpLimitOptions<Context> {
  /** The answer to a refused request; header fields are added to it. */
  refuse?: ((context: Context, decision: LimitDecision) => Response | Promise<Response>) | undefined
}

/** A middleware of Hono. */
export interface HonoLimit<Context> extends LimitHandles {
  (context: Context, next: () => Promise<void>): Promise<Response | undefined>
}

/**
 * A middleware of Hono that limits requests; see {@link connectLimit}. The default key is the socket's address with `@hono/node-server`;
 * elsewhere give `key`, such as `(c) => ipKey(getConnInfo(c).remote.address ?? '')`.
 *
 * @param options - see {@link HttpLimitOptions}
 * @throws {TypeError | RangeError} naming the option that is wrong
 *
 * @example
 * import { Hono } from 'hono'
 * const app = new Hono()
 * app.use(
 *   honoLimit({
 *     name: 'api',
 *     scope: 'machine',
 *     limits: { burst: { requestsPerSecond: 5, burstSize: 20 } },
 *   }),
 * )
 */
export function honoLimit<Context extends HonoContext = HonoContext>(
  options: HonoLimitOptions<Context>,
): HonoLimit<Context> {
  const limiter = new HttpLimiter<Context>('honoLimit', options, honoReader)
  return Object.assign(honoMiddleware(limiter, options.refuse), limiter.handles())
}

const honoReader: RequestReader<HonoContext> = {
  keep: (context, decision) =>
    (context.set as ((name: string, value: unknown) => void) | undefined)?.('rateLimit', decision),
  ip: ({ env }) => (env as NodeBindings | undefined)?.incoming?.socket?.remoteAddress,
  checkProxy: ({ req, env }) => {
    // Without a server of Node.
    if ((env as NodeBindings | undefined)?.incoming === undefined) warnOfNoAddress()
    if (req.header('x-forwarded-for') !== undefined) warnOfProxy(false)
  },
}
